/*
 * CRC-32C over memory. The instruction takes three cycles and can begin every
 * cycle, so three lanes go side by side and are joined: a lane in front of n
 * bytes counts as if n zero bytes followed it, which is a linear map of its 32
 * bits, kept as eight tables of 16. (Four of 256 are half the loads, but not in the
 * first cache any more when a page has gone by.)
 */
#include "lib/crc32c.h"

#define LONG_LANE 1344u /* three of them are all but 64 bytes of a page */
#define SHORT_LANE 128u
#define LINE 64u /* bytes of a cache line */

#define DIGITS 8u /* of four bits, in a state */

struct shift {
	u32 bytes;
	u32 table[DIGITS][16];
};

/* Of a lane with another behind it, and with two. Constant behind crc32c_init. */
static struct shift long_shift[2], short_shift[2];

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

static void shift_init(struct shift *s, u32 bytes)
{
	for (u32 bit = 0; bit < 32; bit++) {
		u32 *table = s->table[bit / 4];
		u32 own = 1u << bit % 4;

		table[own] = shift_bit(bit, bytes);
		for (u32 i = 1; i < own; i++)
			table[own + i] = table[own] ^ table[i];
	}
	s->bytes = bytes;
}

static u32 shift(const struct shift *s, u64 state)
{
	u32 sum = 0;

#pragma GCC unroll 8
	for (u32 i = 0; i < DIGITS; i++)
		sum ^= s->table[i][state >> 4 * i & 0xf];
	return sum;
}

/* Three lanes' worth of bytes. */
static u64 three_lanes(const struct shift *s, u64 state, const u8 *at)
{
	const u8 *end = at + s->bytes;
	u64 b = 0, c = 0;

	for (; at < end; at += 8) {
		state = __builtin_ia32_crc32di(state, load(at));
		b = __builtin_ia32_crc32di(b, load(at + s->bytes));
		c = __builtin_ia32_crc32di(c, load(at + 2 * s->bytes));
	}
	return shift(&s[1], state) ^ shift(&s[0], b) ^ c;
}

/* What is long enough for three lanes; the rest of it is less. */
static u64 lanes(u64 state, const u8 **at, u64 *bytes)
{
	for (; *bytes >= 3 * LONG_LANE; *bytes -= 3 * LONG_LANE) {
		state = three_lanes(long_shift, state, *at);
		*at += 3 * LONG_LANE;
	}
	for (; *bytes >= 3 * SHORT_LANE; *bytes -= 3 * SHORT_LANE) {
		state = three_lanes(short_shift, state, *at);
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

/*
 * ---- A page that is counted and moved in one pass ----
 *
 * Six lanes and a rest: some processors begin two of the instruction a cycle.
 * The lanes wait for the instruction, not for memory: time to store what was
 * loaded, and to ask for the page that comes next. Each has a shift of its own, over
 * all that is behind it: so none waits for another to be joined.
 */

#define PAGE_LANES 6u
#define PAGE_LANE 672u /* six of them are all but 64 bytes of a page */
#define PAGE_REST (PAGE_SIZE - PAGE_LANES * PAGE_LANE)
#define STEP 32u /* bytes of each lane a turn; PAGE_LANE is a multiple */

static struct shift page_shift[PAGE_LANES];

/* Where a page would lie, all of it, of which a part does: two addresses. */
struct place {
	uintptr_t from;
	uintptr_t to;
};

struct lanes {
	u64 a, b, c, d, e, f;
};

/* Eight bytes of one lane; what is stored is what is counted. */
static inline u64 step(u64 state, struct place p, u64 at)
{
	u64 word = load((const u8 *)(p.from + at));

	__builtin_memcpy((void *)(p.to + at), &word, sizeof(word));
	return __builtin_ia32_crc32di(state, word);
}

static inline void prefetch(uintptr_t at)
{
	__builtin_prefetch((const void *)at);
}

/* Half a cache line of each lane: three lines of the next page. */
static inline void ask_for(uintptr_t ahead)
{
	prefetch(ahead);
	prefetch(ahead + LINE);
	prefetch(ahead + 2 * LINE);
}

/*
 * The lanes from byte `at` of each to `end`. So many of them are in the first
 * place, and the compiler knows how many: there are no registers for a place of
 * each lane.
 */
static inline __attribute__((always_inline)) void pass(
	struct lanes *lanes, const struct place place[2], u32 first, u64 at,
	u64 end, uintptr_t ahead)
{
	const struct place p = place[0], q = place[1];
	struct lanes s = *lanes;

	for (; at < end; at += STEP) {
		ask_for(ahead + PAGE_LANES * at);
#pragma GCC unroll 4
		for (u64 i = at; i < at + STEP; i += 8) {
			s.a = step(s.a, first > 0 ? p : q, i);
			s.b = step(s.b, first > 1 ? p : q, PAGE_LANE + i);
			s.c = step(s.c, first > 2 ? p : q, 2 * PAGE_LANE + i);
			s.d = step(s.d, first > 3 ? p : q, 3 * PAGE_LANE + i);
			s.e = step(s.e, first > 4 ? p : q, 4 * PAGE_LANE + i);
			s.f = step(s.f, first > 5 ? p : q, 5 * PAGE_LANE + i);
		}
	}
	*lanes = s;
}

static void pass_of(struct lanes *lanes, const struct place place[2], u32 first,
                    u64 at, u64 end, uintptr_t ahead)
{
	switch (first) {
	case 0:
		pass(lanes, place, 0, at, end, ahead);
		break;
	case 1:
		pass(lanes, place, 1, at, end, ahead);
		break;
	case 2:
		pass(lanes, place, 2, at, end, ahead);
		break;
	case 3:
		pass(lanes, place, 3, at, end, ahead);
		break;
	case 4:
		pass(lanes, place, 4, at, end, ahead);
		break;
	case 5:
		pass(lanes, place, 5, at, end, ahead);
		break;
	default:
		pass(lanes, place, PAGE_LANES, at, end, ahead);
		break;
	}
}

static u32 join(const struct lanes *s, u64 rest)
{
	const struct shift *t = page_shift;

	return shift(&t[0], s->a) ^ shift(&t[1], s->b) ^ shift(&t[2], s->c) ^
	       shift(&t[3], s->d) ^ shift(&t[4], s->e) ^ shift(&t[5], s->f) ^
	       (u32)rest;
}

/*
 * Lanes in front of the one with the cut are in the first place, those behind it
 * in the second, and it itself changes over on the way.
 */
u32 crc32c_page(u32 crc, const struct crc32c_page *p)
{
	const struct place place[2] = {
		{ (uintptr_t)p->from[0], (uintptr_t)p->to[0] },
		{ (uintptr_t)p->from[1] - p->cut,
		  (uintptr_t)p->to[1] - p->cut },
	};
	u32 first = p->cut / PAGE_LANE, at = p->cut % PAGE_LANE;
	uintptr_t ahead = (uintptr_t)p->ahead;
	struct lanes lanes = { .a = (u32)~crc };
	u64 rest = 0;

	if (first == PAGE_LANES)
		at = 0;
	else
		pass_of(&lanes, place, first + 1, 0, at, ahead);
	pass_of(&lanes, place, first, at, PAGE_LANE, ahead);
	prefetch(ahead + PAGE_LANES * PAGE_LANE);
	for (u32 i = PAGE_LANES * PAGE_LANE; i < PAGE_SIZE; i += 8)
		rest = step(rest, place[p->cut <= i], i);
	return ~join(&lanes, rest);
}

void crc32c_init(void)
{
	for (u32 i = 0; i < 2; i++) {
		shift_init(&short_shift[i], SHORT_LANE * (i + 1));
		shift_init(&long_shift[i], LONG_LANE * (i + 1));
	}
	for (u32 i = 0; i < PAGE_LANES; i++)
		shift_init(&page_shift[i],
		           PAGE_REST + (PAGE_LANES - 1 - i) * PAGE_LANE);
}
