/*
 * CRC-32C (Castagnoli), by the processor's crc32 instruction: every processor
 * with EPT has it, and it needs no vector registers.
 */
#ifndef HV_CRC32C_H
#define HV_CRC32C_H

#include "include/types.h"

/*
 * Continues a CRC over more bytes. Begin with crc32c(0, ...); the result of one
 * call is the argument of the next.
 */
u32 crc32c(u32 crc, const void *data, u64 bytes);

#endif
