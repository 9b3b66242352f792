/*
 * The door's copies and fills.
 */
#include "hv/arch.h"

/* Below that many words a string instruction only begins to be quick. */
#define WORDS_MIN 16u

static void copy_words(u8 *to, const u8 *from, u64 words)
{
	u64 word;

	for (; words > 0; words--, to += sizeof(word), from += sizeof(word)) {
		__builtin_memcpy(&word, from, sizeof(word));
		/* Read once, and no loop that a compiler could call memcpy. */
		__asm__ volatile("" : "+r"(word)::"memory");
		__builtin_memcpy(to, &word, sizeof(word));
	}
}

/* Words first: processors without fast byte strings, and Bochs, prefer them. */
void arch_copy(void *to, const void *from, u64 bytes)
{
	u64 words = bytes / 8;
	u64 rest = bytes % 8;

	if (words < WORDS_MIN) {
		copy_words(to, from, words);
		to = (u8 *)to + words * 8;
		from = (const u8 *)from + words * 8;
	} else {
		__asm__ volatile("rep movsq"
		                 : "+D"(to), "+S"(from), "+c"(words)
		                 :
		                 : "memory");
	}
	if (rest)
		__asm__ volatile("rep movsb"
		                 : "+D"(to), "+S"(from), "+c"(rest)
		                 :
		                 : "memory");
}

void arch_fill(void *to, u64 word, u64 words)
{
	__asm__ volatile("rep stosq"
	                 : "+D"(to), "+c"(words)
	                 : "a"(word)
	                 : "memory");
}
