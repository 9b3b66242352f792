/*
 * The four functions that a compiler may call by itself. The string
 * instructions keep it from making a call to memset out of memset's own loop.
 */
#include "include/types.h"

void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

void *memcpy(void *to, const void *from, size_t bytes)
{
	void *result = to;

	__asm__ volatile("rep movsb"
	                 : "+D"(to), "+S"(from), "+c"(bytes)
	                 :
	                 : "memory");
	return result;
}

void *memmove(void *to, const void *from, size_t bytes)
{
	u8 *last = (u8 *)to + bytes - 1;
	const u8 *source = (const u8 *)from + bytes - 1;

	if ((uintptr_t)to - (uintptr_t)from >= bytes)
		return memcpy(to, from, bytes);
	/* The end of the source would be overwritten: go down. */
	__asm__ volatile("std; rep movsb; cld"
	                 : "+D"(last), "+S"(source), "+c"(bytes)
	                 :
	                 : "memory", "cc");
	return to;
}

void *memset(void *to, int byte, size_t bytes)
{
	void *result = to;

	__asm__ volatile("rep stosb"
	                 : "+D"(to), "+c"(bytes)
	                 : "a"(byte)
	                 : "memory");
	return result;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
	const u8 *left = a, *right = b;

	for (; bytes; bytes--, left++, right++)
		if (*left != *right)
			return *left - *right;
	return 0;
}
