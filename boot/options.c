/*
 * Parses the command line. Boot managers may start us without one, or with
 * arguments alone, and the text need not end in a zero: its size bounds it.
 */
#include <efi.h>
#include <efilib.h>

#include "boot/options.h"

/* One word of the command line; not zero-terminated. */
struct word {
	const CHAR16 *text;
	UINTN length;
};

static const struct {
	const char *name;
	enum handoff_fault fault;
} fault_names[] = {
	{ "check", HANDOFF_FAULT_CHECK },
	{ "exception", HANDOFF_FAULT_EXCEPTION },
	{ "stack", HANDOFF_FAULT_STACK },
	{ "entry", HANDOFF_FAULT_ENTRY },
};

/* How many characters of `ascii` the word begins with; 0 unless all of them. */
static UINTN word_prefix(struct word word, const char *ascii)
{
	UINTN i;

	for (i = 0; ascii[i]; i++)
		if (i >= word.length || word.text[i] != (CHAR16)ascii[i])
			return 0;
	return i;
}

static bool word_equals(struct word word, const char *ascii)
{
	return word.length && word_prefix(word, ascii) == word.length;
}

static struct word word_skip(struct word word, UINTN count)
{
	return (struct word){ word.text + count, word.length - count };
}

static bool option_parse_memory(struct word value, struct boot_options *options)
{
	u64 mib = 0;

	for (UINTN i = 0; i < value.length; i++) {
		CHAR16 digit = value.text[i];

		if (digit < L'0' || digit > L'9')
			return false;
		mib = mib * 10 + (u64)(digit - L'0');
		if (mib > OPTIONS_MEMORY_MAX)
			return false;
	}
	options->memory_mib = mib;
	return mib >= OPTIONS_MEMORY_MIN;
}

static bool option_parse_fault(struct word value, struct boot_options *options)
{
	for (UINTN i = 0; i < ARRAY_LEN(fault_names); i++) {
		if (!word_equals(value, fault_names[i].name))
			continue;
		options->fault = fault_names[i].fault;
		return true;
	}
	return false;
}

static bool option_parse_help(struct word value, struct boot_options *options)
{
	options->help = true;
	return !value.length;
}

static bool option_parse_check(struct word value, struct boot_options *options)
{
	options->check = true;
	return !value.length;
}

static const struct option {
	const char *name; /* with its `=` where a value follows */
	bool (*parse)(struct word value, struct boot_options *options);
	const char *expects;
} options_table[] = {
	{ "mem=", option_parse_memory, "a number of MiB from 8 to 4096" },
	{ "fault=", option_parse_fault, "check, exception, stack or entry" },
	{ "check", option_parse_check, "no value" },
	{ "help", option_parse_help, "no value" },
};

static const struct option *option_find(struct word word)
{
	for (UINTN i = 0; i < ARRAY_LEN(options_table); i++)
		if (word_prefix(word, options_table[i].name))
			return &options_table[i];
	return NULL;
}

static bool is_separator(CHAR16 c)
{
	return c == L' ' || c == L'\t' || c == L'\r' || c == L'\n';
}

/* Takes the next word off the front of the text; an empty one at its end. */
static struct word word_take(struct word *text)
{
	struct word word;
	UINTN length = 0;
	bool quoted = false; /* our own name may be a path with spaces */

	while (text->length && is_separator(text->text[0]))
		*text = word_skip(*text, 1);
	for (; length < text->length; length++) {
		if (text->text[length] == L'"')
			quoted = !quoted;
		if (!quoted && is_separator(text->text[length]))
			break;
	}
	word = (struct word){ text->text, length };
	*text = word_skip(*text, length);
	return word;
}

static EFI_STATUS option_refuse(struct word word, const struct option *option)
{
	CHAR16 copy[40];
	UINTN length = word.length;

	if (length >= ARRAY_LEN(copy))
		length = ARRAY_LEN(copy) - 1;
	for (UINTN i = 0; i < length; i++)
		copy[i] = word.text[i];
	copy[length] = 0;
	if (option)
		Print(L"stasis: bad option '%s': %a takes %a\n", copy,
		      option->name, option->expects);
	else
		Print(L"stasis: unknown option '%s'; try 'stasis.efi help'\n",
		      copy);
	return EFI_INVALID_PARAMETER;
}

EFI_STATUS options_parse(const CHAR16 *text, UINTN size,
                         struct boot_options *options)
{
	struct word rest = { text, 0 };
	bool first = true;

	while (text && rest.length < size / sizeof(CHAR16) && text[rest.length])
		rest.length++;
	for (;; first = false) {
		struct word word = word_take(&rest);
		const struct option *option = option_find(word);

		if (!word.length)
			return EFI_SUCCESS;
		/*
		 * The shell puts our own name first, some boot managers do
		 * not: a first word that is no option is the name.
		 */
		if (!option && first)
			continue;
		if (!option)
			return option_refuse(word, NULL);
		word = word_skip(word, word_prefix(word, option->name));
		if (!option->parse(word, options))
			return option_refuse(word, option);
	}
}

void options_print_help(void)
{
	Print(L"stasis.efi [mem=MiB] [fault=X] [check] [help]\n"
	      L"Starts the hypervisor; what runs becomes its root partition.\n"
	      L"  mem=MiB   memory to reserve (default: 16 and 1/512 of RAM)\n"
	      L"  check     start nothing: what this machine has and lacks\n"
	      L"  fault=X   for tests: fail by itself, at the start (entry) or\n"
	      L"            at the 1st hypercall (check, exception, stack)\n");
}
