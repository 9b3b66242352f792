/*
 * CRC-32C (Castagnoli), by the processor's crc32 instruction: every processor
 * with EPT has it, and it needs no vector registers.
 */
#ifndef STASIS_LIB_CRC32C_H
#define STASIS_LIB_CRC32C_H

#include "include/types.h"

/* Makes the tables that the others use: once, before anything else. */
void crc32c_init(void);

/*
 * Continues a CRC over more bytes. Begin with crc32c(0, ...); the result of one
 * call is the argument of the next.
 */
u32 crc32c(u32 crc, const void *data, u64 bytes);

/*
 * A page on its way, in two parts: the first `cut` bytes, and the rest. Each
 * part comes from a place and goes to a place, which may be the same one.
 */
struct crc32c_page {
	const u8 *from[2];
	u8 *to[2];
	u32 cut; /* a multiple of CRC32C_CUT, 4096 at most */
	/* A page that is wanted soon, to be asked for meanwhile. It may be
	 * any address: it is not read. */
	const u8 *ahead;
};
#define CRC32C_CUT 64u

/*
 * Copies the page and continues a CRC over it. Every word is read once: the CRC
 * is that of what was stored, whatever others write at the same time.
 */
u32 crc32c_page(u32 crc, const struct crc32c_page *p);

#endif
