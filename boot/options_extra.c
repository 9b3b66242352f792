/*
 * Stands for what a loader for tests accepts besides: nothing. That one is linked
 * with tests/tally/options_extra.c in the place of this file.
 */
#include "boot/options.h"

bool options_extra(const CHAR16 *text, UINTN length,
                   struct boot_options *options)
{
	(void)text;
	(void)length;
	(void)options;
	return false;
}
