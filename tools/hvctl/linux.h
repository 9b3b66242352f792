/*
 * A child that is a Linux kernel.
 */
#ifndef STASIS_HVCTL_LINUX_H
#define STASIS_HVCTL_LINUX_H

#include "tools/hvctl/command.h"

/* One on the command line of create: a file with its bytes, and the words behind it. */
struct linux_words {
	const char *path;
	const u8 *kernel;
	u64 size;
	const char *initrd;  /* a path, NULL: none */
	const char *cmdline; /* NULL: none */
	u64 mem;             /* MiB, 0: as it likes */
	u64 vps;
};

/* Makes it, suspended at the kernel's first instruction, and says so. */
enum hvctl_result linux_create(const struct linux_words *words);

#endif
