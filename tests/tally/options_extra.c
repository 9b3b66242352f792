/*
 * The loader of the image for tests takes one option more: fault=NAME, or
 * fault=NAME,PROCESSOR or fault=NAME,PROCESSOR,CODE (of a hypercall, in hexadecimal).
 */
#include <efi.h>
#include <efilib.h>

#include "boot/options.h"
#include "tests/tally/planted.h"

static const struct {
	const CHAR16 *word;
	enum planted_fault fault;
} faults[] = {
	{ L"fault=check", PLANTED_CHECK },
	{ L"fault=exception", PLANTED_EXCEPTION },
	{ L"fault=stack", PLANTED_STACK },
	{ L"fault=entry", PLANTED_ENTRY },
	{ L"fault=hang", PLANTED_HANG },
};

/* Up to the end or a comma; *at is behind that. */
static UINTN number(const CHAR16 *text, UINTN length, UINTN *at)
{
	UINTN value = 0;

	for (; *at < length && text[*at] != L','; (*at)++)
		value = value << 4 |
		        ((text[*at] & 15u) + (text[*at] > L'9' ? 9u : 0u));
	(*at)++;
	return value;
}

bool options_extra(const CHAR16 *text, UINTN length,
                   struct boot_options *options)
{
	for (UINTN i = 0; i < ARRAY_LEN(faults); i++) {
		UINTN at = StrLen(faults[i].word);

		if (length < at || StrnCmp(faults[i].word, text, at) ||
		    (length > at && text[at] != L','))
			continue;
		options->planted = faults[i].fault;
		if (++at < length)
			options->planted |=
				(UINT32)(number(text, length, &at) + 1)
				<< PLANTED_ON_SHIFT;
		if (at < length)
			options->planted |= (UINT32)number(text, length, &at)
			                    << PLANTED_CALL_SHIFT;
		return true;
	}
	return false;
}
