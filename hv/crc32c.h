/*
 * CRC-32C (Castagnoli), by the processor's crc32 instruction: every processor
 * with EPT has it, and it needs no vector registers.
 */
#ifndef HV_CRC32C_H
#define HV_CRC32C_H

#include "include/types.h"

/* Makes the tables that the others use: once, before anything else. */
void crc32c_init(void);

/*
 * Continues a CRC over more bytes. Begin with crc32c(0, ...); the result of one
 * call is the argument of the next.
 */
u32 crc32c(u32 crc, const void *data, u64 bytes);

/*
 * The same for a page of 4096 bytes; `ahead` is the page that is wanted next,
 * to be asked for meanwhile. It may be any address: it is not read.
 */
u32 crc32c_page(u32 crc, const void *from, const void *ahead);

/*
 * Copies the page on the way. Every word is read once: the CRC is that of the
 * copy, whatever others write to the page at the same time.
 */
u32 crc32c_copy_page(u32 crc, void *to, const void *from, const void *ahead);

#endif
