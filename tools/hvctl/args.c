/*
 * Reading the words of a command line.
 */
#include "tools/hvctl/command.h"

#include "tools/hvctl/print.h"

/*
 * Of ASCII alone: the names that are compared have no other letters. The shell of UEFI
 * does not care about capitals in a command, so neither do we.
 */
static char lower(char c)
{
	if (c < 'A' || c > 'Z')
		return c;
	return (char)(c - 'A' + 'a');
}

bool args_same(const char *a, const char *b)
{
	for (; *a && lower(*a) == lower(*b); a++)
		b++;
	return lower(*a) == lower(*b);
}

/* What follows "name=", null: the word is something else. */
/* Exactly that name: "memory=4" is no "mem=", nor is "mem" without its sign. */
static const char *value_of(const char *word, const char *name)
{
	for (; *name; name++)
		if (*word++ != *name)
			return NULL;
	return *word == '=' ? word + 1 : NULL;
}

bool args_number(const char *word, u64 *number)
{
	u64 n = 0;

	/* "mem=" alone is a slip, and not 0. */
	if (*word == 0)
		return false;
	for (; *word; word++) {
		/* The bound keeps ten times it below 2^63: no number wraps into the allowed range. */
		if (*word < '0' || *word > '9' || n > (u64)1 << 59)
			return false;
		n = 10 * n + (u64)(*word - '0');
	}
	*number = n;
	return true;
}

static bool equal(const char *a, const char *b)
{
	for (; *a && *a == *b; a++)
		b++;
	return *a == *b;
}

bool args_flag(const struct args *args, const char *flag)
{
	for (u32 i = 0; i < args->count; i++)
		if (equal(args->word[i], flag))
			return true;
	return false;
}

/* As below, the last one counts. */
const char *args_text(const struct args *args, const char *name)
{
	const char *text = NULL, *value;

	for (u32 i = 0; i < args->count; i++) {
		value = value_of(args->word[i], name);
		text = value ? value : text;
	}
	return text;
}

bool args_option(const struct args *args, const char *name, u64 lowest,
                 u64 highest, u64 *number)
{
	const char *value;
	u64 n;

	/* A name that comes twice counts as the last one, as it stands in the line. */
	for (u32 i = 0; i < args->count; i++) {
		value = value_of(args->word[i], name);
		if (!value)
			continue;
		if (!args_number(value, &n) || n < lowest || n > highest) {
			/* Said here, so that no command has to: it only has to end. */
			print("hvctl: %s: want a number from %lu to %lu\n",
			      args->word[i], lowest, highest);
			return false;
		}
		*number = n;
	}
	return true;
}
