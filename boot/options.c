/*
 * Parses the command line. Boot managers may start us without one, or with
 * arguments alone, and the text need not end in a zero: its size bounds it.
 */
#include "boot/options.h"

#include <efi.h>
#include <efilib.h>

/* One word of the command line; not zero-terminated. */
struct word {
	const CHAR16 *text;
	UINTN length;
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

static u32 digit_value(CHAR16 c)
{
	if (c >= L'0' && c <= L'9')
		return (u32)(c - L'0');
	c |= 0x20;
	return c >= L'a' && c <= L'f' ? (u32)(c - L'a') + 10 : 16;
}

/* Takes a number up to `max` off the word's front; false: there is none. */
static bool word_number(struct word *word, u32 base, u64 max, u64 *value)
{
	UINTN digits = 0;

	*value = 0;
	for (; word->length && digit_value(word->text[0]) < base; digits++) {
		*value = *value * base + digit_value(word->text[0]);
		if (*value > max)
			return false;
		*word = word_skip(*word, 1);
	}
	return digits;
}

/* Takes `ascii` off the word's front, if it is there. */
static bool word_accept(struct word *word, const char *ascii)
{
	UINTN length = word_prefix(*word, ascii);

	*word = word_skip(*word, length);
	return length;
}

static bool option_parse_memory(struct word value, struct boot_options *options)
{
	return word_number(&value, 10, OPTIONS_MEMORY_MAX,
	                   &options->memory_mib) &&
	       !value.length && options->memory_mib >= OPTIONS_MEMORY_MIN;
}

/* BUS:DEVICE.FUNCTION, hexadecimal as lspci and the shell's pci show them. */
static bool serial_parse_pci(struct word *value, u64 *address)
{
	u64 bus, device, function;

	if (!word_number(value, 16, 0xff, &bus) || !word_accept(value, ":") ||
	    !word_number(value, 16, 0x1f, &device) ||
	    !word_accept(value, ".") || !word_number(value, 16, 7, &function))
		return false;
	*address = bus << 16 | device << 11 | function << 8;
	return true;
}

static bool option_parse_serial(struct word value, struct boot_options *options)
{
	struct boot_serial *serial = &options->serial;
	u64 stride = 0, divisor = 1; /* 115,200 baud with the usual clock */

	if (word_equals(value, "none")) {
		serial->kind = BOOT_SERIAL_NONE;
		return true;
	}
	serial->kind = BOOT_SERIAL_AT;
	if (word_accept(&value, "pci:")) {
		serial->kind = BOOT_SERIAL_PCI;
		if (!serial_parse_pci(&value, &serial->address))
			return false;
	} else if (!word_accept(&value, "0x") ||
	           !word_number(&value, 16, OPTIONS_SERIAL_MAX,
	                        &serial->address)) {
		return false;
	}
	if (word_accept(&value, ",") &&
	    (!word_number(&value, 10, 4, &stride) || !stride))
		return false;
	if (word_accept(&value, ",") &&
	    !word_number(&value, 10, 0xffff, &divisor))
		return false;
	serial->stride = (u32)stride;
	serial->divisor = (u32)divisor;
	return !value.length &&
	       (serial->address || serial->kind != BOOT_SERIAL_AT);
}

static bool option_parse_reset(struct word value, struct boot_options *options)
{
	u64 seconds = HANDOFF_RESET_NEVER;
	bool good = word_equals(value, "never") ||
	            (word_number(&value, 10, OPTIONS_RESET_MAX, &seconds) &&
	             !value.length);

	options->reset_seconds = (u32)seconds;
	return good;
}

static bool option_parse_mitigations(struct word value,
                                     struct boot_options *options)
{
	options->no_barriers = word_equals(value, "off");
	return options->no_barriers;
}

static bool option_parse_log(struct word value, struct boot_options *options)
{
	options->log = true;
	return !value.length;
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
	{ "check", option_parse_check, "no value" },
	{ "serial=", option_parse_serial,
	  "none, or 0xADDRESS or pci:BUS:DEVICE.FUNCTION, then "
	  "[,STRIDE[,DIVISOR]]" },
	{ "reset=", option_parse_reset, "a number of seconds, or never" },
	{ "mitigations=", option_parse_mitigations, "off" },
	{ "log", option_parse_log, "no value" },
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

	options->reset_seconds = OPTIONS_RESET_SECONDS;
	while (text && rest.length < size / sizeof(CHAR16) && text[rest.length])
		rest.length++;
	for (;; first = false) {
		struct word word = word_take(&rest);
		const struct option *option = option_find(word);

		if (!word.length)
			return EFI_SUCCESS;
		if (options_extra(word.text, word.length, options))
			continue;
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
	Print(L"stasis.efi [OPTION...]\n"
	      L"Starts the hypervisor; what runs becomes its root partition.\n"
	      L"  mem=MiB       memory to reserve (default: 16 and 1/512 of "
	      L"RAM)\n"
	      L"  serial=PORT   where a report goes: none, an I/O port or an\n"
	      L"                address in memory (0x2f8, 0xfe036000), or a\n"
	      L"                function on PCI (pci:0:1f.3); then, if need "
	      L"be,\n"
	      L"                ,STRIDE of the registers and ,DIVISOR of the "
	      L"line\n"
	      L"                (default: COM1 as it is, if it is there)\n"
	      L"  reset=SECS    from a report to the reset of the machine, or "
	      L"never\n"
	      L"                (default: 60)\n"
	      L"  mitigations=off\n"
	      L"                no barriers between partitions: quicker, but a "
	      L"child may\n"
	      L"                find traces of others in the processor\n"
	      L"  check         start nothing: what this machine has and lacks\n"
	      L"stasis.efi log shows the report that the last run has left in "
	      L"memory.\n");
}
