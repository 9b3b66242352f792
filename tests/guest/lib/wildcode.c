/*
 * Code at random. A row is an opcode with what goes behind it and, for those that
 * would do nothing otherwise, what goes before it.
 */
#include "tests/guest/lib/wildcode.h"

#include "include/tlfs.h"
#include "tests/guest/lib/random.h"
#include "tests/guest/lib/values.h"
#include "tests/guest/lib/wildplace.h"

#define RCX 1
#define RDX 2
#define RSP 4
#define RSI 6
#define RDI 7
#define ANY 8u /* value of the reg field */

/* Behind the opcode. */
#define MODRM BIT(0)    /* register or memory */
#define MEMORY BIT(1)   /* memory alone */
#define REGISTER BIT(2) /* register alone */
#define IMM8 BIT(3)
#define IMMV BIT(4) /* as wide as the operand */
#define IMM16 BIT(5)
#define REL8 BIT(6)
#define RELV BIT(7)
#define FAR BIT(8)    /* offset and segment */
#define OFFSET BIT(9) /* of memory, as wide as an address */
/* Before it. */
#define REP BIT(16)
#define PORT BIT(17)
#define STRING BIT(18)
#define SELECTOR BIT(19) /* in AX */
#define LEAF BIT(20)
#define XCR BIT(21)
#define ADDRESS BIT(22) /* in RAX */
#define FRAME BIT(23)   /* on the stack: for IRET and RETF */
#define LOCK BIT(24)

struct row {
	u8 bytes[3];
	u8 count;
	u8 reg;
	u32 more;
};

static struct {
	u8 *begin, *at, *end;
	u32 address;
	u32 bits;
} out;

static void put(u64 value, u32 bytes)
{
	for (; bytes && out.at < out.end; bytes--, value >>= 8)
		*out.at++ = (u8)value;
}

/* ---- Operands ---- */

static u32 word(void)
{
	return (u32)values_next(VALUES_WORD, 0, 0);
}

/* A general register gets 32 bits, in each mode. */
static void load(u32 reg, u32 value)
{
	if (out.bits == 16)
		put(0x66, 1);
	put(0xb8 | reg, 1);
	put(value, 4);
}

/* Some place by its address, where 16 bits reach it; else by registers. */
static void put_memory(u32 reg)
{
	u32 address = wildplace_any();

	if (random_one_in(3)) {
		/* Bytes that may follow are the next instruction's. */
		put(reg << 3 | random_below(3) << 6 | random_below(8), 1);
		put(word(), random_below(5));
	} else if (out.bits == 16) {
		put(reg << 3 | 6, 1);
		put(address, 2);
	} else if (out.bits == 32) {
		put(reg << 3 | 5, 1);
		put(address, 4);
	} else {
		put(reg << 3 | 4, 1);
		put(0x25, 1);
		put(address, 4);
	}
}

static void put_operand(const struct row *row)
{
	u32 reg = row->reg == ANY ? random_below(8) : row->reg;

	if ((row->more & MEMORY) || ((row->more & MODRM) && random_one_in(2)))
		put_memory(reg);
	else
		put(0xc0 | reg << 3 | random_below(8), 1);
}

static u32 in_code(void)
{
	return out.address + random_below(WILD_CODE_SIZE);
}

static void put_behind(const struct row *row)
{
	u32 wide = out.bits == 16 ? 2 : 4;

	if (row->more & (MODRM | MEMORY | REGISTER))
		put_operand(row);
	if (row->more & IMM8)
		put(random_next(), 1);
	if (row->more & IMM16)
		put(random_below(32), 2);
	if (row->more & IMMV)
		put(word(), wide);
	if (row->more & REL8)
		put(random_one_in(2) ? random_below(16) : random_next(), 1);
	if (row->more & RELV)
		put(random_below(WILD_CODE_SIZE) - (u64)(out.at - out.begin),
		    wide);
	if (row->more & FAR) {
		put(out.bits == 16 ? in_code() - out.address : in_code(), wide);
		put(out.bits == 16 ? 0x1000 : wildplace_selector(), 2);
	}
	if (row->more & OFFSET)
		put(wildplace_any(), out.bits / 8);
}

static void load_port(void)
{
	static const u16 ports[] = { 0x80,   0x81,   0x3f8, 0x64, 0xcf8,
		                     0xfffe, 0xffff, 0x20,  0xcf9 };

	load(RDX, random_one_in(8) ? (u32)random_next()
	                           : ports[random_below(ARRAY_LEN(ports))]);
}

static void load_leaf(void)
{
	static const u32 leaves[] = { 0,          1,          2,
		                      4,          7,          0xb,
		                      0xd,        0x40000000, 0x40000003,
		                      0x80000000, 0x80000008, 0x14 };

	load(0, random_one_in(8) ? word()
	                         : leaves[random_below(ARRAY_LEN(leaves))]);
	load(RCX, random_below(4));
}

/* Two or three words, of which one may be an address in the code. */
static void push_frame(void)
{
	u32 flags = 2 | (u32)random_bit_of(0x3f7fd5) |
	            (u32)random_bit_of(0x300);
	const u32 words[] = { out.bits == 16 ? in_code() - out.address
		                             : in_code(),
		              out.bits == 16 ? 0x1000 : wildplace_selector(),
		              flags };

	/* In 64-bit mode the frame has SS and RSP as well. */
	if (out.bits == 64) {
		put(0x6a, 1);
		put(0x10, 1);
		put(0x68, 1);
		put(wildplace_any(), 4);
	}
	for (u32 i = ARRAY_LEN(words); i > 0; i--) {
		put(0x68, 1);
		put(words[i - 1], out.bits == 16 ? 2 : 4);
	}
}

static void put_before(u32 more)
{
	if (more & PORT)
		load_port();
	if (more & STRING) {
		load(RCX, random_one_in(16) ? word() : random_below(20));
		load(RSI, wildplace_any());
		load(RDI, wildplace_any());
	}
	if (more & SELECTOR)
		load(0, wildplace_selector() | random_below(4));
	if (more & LEAF)
		load_leaf();
	if (more & XCR) {
		load(RCX, random_one_in(8));
		load(0, random_one_in(8) ? word() : 1 + 2 * random_below(4));
		load(RDX, random_one_in(8));
	}
	if (more & ADDRESS)
		load(0, wildplace_any());
	if (more & FRAME)
		push_frame();
}

static void put_prefixes(u32 more)
{
	static const u8 prefixes[] = { 0x66, 0x67, 0x2e, 0x36, 0x3e,
		                       0x26, 0x64, 0x65, 0xf2, 0xf3 };

	if ((more & REP) && random_one_in(2))
		put(random_one_in(3) ? 0xf2 : 0xf3, 1);
	if ((more & LOCK) && random_one_in(6))
		put(0xf0, 1);
	if (random_one_in(6))
		put(prefixes[random_below(sizeof(prefixes))], 1);
	if (out.bits == 64 && random_one_in(4))
		put(0x40 | random_below(16), 1);
}

static void put_row(const struct row *row)
{
	put_before(row->more);
	put_prefixes(row->more);
	for (u32 i = 0; i < row->count; i++)
		put(row->bytes[i], 1);
	put_behind(row);
}

/* ---- Rows ---- */

#define ONE(a, reg, more)           \
	{                           \
		{ a }, 1, reg, more \
	}
#define TWO(a, b, reg, more)           \
	{                              \
		{ a, b }, 2, reg, more \
	}
#define THREE(a, b, c, reg, more)         \
	{                                 \
		{ a, b, c }, 3, reg, more \
	}

/* clang-format off */
static const struct row arithmetic[] = {
	ONE(0x00, ANY, MODRM | LOCK), ONE(0x09, ANY, MODRM | LOCK),
	ONE(0x13, ANY, MODRM), ONE(0x1b, ANY, MODRM), ONE(0x21, ANY, MODRM),
	ONE(0x2b, ANY, MODRM), ONE(0x31, ANY, MODRM | LOCK),
	ONE(0x39, ANY, MODRM), ONE(0x05, 0, IMMV), ONE(0x3d, 0, IMMV),
	ONE(0x80, ANY, MODRM | IMM8 | LOCK), ONE(0x81, ANY, MODRM | IMMV),
	ONE(0x83, ANY, MODRM | IMM8 | LOCK), ONE(0x85, ANY, MODRM),
	ONE(0xc1, ANY, MODRM | IMM8), ONE(0xd3, ANY, MODRM),
	ONE(0xf6, ANY, MODRM), ONE(0xf7, ANY, MODRM), ONE(0xfe, 0, MODRM | LOCK),
	TWO(0x0f, 0xaf, ANY, MODRM), TWO(0x0f, 0xb1, ANY, MODRM | LOCK),
	TWO(0x0f, 0xc1, ANY, MODRM | LOCK), TWO(0x0f, 0xba, ANY, MODRM | IMM8),
	TWO(0x0f, 0xa3, ANY, MODRM), TWO(0x0f, 0xab, ANY, MODRM | LOCK),
	TWO(0x0f, 0xc7, 1, MEMORY | LOCK), TWO(0x0f, 0xbc, ANY, MODRM),
	ONE(0x27, 0, 0), ONE(0x37, 0, 0), ONE(0xd4, 0, IMM8),
	ONE(0x62, ANY, MEMORY), ONE(0x63, ANY, MODRM),
};
static const struct row moves[] = {
	ONE(0x88, ANY, MODRM), ONE(0x89, ANY, MODRM), ONE(0x8a, ANY, MODRM),
	ONE(0x8b, ANY, MODRM), ONE(0x8d, ANY, MEMORY), ONE(0xa1, 0, OFFSET),
	ONE(0xa3, 0, OFFSET), ONE(0xc7, 0, MODRM | IMMV), ONE(0x87, ANY, MODRM),
	ONE(0x50, 0, 0), ONE(0x53, 0, 0), ONE(0x58, 0, 0), ONE(0x5d, 0, 0),
	ONE(0x68, 0, IMMV), ONE(0x6a, 0, IMM8), ONE(0x8f, 0, MODRM),
	ONE(0xff, 6, MODRM), ONE(0x60, 0, 0), ONE(0x61, 0, 0),
	ONE(0xc8, 0, IMM16 | IMM8), ONE(0xc9, 0, 0), ONE(0x98, 0, 0),
	ONE(0xd7, 0, 0), TWO(0x0f, 0xb6, ANY, MODRM),
	TWO(0x0f, 0xbf, ANY, MODRM), TWO(0x0f, 0xc3, ANY, MEMORY),
	TWO(0x0f, 0x44, ANY, MODRM),
};
static const struct row strings[] = {
	ONE(0xa4, 0, REP | STRING), ONE(0xa5, 0, REP | STRING),
	ONE(0xa6, 0, REP | STRING), ONE(0xa7, 0, REP | STRING),
	ONE(0xaa, 0, REP | STRING), ONE(0xab, 0, REP | STRING),
	ONE(0xac, 0, REP | STRING), ONE(0xad, 0, REP | STRING),
	ONE(0xae, 0, REP | STRING), ONE(0xaf, 0, REP | STRING),
	ONE(0xfc, 0, 0), ONE(0xfd, 0, 0),
};
static const struct row near_transfers[] = {
	ONE(0x70, 0, REL8), ONE(0x75, 0, REL8), ONE(0xeb, 0, REL8),
	ONE(0xe9, 0, RELV), ONE(0xe8, 0, RELV), ONE(0xe2, 0, REL8),
	ONE(0xe3, 0, REL8), ONE(0xc3, 0, 0), ONE(0xc2, 0, IMM16),
	ONE(0xff, 2, MODRM), ONE(0xff, 4, MODRM), TWO(0x0f, 0x84, 0, RELV),
};
static const struct row far_transfers[] = {
	ONE(0xea, 0, FAR), ONE(0x9a, 0, FAR), ONE(0xcb, 0, FRAME),
	ONE(0xca, 0, IMM16 | FRAME), ONE(0xcf, 0, FRAME), ONE(0xcf, 0, FRAME),
	TWO(0x48, 0xcf, 0, FRAME), ONE(0xff, 3, MEMORY), ONE(0xff, 5, MEMORY),
};
static const struct row interrupts[] = {
	ONE(0xcd, 0, IMM8), ONE(0xcc, 0, 0), ONE(0xce, 0, 0), ONE(0xf1, 0, 0),
	TWO(0x0f, 0x0b, 0, 0), TWO(0x0f, 0xff, ANY, MODRM),
	TWO(0x0f, 0xb9, ANY, MODRM),
};
static const struct row ports[] = {
	ONE(0xe4, 0, IMM8), ONE(0xe5, 0, IMM8), ONE(0xe6, 0, IMM8),
	ONE(0xe7, 0, IMM8), ONE(0xec, 0, PORT), ONE(0xed, 0, PORT),
	ONE(0xee, 0, PORT), ONE(0xef, 0, PORT), ONE(0x6c, 0, PORT | STRING | REP),
	ONE(0x6d, 0, PORT | STRING | REP), ONE(0x6e, 0, PORT | STRING | REP),
	ONE(0x6f, 0, PORT | STRING | REP),
};
static const struct row segments[] = {
	ONE(0x8e, 0, REGISTER | SELECTOR), ONE(0x8e, 2, REGISTER | SELECTOR),
	ONE(0x8e, 3, REGISTER | SELECTOR), ONE(0x8e, ANY, MEMORY),
	ONE(0x8c, ANY, MODRM), ONE(0x07, 0, 0), ONE(0x17, 0, 0),
	ONE(0x1f, 0, 0), ONE(0x0e, 0, 0), TWO(0x0f, 0xa1, 0, 0),
	TWO(0x0f, 0xa9, 0, 0), TWO(0x0f, 0xb2, ANY, MEMORY),
	TWO(0x0f, 0xb4, ANY, MEMORY), TWO(0x0f, 0xb5, ANY, MEMORY),
	ONE(0xc4, ANY, MEMORY), ONE(0xc5, ANY, MEMORY),
	TWO(0x0f, 0x00, 2, REGISTER | SELECTOR),
	TWO(0x0f, 0x00, 3, REGISTER | SELECTOR), TWO(0x0f, 0x00, 2, MEMORY),
	TWO(0x0f, 0x00, 3, MEMORY), TWO(0x0f, 0x00, ANY, MODRM | SELECTOR),
	TWO(0x0f, 0x02, ANY, MODRM | SELECTOR),
	TWO(0x0f, 0x03, ANY, MODRM | SELECTOR),
	TWO(0x0f, 0x01, 0, MEMORY), TWO(0x0f, 0x01, 1, MEMORY),
	TWO(0x0f, 0x01, 2, MEMORY), TWO(0x0f, 0x01, 3, MEMORY),
};
static const struct row system[] = {
	TWO(0x0f, 0x06, 0, 0), TWO(0x0f, 0x01, 4, MODRM),
	TWO(0x0f, 0x01, 6, MODRM), TWO(0x0f, 0x01, 7, MEMORY),
	TWO(0x0f, 0x08, 0, 0), TWO(0x0f, 0x09, 0, 0), TWO(0x0f, 0x31, 0, 0),
	TWO(0x0f, 0x33, 0, 0), THREE(0x0f, 0x01, 0xf9, 0, 0),
	THREE(0x0f, 0x01, 0xf8, 0, 0), THREE(0x0f, 0x01, 0xca, 0, 0),
	THREE(0x0f, 0x01, 0xcb, 0, 0), TWO(0x0f, 0x34, 0, 0),
	TWO(0x0f, 0x35, 0, 0), TWO(0x0f, 0x05, 0, 0), TWO(0x0f, 0x07, 0, 0),
	THREE(0x48, 0x0f, 0x07, 0, 0), TWO(0x0f, 0xa2, 0, LEAF),
	THREE(0x0f, 0x01, 0xd0, 0, XCR), THREE(0x0f, 0x01, 0xd1, 0, XCR),
	TWO(0x0f, 0xc7, ANY, REGISTER),
	THREE(0xf3, 0x0f, 0xc7, 7, REGISTER), TWO(0x0f, 0xae, ANY, MODRM),
	THREE(0xf3, 0x0f, 0x09, 0, 0), TWO(0x0f, 0xaa, 0, 0),
	TWO(0x0f, 0x37, 0, LEAF),
};
static const struct row questions[] = {
	TWO(0x0f, 0xa2, 0, LEAF), TWO(0x0f, 0xa2, 0, LEAF), TWO(0x0f, 0x31, 0, 0),
	THREE(0x0f, 0x01, 0xd0, 0, XCR), TWO(0x0f, 0x33, 0, 0),
};
static const struct row waits[] = {
	ONE(0xf4, 0, 0), TWO(0xfb, 0xf4, 0, 0), TWO(0xf3, 0x90, 0, 0),
	ONE(0xfa, 0, 0), ONE(0xfb, 0, 0), TWO(0xfb, 0x90, 0, 0),
	THREE(0x0f, 0x01, 0xc8, 0, ADDRESS), THREE(0x0f, 0x01, 0xc9, 0, LEAF),
};
static const struct row vector[] = {
	ONE(0xd8, ANY, MODRM), ONE(0xd9, ANY, MODRM), ONE(0xda, ANY, MODRM),
	ONE(0xdb, ANY, MODRM), ONE(0xdc, ANY, MODRM), ONE(0xdd, ANY, MODRM),
	ONE(0xde, ANY, MODRM), ONE(0xdf, ANY, MODRM), ONE(0x9b, 0, 0),
	TWO(0x0f, 0x77, 0, 0), TWO(0x0f, 0x6f, ANY, MODRM),
	TWO(0x0f, 0x10, ANY, MODRM), TWO(0x0f, 0x29, ANY, MODRM),
	TWO(0x0f, 0x58, ANY, MODRM), TWO(0x0f, 0x5e, ANY, MODRM),
	THREE(0x66, 0x0f, 0xef, ANY, MODRM), TWO(0x0f, 0xae, 0, MEMORY),
	TWO(0x0f, 0xae, 1, MEMORY), TWO(0x0f, 0xae, 2, MEMORY),
	TWO(0x0f, 0xae, 4, MEMORY | XCR), TWO(0x0f, 0xae, 5, MEMORY | XCR),
	TWO(0x0f, 0xae, 6, MEMORY | XCR), TWO(0x0f, 0xc7, 3, MEMORY | XCR),
	TWO(0x0f, 0xc7, 4, MEMORY | XCR), TWO(0x0f, 0xc7, 5, MEMORY | XCR),
	THREE(0xc5, 0xfc, 0x58, ANY, MODRM), THREE(0xc5, 0xfc, 0x77, 0, 0),
	THREE(0xc5, 0xfd, 0x6f, ANY, MODRM), THREE(0xc5, 0xfe, 0x7f, ANY, MODRM),
	THREE(0x62, 0xf1, 0x7c, ANY, MODRM | IMM8),
	THREE(0xc4, 0xe2, 0x7d, ANY, MODRM),
};
static const struct row virtualization[] = {
	THREE(0x0f, 0x01, 0xc1, 0, LEAF), THREE(0x0f, 0x01, 0xc2, 0, 0),
	THREE(0x0f, 0x01, 0xc3, 0, 0), THREE(0x0f, 0x01, 0xc4, 0, 0),
	THREE(0x0f, 0x01, 0xd4, 0, LEAF), THREE(0x0f, 0x01, 0xd8, 0, 0),
	THREE(0x0f, 0x01, 0xd9, 0, 0), THREE(0x0f, 0x01, 0xda, 0, 0),
	THREE(0x0f, 0x01, 0xdd, 0, 0), THREE(0x0f, 0x01, 0xdf, 0, 0),
	TWO(0x0f, 0x78, ANY, MODRM), TWO(0x0f, 0x79, ANY, MODRM),
	TWO(0x0f, 0xc7, 6, MEMORY), THREE(0x66, 0x0f, 0xc7, 6, MEMORY),
	THREE(0xf3, 0x0f, 0xc7, 6, MEMORY), TWO(0x0f, 0xc7, 7, MEMORY),
};
/* clang-format on */

/* ---- What takes more than one ---- */

static const u32 msrs[] = {
	0x10,
	0x1b,
	0x3a,
	0x48,
	0x79,
	0x8b,
	0xfe,
	0x174,
	0x175,
	0x176,
	0x179,
	0x17a,
	0x1a0,
	0x1d9,
	0x277,
	0x2ff,
	0x38f,
	0x480,
	0x6e0,
	0xda0,
	0xc0000080,
	0xc0000081,
	0xc0000082,
	0xc0000083,
	0xc0000084,
	0xc0000100,
	0xc0000101,
	0xc0000102,
	0xc0000103,
	HV_MSR_GUEST_OS_ID,
	HV_MSR_HYPERCALL,
	HV_MSR_REFERENCE_TSC,
	HV_MSR_EOI,
	HV_MSR_ICR,
	HV_MSR_TPR,
	HV_MSR_VP_ASSIST_PAGE,
	HV_MSR_SCONTROL,
	HV_MSR_SIEFP,
	HV_MSR_SIMP,
	HV_MSR_EOM,
};

static u32 any_msr(void)
{
	switch (random_below(8)) {
	case 0:
		return 0x800 + random_below(0x40);
	case 1:
		return HV_MSR_SINT0 + random_below(HV_SINT_COUNT);
	case 2:
		return HV_MSR_STIMER0_CONFIG + random_below(2 * HV_STIMERS);
	case 3:
		return 0x200 + random_below(0x80);
	case 4:
		return random_one_in(4)
		               ? word()
		               : HV_MSR_GUEST_OS_ID + random_below(0x100);
	default:
		return msrs[random_below(ARRAY_LEN(msrs))];
	}
}

/* A page with its bit, a vector, an address, or anything. */
static u32 msr_value(void)
{
	switch (random_below(4)) {
	case 0:
		return (wildplace_any() & ~0xfffu) | 1;
	case 1:
		return random_below(256) | (u32)random_bit_of(0xf1f00);
	case 2:
		return wildplace_any();
	default:
		return word();
	}
}

static void access_msr(void)
{
	load(RCX, any_msr());
	if (random_one_in(3)) {
		put(0x320f, 2);
		/* One bit of it, and back. */
		if (random_one_in(2)) {
			put(0xf8ba0f, 3);
			put(random_below(12), 1);
			put(0x300f, 2);
		}
		return;
	}
	load(0, msr_value());
	load(RDX, random_one_in(4) ? word() : 0);
	put(0x300f, 2);
}

/* One bit of a control or debug register, an address for CR3, or anything. */
static void access_control(void)
{
	static const u8 numbers[] = { 0, 0, 2, 3, 4, 4, 8, 1 };
	bool debug = random_one_in(3);
	u32 number = debug ? random_below(8)
	                   : numbers[random_below(sizeof(numbers))];
	u32 modrm = 0xc0 | (number & 7) << 3;
	u32 opcode = debug ? 0x21 : 0x20;

	if (random_one_in(4) || number == 3) {
		load(0, random_one_in(4) ? word() : wildplace_any());
	} else {
		put(0x0f | opcode << 8 | modrm << 16, 3);
		if (random_one_in(3))
			return;
		put(0xf8ba0f, 3);
		put(random_below(32), 1);
	}
	if (number == 8)
		put(out.bits == 64 ? 0x44 : 0xf0, 1);
	put(0x0f | (opcode + 2) << 8 | modrm << 16, 3);
}

/* PUSHF, a bit of it, POPF. */
static void change_flags(void)
{
	static const u8 bits[] = { 8, 8, 9, 10, 12, 14, 16, 17, 18, 19, 21 };

	put(0x9c, 1);
	put(0x58, 1);
	put(0xe8ba0f, 3);
	put(bits[random_below(sizeof(bits))], 1);
	put(0x9d50, 2);
}

/* What it needs to go on for a while. */
static void set_stack(void)
{
	load(RSP, random_one_in(6) ? wildplace_any() : WILD_STACK + 0xff0);
}

static void use_apic(void)
{
	static const u16 registers[] = { 0x20,  0x80,  0xb0,  0xd0,  0xe0,
		                         0xf0,  0x100, 0x200, 0x280, 0x300,
		                         0x310, 0x320, 0x350, 0x360, 0x370,
		                         0x380, 0x390, 0x3e0, 0x3f0 };
	static const u8 opcodes[] = { 0x89, 0x89, 0x89, 0x8b, 0x09,
		                      0x87, 0x31, 0x39, 0x88, 0xff };
	u32 at = registers[random_below(ARRAY_LEN(registers))];
	u32 opcode = opcodes[random_below(sizeof(opcodes))];

	/* IPIs to itself, vectors, counts. */
	load(0, random_one_in(3)
	                ? word()
	                : random_below(256) | (u32)random_bit_of(0xff700));
	if (random_one_in(8))
		at += random_below(16);
	if (out.bits == 16) {
		/* By EBX: real mode reaches it only with large limits. */
		load(3, WILD_APIC + at);
		put(0x6766, 2);
		put(opcode, 1);
		put(0x03, 1);
		return;
	}
	put(opcode, 1);
	put(out.bits == 64 ? 0x2504 : 0x05, out.bits == 64 ? 2 : 1);
	put(WILD_APIC + at, 4);
}

static void call_hypervisor(void)
{
	u32 code = random_one_in(8) ? word() & 0xffff
	                            : 0x40 + random_below(0x60);

	if (random_one_in(2))
		code |= HV_CONTROL_FAST;
	if (random_one_in(8))
		code |= (u32)random_bit_of(~0u);
	load(RCX, code);
	load(RDX, wildplace_any() & (random_one_in(4) ? ~0u : ~7u));
	if (out.bits == 64) {
		put(0xb841, 2); /* R8D */
		put(wildplace_any() & ~7u, 4);
		/* Elements of a rep call, and where it begins. */
		if (random_one_in(2)) {
			put(0xb848, 2);
			put((random_next() & 0xffff0fff) << 32 | code, 8);
			put(0xc18948, 3);
		}
	} else {
		load(0, random_below(4));
		load(3, WILD_DATA);
	}
	/* By itself, or by way of the page with it, which others may cover. */
	if (!random_one_in(3)) {
		put(0xc1010f, 3);
		return;
	}
	load(7, WILD_OVERLAY);
	put(0xd7ff, 2);
}

static void put_bytes(void)
{
	put(random_next(), 1 + random_below(8));
	put(random_next(), random_below(8));
}

/* ---- All of it ---- */

#define ROWS(table)                           \
	{                                     \
		table, ARRAY_LEN(table), NULL \
	}
#define WAY(function)             \
	{                         \
		NULL, 0, function \
	}

static const struct class
{
	const struct row *rows;
	u32 count;
	void (*function)(void);
} classes[] = {
	ROWS(arithmetic),     ROWS(moves),          ROWS(strings),
	ROWS(near_transfers), ROWS(far_transfers),  ROWS(interrupts),
	ROWS(ports),          ROWS(segments),       ROWS(system),
	ROWS(vector),         ROWS(virtualization), WAY(access_msr),
	WAY(access_control),  WAY(change_flags),    WAY(set_stack),
	WAY(use_apic),        WAY(call_hypervisor), WAY(put_bytes),
	ROWS(questions),      ROWS(waits),
};

static void put_one(const struct class *c)
{
	if (c->function)
		c->function();
	else
		put_row(&c->rows[random_below(c->count)]);
}

/*
 * Not all classes at once: some end a child soon, and others would hardly be met.
 * At the end it begins again.
 */
void wildcode_fill(u8 *to, u32 size, u32 address, u32 bits)
{
	const struct class *chosen[8];
	u32 count = 2 + random_below(ARRAY_LEN(chosen) - 1);

	for (u32 i = 0; i < count; i++)
		chosen[i] = &classes[random_below(ARRAY_LEN(classes))];
	out.begin = out.at = to;
	out.end = to + size - 5;
	out.address = address;
	out.bits = bits;
	while (out.at < out.end)
		put_one(random_one_in(16)
		                ? &classes[random_below(ARRAY_LEN(classes))]
		                : chosen[random_below(count)]);
	out.end = to + size;
	put(0xe9, 1);
	put(-(u64)size + (bits == 16 ? 2 : 0), bits == 16 ? 2 : 4);
}
