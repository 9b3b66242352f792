/*
 * Rows of opcodes. A row is an opcode with what goes behind it and, for those that
 * would do nothing otherwise, what goes before it.
 */
#include "tests/guest/lib/wildrows.h"

#include "include/tlfs.h"
#include "tests/guest/lib/random.h"
#include "tests/guest/lib/wildcode.h"
#include "tests/guest/lib/wildplace.h"
#include "tests/guest/lib/wildput.h"

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
#define LOCK_BIT BIT(25) /* likewise, unless locks=0 */

struct row {
	u8 bytes[3];
	u8 count;
	u8 reg;
	u32 more;
};

/* ---- Operands ---- */

/* Some place by its address, where 16 bits reach it; else by registers. */
static void put_memory(u32 reg)
{
	u32 address = wildplace_any();

	if (random_one_in(3)) {
		/* Bytes that may follow are the next instruction's. */
		wildput(reg << 3 | random_below(3) << 6 | random_below(8), 1);
		wildput(wildput_word(), random_below(5));
	} else if (wildput_out.bits == 16) {
		wildput(reg << 3 | 6, 1);
		wildput(address, 2);
	} else if (wildput_out.bits == 32) {
		wildput(reg << 3 | 5, 1);
		wildput(address, 4);
	} else {
		wildput(reg << 3 | 4, 1);
		wildput(0x25, 1);
		wildput(address, 4);
	}
}

static void put_operand(const struct row *row)
{
	u32 reg = row->reg == ANY ? random_below(8) : row->reg;

	if ((row->more & MEMORY) || ((row->more & MODRM) && random_one_in(2)))
		put_memory(reg);
	else
		wildput(0xc0 | reg << 3 | random_below(8), 1);
}

static u32 in_code(void)
{
	return wildput_out.address + random_below(WILD_CODE_SIZE);
}

static void put_behind(const struct row *row)
{
	u32 wide = wildput_out.bits == 16 ? 2 : 4;

	if (row->more & (MODRM | MEMORY | REGISTER))
		put_operand(row);
	if (row->more & IMM8)
		wildput(random_next(), 1);
	if (row->more & IMM16)
		wildput(random_below(32), 2);
	if (row->more & IMMV)
		wildput(wildput_word(), wide);
	if (row->more & REL8)
		wildput(random_one_in(2) ? random_below(16) : random_next(), 1);
	if (row->more & RELV)
		wildput(random_below(WILD_CODE_SIZE) -
		                (u64)(wildput_out.at - wildput_out.begin),
		        wide);
	if (row->more & FAR) {
		wildput(wildput_out.bits == 16 ? in_code() - wildput_out.address
		                               : in_code(),
		        wide);
		wildput(wildput_out.bits == 16 ? 0x1000 : wildplace_selector(),
		        2);
	}
	if (row->more & OFFSET)
		wildput(wildplace_any(), wildput_out.bits / 8);
}

static void load_port(void)
{
	static const u16 ports[] = { 0x80,   0x81,   0x3f8, 0x64, 0xcf8,
		                     0xfffe, 0xffff, 0x20,  0xcf9 };

	wildput_load(RDX, random_one_in(8)
	                          ? (u32)random_next()
	                          : ports[random_below(ARRAY_LEN(ports))]);
}

static void load_leaf(void)
{
	static const u32 leaves[] = { 0,          1,          2,
		                      4,          7,          0xb,
		                      0xd,        0x40000000, 0x40000003,
		                      0x80000000, 0x80000008, 0x14 };

	wildput_load(0, random_one_in(8)
	                        ? wildput_word()
	                        : leaves[random_below(ARRAY_LEN(leaves))]);
	wildput_load(RCX, random_below(4));
}

/* Two or three words, of which one may be an address in the code. */
static void push_frame(void)
{
	u32 flags = 2 | (u32)random_bit_of(0x3f7fd5) |
	            (u32)random_bit_of(0x300);
	const u32 words[] = {
		wildput_out.bits == 16 ? in_code() - wildput_out.address
				       : in_code(),
		wildput_out.bits == 16 ? 0x1000 : wildplace_selector(), flags
	};

	/* In 64-bit mode the frame has SS and RSP as well. */
	if (wildput_out.bits == 64) {
		wildput(0x6a, 1);
		wildput(0x10, 1);
		wildput(0x68, 1);
		wildput(wildplace_any(), 4);
	}
	for (u32 i = ARRAY_LEN(words); i > 0; i--) {
		wildput(0x68, 1);
		wildput(words[i - 1], wildput_out.bits == 16 ? 2 : 4);
	}
}

static void put_before(u32 more)
{
	if (more & PORT)
		load_port();
	if (more & STRING) {
		wildput_load(RCX, random_one_in(16) ? wildput_word()
		                                    : random_below(20));
		wildput_load(RSI, wildplace_any());
		wildput_load(RDI, wildplace_any());
	}
	if (more & SELECTOR)
		wildput_load(0, wildplace_selector() | random_below(4));
	if (more & LEAF)
		load_leaf();
	if (more & XCR) {
		wildput_load(RCX, random_one_in(8));
		wildput_load(0, random_one_in(8) ? wildput_word()
		                                 : 1 + 2 * random_below(4));
		wildput_load(RDX, random_one_in(8));
	}
	if (more & ADDRESS)
		wildput_load(0, wildplace_any());
	if (more & FRAME)
		push_frame();
}

static void put_prefixes(u32 more)
{
	static const u8 prefixes[] = { 0x66, 0x67, 0x2e, 0x36, 0x3e,
		                       0x26, 0x64, 0x65, 0xf2, 0xf3 };

	if ((more & REP) && random_one_in(2))
		wildput(random_one_in(3) ? 0xf2 : 0xf3, 1);
	/* The other choices are the same ones, whichever this one is. */
	if ((more & (LOCK | LOCK_BIT)) && random_one_in(6) &&
	    ((more & LOCK) || wildcode_locks))
		wildput(0xf0, 1);
	if (random_one_in(6))
		wildput(prefixes[random_below(sizeof(prefixes))], 1);
	if (wildput_out.bits == 64 && random_one_in(4))
		wildput(0x40 | random_below(16), 1);
}

static void put_row(const struct row *row)
{
	put_before(row->more);
	put_prefixes(row->more);
	for (u32 i = 0; i < row->count; i++)
		wildput(row->bytes[i], 1);
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
	TWO(0x0f, 0xa3, ANY, MODRM), TWO(0x0f, 0xab, ANY, MODRM | LOCK_BIT),
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

/* ---- Classes ---- */

#define ROWS(table)                     \
	{                               \
		table, ARRAY_LEN(table) \
	}

static const struct class
{
	const struct row *rows;
	u32 count;
} classes[WILDROWS_CLASSES] = {
	[WILDROWS_ARITHMETIC] = ROWS(arithmetic),
	[WILDROWS_MOVES] = ROWS(moves),
	[WILDROWS_STRINGS] = ROWS(strings),
	[WILDROWS_NEAR_TRANSFERS] = ROWS(near_transfers),
	[WILDROWS_FAR_TRANSFERS] = ROWS(far_transfers),
	[WILDROWS_INTERRUPTS] = ROWS(interrupts),
	[WILDROWS_PORTS] = ROWS(ports),
	[WILDROWS_SEGMENTS] = ROWS(segments),
	[WILDROWS_SYSTEM] = ROWS(system),
	[WILDROWS_QUESTIONS] = ROWS(questions),
	[WILDROWS_WAITS] = ROWS(waits),
	[WILDROWS_VECTOR] = ROWS(vector),
	[WILDROWS_VIRTUALIZATION] = ROWS(virtualization),
};

void wildrows_put(enum wildrows class)
{
	const struct class *c = &classes[class];

	put_row(&c->rows[random_below(c->count)]);
}
