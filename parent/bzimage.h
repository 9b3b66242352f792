/*
 * A Linux kernel (bzImage) and what it wants to find when it is entered by the 32-bit
 * boot protocol (Linux, Documentation/arch/x86/boot.rst). In memory: whoever uses it has
 * the files, and the child's RAM.
 */
#ifndef STASIS_PARENT_BZIMAGE_H
#define STASIS_PARENT_BZIMAGE_H

#include "include/types.h"

/* What is in low memory. */
#define BZIMAGE_GDT 0x1000u
#define BZIMAGE_PARAMS 0x10000u
#define BZIMAGE_CMDLINE 0x20000u

#define BZIMAGE_CS 0x10u
#define BZIMAGE_DS 0x18u

/* A kernel's own words of itself. */
struct bzimage {
	u16 version;      /* of the protocol: 0x20a and up */
	u32 code;         /* where in the file what is loaded begins, */
	u32 code_size;    /* and its bytes */
	u64 address;      /* where it is loaded, and entered */
	u32 room;         /* bytes from there on that it needs at first */
	u32 initrd_last;  /* the last address that an initrd may have */
	u32 cmdline_most; /* bytes, without the zero */
};

/* Is the file one? Asks the magic alone. */
bool bzimage_is(const u8 *file, u64 size);

/* Fills `image`. NULL, or what is wrong with the file. */
const char *bzimage_read(const u8 *file, u64 size, struct bzimage *image);

/* What a child starts with. */
struct bzimage_child {
	const u8 *kernel; /* the file */
	struct bzimage image;
	const u8 *initrd; /* NULL: none */
	u64 initrd_size;
	const char *cmdline;
	u64 cmdline_size; /* without a zero */
	u64 ram;          /* bytes, from address 0 on, less than 3 GiB */
	u64 acpi;         /* where the RSDP is */
};

/*
 * The least RAM that has room for all of it: a multiple of 1 MiB. 0: the initrd cannot be
 * where this kernel would find it, whatever the RAM.
 */
u64 bzimage_ram(const struct bzimage_child *child);

/* Puts it all there. RAM is enough, the command line not too long, RAM zeroed. */
void bzimage_load(const struct bzimage_child *child, u8 *ram);

#endif
