/*
 * CRC-32C over memory, eight bytes an instruction.
 */
#include "hv/crc32c.h"

u32 crc32c(u32 crc, const void *data, u64 bytes)
{
	const u8 *at = data;
	u64 state = (u32)~crc;
	u64 word;

	for (; bytes >= 8; bytes -= 8, at += 8) {
		__builtin_memcpy(&word, at, 8);
		state = __builtin_ia32_crc32di(state, word);
	}
	for (; bytes > 0; bytes--, at++)
		state = __builtin_ia32_crc32qi((u32)state, *at);
	return ~(u32)state;
}
