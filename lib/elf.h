/*
 * Loads the hypervisor's ELF file: a static PIE linked at 0, with relative
 * relocations only. No UEFI in here.
 */
#ifndef STASIS_LIB_ELF_H
#define STASIS_LIB_ELF_H

#include "include/types.h"

/* A file that was found loadable. */
struct elf_image {
	const u8 *file;
	u64 memory_size; /* of the loaded image, whole pages */
	u64 entry;       /* offset in the loaded image */
	u64 rela_offset; /* of the relocations in the file */
	u64 rela_count;
};

/* NULL, or what is wrong with the file. Loading cannot fail afterwards. */
const char *elf_check(const u8 *file, u64 size, struct elf_image *image);

/* Fills memory_size bytes at `base`, relocated to run there. */
void elf_load(const struct elf_image *image, u8 *base);

#endif
