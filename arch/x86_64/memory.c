/*
 * The door's view of memory: all RAM is mapped where it is, so a physical
 * address is a pointer.
 */
#include "hv/arch.h"

void *arch_page(hpa_t page)
{
	return (void *)page.v;
}

hpa_t arch_page_hpa(const void *page)
{
	return hpa_of((u64)page);
}

/* Words first: processors without fast byte strings, and Bochs, prefer them. */
void arch_copy(void *to, const void *from, u64 bytes)
{
	u64 words = bytes / 8;
	u64 rest = bytes % 8;

	__asm__ volatile("rep movsq\n\t"
	                 "mov %3, %2\n\t"
	                 "rep movsb"
	                 : "+D"(to), "+S"(from), "+c"(words)
	                 : "r"(rest)
	                 : "memory");
}

void arch_fill(void *to, u64 word, u64 words)
{
	__asm__ volatile("rep stosq"
	                 : "+D"(to), "+c"(words)
	                 : "a"(word)
	                 : "memory");
}
