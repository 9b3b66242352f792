/*
 * CRC-32C over memory. The instruction takes three cycles and can begin every
 * cycle, so three lanes go side by side and are joined: a lane in front of n
 * bytes counts as if n zero bytes followed it, which is a linear map of its 32
 * bits, kept as four tables of 256.
 */
#include "hv/crc32c.h"

#define LONG_LANE 1344u /* three of them are all but 64 bytes of a page */
#define SHORT_LANE 128u
#define LINE 64u /* bytes of a cache line; LONG_LANE is a multiple */

struct shift {
	u32 lane;
	u32 table[4][256];
};

static struct shift long_shift, short_shift;

static u64 load(const u8 *at)
{
	u64 word;

	__builtin_memcpy(&word, at, sizeof(word));
	return word;
}

static u32 load4(const u8 *at)
{
	u32 word;

	__builtin_memcpy(&word, at, sizeof(word));
	return word;
}

/* One bit of the state, pushed through `bytes` zero bytes. */
static u32 shift_bit(u32 bit, u32 bytes)
{
	u64 state = BIT(bit);

	for (; bytes > 0; bytes -= 8)
		state = __builtin_ia32_crc32di(state, 0);
	return (u32)state;
}

static void shift_init(struct shift *s, u32 lane)
{
	for (u32 bit = 0; bit < 32; bit++) {
		u32 *table = s->table[bit / 8];
		u32 own = 1u << bit % 8;

		table[own] = shift_bit(bit, lane);
		for (u32 i = 1; i < own; i++)
			table[own + i] = table[own] ^ table[i];
	}
	s->lane = lane;
}

static u32 shift(const struct shift *s, u64 state)
{
	return s->table[0][state & 0xff] ^ s->table[1][state >> 8 & 0xff] ^
	       s->table[2][state >> 16 & 0xff] ^
	       s->table[3][state >> 24 & 0xff];
}

/* Three lanes' worth of bytes. */
static u64 three_lanes(const struct shift *s, u64 state, const u8 *at)
{
	const u8 *end = at + s->lane;
	u64 b = 0, c = 0;

	for (; at < end; at += 8) {
		state = __builtin_ia32_crc32di(state, load(at));
		b = __builtin_ia32_crc32di(b, load(at + s->lane));
		c = __builtin_ia32_crc32di(c, load(at + 2 * s->lane));
	}
	return shift(s, shift(s, state) ^ b) ^ c;
}

void crc32c_init(void)
{
	shift_init(&short_shift, SHORT_LANE);
	shift_init(&long_shift, LONG_LANE);
}

/* What is long enough for three lanes; the rest of it is less. */
static u64 lanes(u64 state, const u8 **at, u64 *bytes)
{
	for (; *bytes >= 3 * LONG_LANE; *bytes -= 3 * LONG_LANE) {
		state = three_lanes(&long_shift, state, *at);
		*at += 3 * LONG_LANE;
	}
	for (; *bytes >= 3 * SHORT_LANE; *bytes -= 3 * SHORT_LANE) {
		state = three_lanes(&short_shift, state, *at);
		*at += 3 * SHORT_LANE;
	}
	return state;
}

u32 crc32c(u32 crc, const void *data, u64 bytes)
{
	const u8 *at = data;
	u64 state = (u32)~crc;

	if (bytes >= 3 * SHORT_LANE)
		state = lanes(state, &at, &bytes);
	for (; bytes >= 8; bytes -= 8, at += 8)
		state = __builtin_ia32_crc32di(state, load(at));
	if (bytes >= 4) {
		state = __builtin_ia32_crc32si((u32)state, load4(at));
		bytes -= 4;
		at += 4;
	}
	for (; bytes > 0; bytes--, at++)
		state = __builtin_ia32_crc32qi((u32)state, *at);
	return ~(u32)state;
}

/* Eight bytes of one lane; what is stored is what is counted. */
static inline u64 step(u64 state, u8 *to, const u8 *from)
{
	u64 word = load(from);

	if (to)
		__builtin_memcpy(to, &word, sizeof(word));
	return __builtin_ia32_crc32di(state, word);
}

static inline void prefetch(uintptr_t at)
{
	__builtin_prefetch((const void *)at);
}

/*
 * A page in three lanes and a rest, a cache line of each lane a turn. The lanes
 * wait for the instruction, not for memory: time to ask for three lines of the
 * page that comes next.
 */
static inline __attribute__((always_inline)) u32 page(u32 crc, u8 *to,
                                                      const u8 *from,
                                                      uintptr_t ahead)
{
	const u32 second = LONG_LANE, third = 2 * LONG_LANE;
	u64 a = (u32)~crc, b = 0, c = 0;

	for (u32 at = 0; at < LONG_LANE; at += LINE) {
		prefetch(ahead + 3 * at);
		prefetch(ahead + 3 * at + LINE);
		prefetch(ahead + 3 * at + 2 * LINE);
#pragma GCC unroll 8
		for (u32 i = at; i < at + LINE; i += 8) {
			a = step(a, to ? to + i : to, from + i);
			b = step(b, to ? to + second + i : to,
			         from + second + i);
			c = step(c, to ? to + third + i : to, from + third + i);
		}
	}
	prefetch(ahead + 3 * LONG_LANE);
	a = shift(&long_shift, shift(&long_shift, a) ^ b) ^ c;
	for (u32 i = 3 * LONG_LANE; i < PAGE_SIZE; i += 8)
		a = step(a, to ? to + i : to, from + i);
	return ~(u32)a;
}

u32 crc32c_page(u32 crc, const void *from, const void *ahead)
{
	return page(crc, NULL, from, (uintptr_t)ahead);
}

u32 crc32c_copy_page(u32 crc, void *to, const void *from, const void *ahead)
{
	return page(crc, to, from, (uintptr_t)ahead);
}
