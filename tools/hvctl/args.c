/*
 * Reading the words of a command line.
 */
#include "tools/hvctl/command.h"

#include <efilib.h>

bool args_number(const CHAR16 *word, u64 *number)
{
	u64 n = 0;

	if (*word == 0)
		return false;
	for (; *word; word++) {
		if (*word < '0' || *word > '9' || n > (u64)1 << 59)
			return false;
		n = 10 * n + (u64)(*word - '0');
	}
	*number = n;
	return true;
}

bool args_flag(const struct args *args, const CHAR16 *flag)
{
	for (u32 i = 0; i < args->count; i++)
		if (StrCmp(args->word[i], flag) == 0)
			return true;
	return false;
}

bool args_option(const struct args *args, const CHAR16 *name, u64 lowest,
                 u64 highest, u64 *number)
{
	UINTN length = StrLen(name);
	const CHAR16 *word;
	u64 n;

	for (u32 i = 0; i < args->count; i++) {
		word = args->word[i];
		if (StrnCmp(word, name, length) != 0 || word[length] != '=')
			continue;
		if (!args_number(word + length + 1, &n) || n < lowest ||
		    n > highest) {
			Print(L"hvctl: %s: want a number from %ld to %ld\n",
			      word, lowest, highest);
			return false;
		}
		*number = n;
	}
	return true;
}
