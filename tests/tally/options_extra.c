/*
 * The loader of the image for tests takes one option more: fault=NAME.
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
};

bool options_extra(const CHAR16 *text, UINTN length,
                   struct boot_options *options)
{
	for (UINTN i = 0; i < ARRAY_LEN(faults); i++) {
		if (StrLen(faults[i].word) != length ||
		    StrnCmp(faults[i].word, text, length))
			continue;
		options->planted = faults[i].fault;
		return true;
	}
	return false;
}
