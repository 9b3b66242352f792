/*
 * Values for registers.
 */
#include "tests/guest/lib/values.h"

#include "include/tlfs.h"
#include "tests/guest/lib/bases.h"
#include "tests/guest/lib/random.h"

#define HIGH_HALF 0xffff800000000000ull
#define LOW_END BASES_LOW_END
#define INT3                                                                \
	(HV_PENDING_INTERRUPTION |                                          \
	 (u64)HV_PENDING_TYPE_SOFTWARE_EXCEPTION << HV_PENDING_TYPE_SHIFT | \
	 1ull << HV_PENDING_LENGTH_SHIFT |                                  \
	 (u64)VECTOR_BP << HV_PENDING_VECTOR_SHIFT)

bool values_odd_events = true;

static u64 any_of(const u64 *list, u32 count)
{
	return list[random_below(count)];
}

static u64 word(void)
{
	static const u64 edges[] = {
		0,           1,          0x7f,
		0xff,        0xffff,     0x10000,
		0x7fffffff,  0x80000000, 0xffffffff,
		0x100000000, LOW_END,    LOW_END + 1,
		HIGH_HALF,   ~0ull,      0x8000000000000000ull,
	};

	switch (random_below(3)) {
	case 0:
		return any_of(edges, ARRAY_LEN(edges));
	case 1:
		return random_next() >> random_below(64);
	default:
		return random_next();
	}
}

static u64 bits(u64 mask, u64 old)
{
	switch (random_below(8)) {
	case 0:
		return old ^ BIT(random_below(64));
	case 1:
		return random_next() & mask;
	case 2:
		return word();
	case 3:
		old ^= random_bit_of(mask);
		/* fallthrough */
	default:
		return old ^ random_bit_of(mask);
	}
}

/* A snippet, or near to one; or the page of anything. */
static u64 code(void)
{
	if (random_one_in(4))
		return BASES_RANDOM + random_below(PAGE_SIZE);
	return BASES_CODE + random_below(BASES_SNIPPETS) * BASES_SNIPPET_SIZE +
	       (random_one_in(4) ? random_below(BASES_SNIPPET_SIZE) : 0);
}

static u64 address(u64 old)
{
	static const u64 edges[] = {
		0,
		0xfffff,
		0xffffffff,
		0x100000000,
		0x7fffffffff, /* of 40 bits: half, and all */
		0xffffffffff,
		0x10000000000,
		LOW_END,
		LOW_END + 1,
		HIGH_HALF - 1,
		HIGH_HALF,
		0xfffeffffffffffffull,
		0xffff000000000000ull,
		0x0001000000000000ull,
		~0ull,
	};
	static const u64 halves[] = { 0, LOW_END & ~0x3fffffffull, HIGH_HALF,
		                      ~0x3fffffffull };

	switch (random_below(6)) {
	case 0:
		return any_of(edges, ARRAY_LEN(edges)) - random_below(3);
	case 1:
		return old ^ BIT(random_below(64));
	case 2:
		return random_next() >> random_below(48);
	case 3:
		return any_of(halves, ARRAY_LEN(halves)) + code();
	default:
		return code();
	}
}

static u64 limit(u64 old)
{
	static const u64 edges[] = {
		0,          1,          0x66,   0x67,       0xfff,
		0x1000,     0xffff,     0xfff0, 0xfffff,    0x100000,
		0xfffff000, 0xffffffff, 0xffff, 0x1fffffff,
	};

	return random_one_in(3) ? old ^ BIT(random_below(32))
	                        : any_of(edges, ARRAY_LEN(edges));
}

/* Of all types, at both ends of the rings, and with what code may have. */
static u64 rights(u64 old)
{
	static const u64 edges[] = {
		0x93,   0x97,   0x9b,   0x9f,   0x99,   0x91,   0xf3,   0xf7,
		0xfb,   0xff,   0xd3,   0xb3,   0xc093, 0xc0f3, 0xc09b, 0xc0fb,
		0xa09b, 0xa0fb, 0xa09f, 0xe09b, 0x8b,   0x83,   0x89,   0x82,
		0x808b, 0x8082, 0,      0x13,   0x1b,   0x0b,
	};

	switch (random_below(4)) {
	case 0:
		return old ^ random_bit_of(0xf0ff);
	case 1:
		return random_next() & 0xf0ff;
	case 2:
		return old ^ BIT(random_below(16));
	default:
		return any_of(edges, ARRAY_LEN(edges));
	}
}

/*
 * INT3 and INTO make software exceptions, and nothing else does; and exceptions of their
 * vectors are of no other type.
 */
u64 values_event(u64 event)
{
	u64 type = event >> HV_PENDING_TYPE_SHIFT & 7;
	u64 vector = event >> HV_PENDING_VECTOR_SHIFT & 0xffff;
	bool theirs = vector == VECTOR_BP || vector == VECTOR_OF;

	if (values_odd_events)
		return event;
	if (type == HV_PENDING_TYPE_SOFTWARE_EXCEPTION && !theirs)
		return INT3;
	return type == HV_PENDING_TYPE_EXCEPTION && theirs ? INT3 : event;
}

/* Most are of a form that there is, with a vector of that type. */
static u64 event(u64 old)
{
	static const u8 types[] = { 0, 0, 2, 3, 3, 3, 4, 5, 6, 1, 7 };
	u64 type = types[random_below(sizeof(types))];
	u64 vector = random_below(256);
	u64 value = HV_PENDING_INTERRUPTION | type << HV_PENDING_TYPE_SHIFT;

	if (random_one_in(8))
		return old ^ BIT(random_below(64));
	if (type == HV_PENDING_TYPE_NMI)
		vector = 2;
	else if (type == HV_PENDING_TYPE_EXCEPTION)
		vector &= 31;
	if (type >= HV_PENDING_TYPE_SOFTWARE_INTERRUPT)
		value |= (u64)random_below(16) << HV_PENDING_LENGTH_SHIFT;
	if (type == HV_PENDING_TYPE_EXCEPTION && random_one_in(2))
		value |= HV_PENDING_DELIVER_ERROR_CODE |
		         (random_next() & 0xffff) << HV_PENDING_ERROR_SHIFT;
	return value | vector << HV_PENDING_VECTOR_SHIFT;
}

/* One of those that a guest may have. */
static u64 msr(void)
{
	static const u32 numbers[] = {
		0x10,       0x1b,       0x174,      0x175,      0x176,
		0x1d9,      0x277,      0x2ff,      0x6e0,      0xc0000080,
		0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100,
		0xc0000101, 0xc0000102, 0xc0000103, 0xda0,
	};

	switch (random_below(4)) {
	case 0:
		return 0x200 + random_below(0x80);
	case 1:
		return 0x800 + random_below(0x40);
	default:
		return numbers[random_below(ARRAY_LEN(numbers))];
	}
}

u64 values_next(enum values_kind kind, u64 mask, u64 old)
{
	switch (kind) {
	case VALUES_WORD:
		return word();
	case VALUES_BITS:
		return bits(mask, old);
	case VALUES_ADDRESS:
		return address(old);
	case VALUES_SELECTOR:
		return random_one_in(2) ? random_below(0x40)
		                        : random_next() & 0xffff;
	case VALUES_LIMIT:
		return limit(old);
	case VALUES_RIGHTS:
		return rights(old);
	case VALUES_EVENT:
		return values_event(event(old));
	case VALUES_MSR:
		return msr();
	}
	return old;
}
