/*
 * UTF-8 to UCS-2, and back.
 */
#include "tools/hvctl/uefi/text.h"

#define REPLACEMENT 0xfffdu /* U+FFFD, replacement character */

/* The bytes of a letter by its first one; 0: none begins so. */
static u32 letter_length(u8 first)
{
	if (first < 0x80)
		return 1;
	if ((first & 0xe0) == 0xc0)
		return 2;
	if ((first & 0xf0) == 0xe0)
		return 3;
	return (first & 0xf8) == 0xf0 ? 4 : 0;
}

/* Takes one letter. A zero is no byte of a letter: nothing behind it is read. */
static u32 take_letter(const char **from)
{
	u8 first = (u8) * (*from)++;
	u32 length = letter_length(first);
	u32 letter = length == 1 ? first : first & (0x7fu >> length);

	for (u32 i = 1; i < length; i++) {
		if (((u8) * *from & 0xc0) != 0x80)
			return REPLACEMENT;
		letter = letter << 6 | ((u8) * (*from)++ & 0x3fu);
	}
	/* UCS-2 has no pairs: what would need one cannot be shown. */
	return length && letter <= 0xffff ? letter : REPLACEMENT;
}

void text_widen(const char *from, CHAR16 *to, u32 room)
{
	u32 length = 0;

	while (*from && length + 1 < room)
		to[length++] = (CHAR16)take_letter(&from);
	to[length] = 0;
}

void text_narrow(const CHAR16 *from, char *to, u32 room)
{
	u32 length = 0;

	/* A letter of UCS-2 takes three bytes at most. */
	for (; *from && length + 3 < room; from++) {
		u32 letter = *from;

		if (letter < 0x80) {
			to[length++] = (char)letter;
			continue;
		}
		if (letter < 0x800) {
			to[length++] = (char)(0xc0 | letter >> 6);
		} else {
			to[length++] = (char)(0xe0 | letter >> 12);
			to[length++] = (char)(0x80 | (letter >> 6 & 0x3f));
		}
		to[length++] = (char)(0x80 | (letter & 0x3f));
	}
	to[length] = 0;
}
