/* The words behind `stasis.efi` on the shell's command line. */
#ifndef STASIS_BOOT_OPTIONS_H
#define STASIS_BOOT_OPTIONS_H

#include <efi.h>

#include "include/handoff.h"

#define OPTIONS_MEMORY_MIN 8u    /* MiB */
#define OPTIONS_MEMORY_MAX 4096u /* MiB; keeps every sum within 64 bits */

#define OPTIONS_RESET_SECONDS 60u /* unless the user says something else */
#define OPTIONS_RESET_MAX 86400u
#define OPTIONS_SERIAL_MAX (BIT(46) - 1)
#define OPTIONS_PORT_MAX 0xffffu /* a higher address is one in memory */

enum boot_serial_kind {
	BOOT_SERIAL_DEFAULT = 0, /* COM1 if it is there */
	BOOT_SERIAL_NONE,
	BOOT_SERIAL_AT,  /* address: a port or in memory */
	BOOT_SERIAL_PCI, /* address: bus, device, function as PCI has them */
};

struct boot_serial {
	enum boot_serial_kind kind;
	u64 address;
	u32 stride;  /* 0: what is usual there */
	u32 divisor; /* 0: leave the line as it is */
};

struct boot_options {
	u64 memory_mib; /* 0: let boot choose */
	u32 planted;    /* for the image of tests (tests/tally) */
	struct boot_serial serial;
	u32 reset_seconds; /* or HANDOFF_RESET_NEVER */
	bool log;
	bool help;
	bool check;       /* look at the machine, start nothing */
	bool no_barriers; /* between partitions: mitigations=off */
};

/* EFI_SUCCESS, or EFI_INVALID_PARAMETER after one line that says why. */
EFI_STATUS options_parse(const CHAR16 *text, UINTN size,
                         struct boot_options *options);

void options_print_help(void);

/*
 * True: the word at `text` is an option of a loader for tests, and is noted. The
 * product's knows none (options_extra.c).
 */
bool options_extra(const CHAR16 *text, UINTN length,
                   struct boot_options *options);

#endif
