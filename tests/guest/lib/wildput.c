/*
 * Bytes, and the instruction that fills a register.
 */
#include "tests/guest/lib/wildput.h"

#include "tests/guest/lib/values.h"

struct wildput_out wildput_out;

void wildput(u64 value, u32 bytes)
{
	for (; bytes && wildput_out.at < wildput_out.end; bytes--, value >>= 8)
		*wildput_out.at++ = (u8)value;
}

u32 wildput_word(void)
{
	return (u32)values_next(VALUES_WORD, 0, 0);
}

void wildput_load(u32 reg, u32 value)
{
	if (wildput_out.bits == 16)
		wildput(0x66, 1);
	wildput(0xb8 | reg, 1);
	wildput(value, 4);
}
