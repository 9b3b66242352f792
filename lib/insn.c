/*
 * Decoding of instructions with an operand in memory.
 */
#include "lib/insn.h"

#include "include/x86_operands.h"

#define PREFIX_OPERAND 0x66
#define PREFIX_ADDRESS 0x67
#define PREFIX_LOCK 0xf0
#define REX_W 8u
#define REX_R 4u
#define REX_X 2u
#define REX_B 1u
#define TWO_BYTES 0x0f
#define RM_SIB 4u
#define RM_DISPLACEMENT 5u /* with mod 0: no base; 6 in 16-bit addressing */

/* What follows the opcode. */
#define BYTE 1u       /* the memory operand is a byte, else of operand size */
#define WORD 2u       /* it is two bytes */
#define MODRM 4u      /* else the address itself, and the accumulator */
#define IMM 8u        /* an immediate of the operand's size, at most 4 */
#define IMM8 16u      /* one byte, sign-extended */
#define GROUP 32u     /* ModRM.reg must be `group` */
#define GROUPS 64u    /* from `group` on, each the next kind */
#define TO_REG 128u   /* register op= memory */
#define EXTENDS 256u  /* the register has the operand's size, memory less */
#define MAY_LOCK 512u /* reads and writes memory in one */
#define ONLY_64 1024u
#define DWORD 2048u /* it is four bytes */
#define STACK 4096u /* in 64-bit mode 8 bytes, or 2 */

/* vary: bits of the opcode from 3 on that make it one of the next kinds. */
static const struct insn_row {
	u8 opcode;
	u8 vary;
	bool two_bytes;
	u8 group;
	u16 flags;
	enum insn_kind kind;
} rows[] = {
	{ 0x88, 0, false, 0, BYTE | MODRM, INSN_STORE },
	{ 0x89, 0, false, 0, MODRM, INSN_STORE },
	{ 0x8a, 0, false, 0, BYTE | MODRM, INSN_LOAD },
	{ 0x8b, 0, false, 0, MODRM, INSN_LOAD },
	{ 0xa0, 0, false, 0, BYTE, INSN_LOAD },
	{ 0xa1, 0, false, 0, 0, INSN_LOAD },
	{ 0xa2, 0, false, 0, BYTE, INSN_STORE },
	{ 0xa3, 0, false, 0, 0, INSN_STORE },
	{ 0xc6, 0, false, 0, BYTE | MODRM | IMM | GROUP, INSN_STORE },
	{ 0xc7, 0, false, 0, MODRM | IMM | GROUP, INSN_STORE },
	{ 0xb6, 0, true, 0, BYTE | MODRM | EXTENDS, INSN_LOAD },
	{ 0xb7, 0, true, 0, WORD | MODRM | EXTENDS, INSN_LOAD },
	{ 0xbe, 0, true, 0, BYTE | MODRM | EXTENDS, INSN_LOAD_SIGNED },
	{ 0xbf, 0, true, 0, WORD | MODRM | EXTENDS, INSN_LOAD_SIGNED },
	{ 0x63, 0, false, 0, DWORD | MODRM | EXTENDS | ONLY_64,
	  INSN_LOAD_SIGNED },
	/* MOVNTI: a store like any other here. */
	{ 0xc3, 0, true, 0, MODRM, INSN_STORE },

	{ 0x00, 0x38, false, 0, BYTE | MODRM | MAY_LOCK, INSN_ADD },
	{ 0x01, 0x38, false, 0, MODRM | MAY_LOCK, INSN_ADD },
	{ 0x02, 0x38, false, 0, BYTE | MODRM | TO_REG, INSN_ADD },
	{ 0x03, 0x38, false, 0, MODRM | TO_REG, INSN_ADD },
	{ 0x80, 0, false, 0, BYTE | MODRM | IMM | GROUPS | MAY_LOCK, INSN_ADD },
	{ 0x81, 0, false, 0, MODRM | IMM | GROUPS | MAY_LOCK, INSN_ADD },
	{ 0x83, 0, false, 0, MODRM | IMM8 | GROUPS | MAY_LOCK, INSN_ADD },

	{ 0x84, 0, false, 0, BYTE | MODRM, INSN_TEST },
	{ 0x85, 0, false, 0, MODRM, INSN_TEST },
	{ 0xf6, 0, false, 0, BYTE | MODRM | IMM | GROUP, INSN_TEST },
	{ 0xf7, 0, false, 0, MODRM | IMM | GROUP, INSN_TEST },
	{ 0xf6, 0, false, 2, BYTE | MODRM | GROUP | MAY_LOCK, INSN_NOT },
	{ 0xf7, 0, false, 2, MODRM | GROUP | MAY_LOCK, INSN_NOT },
	{ 0xf6, 0, false, 3, BYTE | MODRM | GROUP | MAY_LOCK, INSN_NEG },
	{ 0xf7, 0, false, 3, MODRM | GROUP | MAY_LOCK, INSN_NEG },
	{ 0xfe, 0, false, 0, BYTE | MODRM | GROUP | MAY_LOCK, INSN_INC },
	{ 0xff, 0, false, 0, MODRM | GROUP | MAY_LOCK, INSN_INC },
	{ 0xfe, 0, false, 1, BYTE | MODRM | GROUP | MAY_LOCK, INSN_DEC },
	{ 0xff, 0, false, 1, MODRM | GROUP | MAY_LOCK, INSN_DEC },
	{ 0xff, 0, false, 6, MODRM | GROUP | STACK, INSN_PUSH },

	{ 0x86, 0, false, 0, BYTE | MODRM | MAY_LOCK, INSN_XCHG },
	{ 0x87, 0, false, 0, MODRM | MAY_LOCK, INSN_XCHG },
	{ 0xc0, 0, true, 0, BYTE | MODRM | MAY_LOCK, INSN_XADD },
	{ 0xc1, 0, true, 0, MODRM | MAY_LOCK, INSN_XADD },
	{ 0xb0, 0, true, 0, BYTE | MODRM | MAY_LOCK, INSN_CMPXCHG },
	{ 0xb1, 0, true, 0, MODRM | MAY_LOCK, INSN_CMPXCHG },
	{ 0xa3, 0x18, true, 0, MODRM | MAY_LOCK, INSN_BT },
	{ 0xba, 0, true, 4, MODRM | IMM8 | GROUPS | MAY_LOCK, INSN_BT },
};

/* Bytes as they are taken; once there are too few, `short_of` stays. */
struct reader {
	const u8 *bytes;
	u32 count;
	u32 at;
	bool short_of;
};

static u8 peek(const struct reader *r)
{
	return r->at < r->count ? r->bytes[r->at] : 0;
}

static u64 take(struct reader *r, u32 bytes)
{
	u64 value = 0;

	/*
	 * Only this: no byte behind the last is read, and what is short once stays so, since
	 * `at` does not move.
	 */
	if (bytes > r->count - r->at) {
		r->short_of = true;
		return 0;
	}
	for (u32 i = 0; i < bytes; i++)
		value |= (u64)r->bytes[r->at + i] << (8 * i);
	r->at += bytes;
	return value;
}

static u64 take_signed(struct reader *r, u32 bytes)
{
	u32 rest = 64 - 8 * bytes;

	return (u64)((i64)(take(r, bytes) << rest) >> rest);
}

struct prefixes {
	bool operand;
	bool address;
	bool lock;
	u8 segment; /* VP_SEGMENTS: none */
	u8 rex;     /* 0: none */
};

/* 26H, 2EH, 36H, 3EH, 64H, 65H: the order of enum vp_segment. */
static bool take_segment(u8 byte, struct prefixes *p)
{
	static const u8 prefixes[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };

	for (u32 i = 0; i < ARRAY_LEN(prefixes); i++) {
		if (prefixes[i] != byte)
			continue;
		p->segment = (u8)i;
		return true;
	}
	return false;
}

/* REP goes with nothing that is known here. */
static void take_prefixes(struct reader *r, u32 width, struct prefixes *p)
{
	*p = (struct prefixes){ .segment = VP_SEGMENTS };
	for (;; r->at++) {
		u8 byte = peek(r);

		/*
		 * The last segment prefix counts, and a prefix twice is as good as once (SDM volume 2,
		 * 2.1.1). The loop ends: peek gives 0 behind the end, which is none.
		 */
		if (byte == PREFIX_OPERAND)
			p->operand = true;
		else if (byte == PREFIX_ADDRESS)
			p->address = true;
		else if (byte == PREFIX_LOCK)
			p->lock = true;
		else if (!take_segment(byte, p))
			break;
	}
	/* REX counts directly before the opcode alone. */
	if (width == 8 && (peek(r) & 0xf0) == 0x40)
		p->rex = (u8)take(r, 1);
}

/* ---- Addresses (SDM volume 2, tables 2-1 to 2-3) ---- */

static void take_address_16(struct reader *r, u8 modrm, struct insn_address *a)
{
	static const u8 bases[8][2] = {
		{ VP_RBX, VP_RSI },           { VP_RBX, VP_RDI },
		{ VP_RBP, VP_RSI },           { VP_RBP, VP_RDI },
		{ VP_RSI, INSN_NO_REGISTER }, { VP_RDI, INSN_NO_REGISTER },
		{ VP_RBP, INSN_NO_REGISTER }, { VP_RBX, INSN_NO_REGISTER },
	};
	u32 mod = modrm >> 6, rm = modrm & 7u;

	a->base = bases[rm][0];
	a->index = bases[rm][1];
	/* The one form without a base; elsewhere 6 is BP (SDM volume 2, table 2-1). */
	if (mod == 0 && rm == 6) {
		a->base = INSN_NO_REGISTER;
		a->displacement = take(r, 2);
	} else if (mod > 0) {
		a->displacement = take_signed(r, mod);
	}
}

static void take_sib(struct reader *r, const struct prefixes *p,
                     struct insn_address *a)
{
	u8 sib = (u8)take(r, 1);
	u8 index = (u8)((sib >> 3 & 7) | (p->rex & REX_X) << 2);

	a->scale = sib >> 6;
	/* With REX.X it is R12, which can be one: hence behind the bit. */
	a->index = index == RM_SIB ? INSN_NO_REGISTER : index;
	a->base = sib & 7;
}

static void take_address_32(struct reader *r, u8 modrm, u32 width,
                            const struct prefixes *p, struct insn_address *a)
{
	u32 mod = modrm >> 6;
	bool sib = (modrm & 7) == RM_SIB;

	a->base = modrm & 7;
	if (sib)
		take_sib(r, p, a);
	if (mod == 0 && a->base == RM_DISPLACEMENT) {
		a->from_rip = !sib && width == 8;
		a->base = INSN_NO_REGISTER;
		a->displacement = take_signed(r, 4);
		return;
	}
	/* Behind the test, which looks at three bits alone: R13 with mod 0 is no base either. */
	a->base |= (u8)((p->rex & REX_B) << 3);
	if (mod > 0)
		a->displacement = take_signed(r, mod == 1 ? 1 : 4);
}

static void take_address(struct reader *r, u8 modrm, u32 width,
                         const struct prefixes *p, struct insn_address *a)
{
	if (a->size == 2)
		take_address_16(r, modrm, a);
	else
		take_address_32(r, modrm, width, p, a);
	/* Of the base alone, whatever the index is (SDM volume 1, table 3-5). */
	a->segment = a->base == VP_RSP || a->base == VP_RBP ? VP_SS : VP_DS;
}

/* ---- The rest ---- */

/* The row, and how far behind its kind the instruction's own is. */
static const struct insn_row *find(const struct reader *r, u8 opcode,
                                   bool two_bytes, u32 *kind)
{
	u8 group = peek(r) >> 3 & 7;

	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		const struct insn_row *row = &rows[i];

		if (row->two_bytes != two_bytes ||
		    row->opcode != (opcode & ~row->vary))
			continue;
		if (((row->flags & GROUP) && group != row->group) ||
		    ((row->flags & GROUPS) && group < row->group))
			continue;
		*kind = (u32)row->kind + (u32)((opcode & row->vary) >> 3);
		if (row->flags & GROUPS)
			*kind += (u32)(group - row->group);
		return row;
	}
	return NULL;
}

static void take_register(struct insn *insn, u8 modrm, const struct prefixes *p)
{
	insn->reg = (u8)((modrm >> 3 & 7) | (p->rex & REX_R) << 1);
	/* A load by MOVZX writes more than a byte. */
	insn->high = insn->reg_size == 1 && !p->rex && insn->reg >= 4;
	if (insn->high)
		insn->reg -= 4;
}

static void take_operands(struct reader *r, const struct insn_row *row,
                          const struct prefixes *p, u32 width,
                          struct insn *insn)
{
	u8 modrm;

	if (row->flags & MODRM) {
		modrm = (u8)take(r, 1);
		/* Registers on both sides: not an access, and so not what was intercepted. */
		if (modrm >> 6 == 3)
			r->short_of = true; /* no memory */
		take_register(insn, modrm, p);
		take_address(r, modrm, width, p, &insn->at);
	} else {
		insn->at.displacement = take(r, insn->at.size);
		insn->at.segment = VP_DS;
	}
	if (p->segment != VP_SEGMENTS)
		insn->at.segment = p->segment;
	insn->has_immediate = row->flags & (IMM | IMM8);
	if (row->flags & IMM8)
		insn->immediate = (u32)take_signed(r, 1);
	else if (row->flags & IMM)
		insn->immediate = (u32)take(r, insn->size < 4 ? insn->size : 4);
}

static u8 operand_size(const struct insn_row *row, const struct prefixes *p,
                       u32 width)
{
	if ((row->flags & STACK) && width == 8)
		return p->operand ? 2 : 8;
	/* W is stronger than the prefix 66H (SDM volume 2, 2.2.1.2). */
	if (p->rex & REX_W)
		return 8;
	return (width == 2) != p->operand ? 2 : 4;
}

static u8 memory_size(const struct insn_row *row, u8 operand)
{
	if (row->flags & BYTE)
		return 1;
	if (row->flags & WORD)
		return 2;
	return row->flags & DWORD ? 4 : operand;
}

bool insn_decode(const u8 *bytes, u32 count, u32 width, struct insn *insn)
{
	struct reader r = { bytes, count < INSN_MAX ? count : INSN_MAX, 0,
		            false };
	const struct insn_row *row;
	struct prefixes p;
	u32 kind = 0;
	bool two_bytes;
	u8 operand, opcode;

	take_prefixes(&r, width, &p);
	opcode = (u8)take(&r, 1);
	two_bytes = opcode == TWO_BYTES;
	if (two_bytes)
		opcode = (u8)take(&r, 1);
	row = find(&r, opcode, two_bytes, &kind);
	if (!row || r.short_of || ((row->flags & ONLY_64) && width != 8))
		return false;
	operand = operand_size(row, &p, width);
	*insn = (struct insn){
		.kind = (enum insn_kind)kind,
		.size = memory_size(row, operand),
		.to_register = row->flags & TO_REG,
		.at = { .base = INSN_NO_REGISTER, .index = INSN_NO_REGISTER },
	};
	insn->at.size = (u8)(p.address ? (width == 4 ? 2 : 4) : width);
	insn->reg_size = row->flags & EXTENDS ? operand : insn->size;
	take_operands(&r, row, &p, width, insn);
	insn->length = (u8)r.at;
	/* LOCK goes with what reads and writes memory, else it is #UD. */
	return !r.short_of &&
	       (!p.lock || ((row->flags & MAY_LOCK) && insn_writes(insn)));
}

u64 insn_operand(const struct insn *insn, const u64 *gpr)
{
	if (insn->has_immediate)
		return (u64)(i64)(i32)insn->immediate;
	return insn->high ? gpr[insn->reg] >> 8 : gpr[insn->reg];
}

/* SDM volume 1, 3.4.1.1: 32 bits clear the upper half, fewer leave the rest. */
void insn_result(const struct insn *insn, u64 *gpr, u64 value)
{
	u64 mask = insn->reg_size >= 4 ? ~0ull : BIT(insn->reg_size * 8) - 1;
	u32 shift = insn->high ? 8 : 0;

	if (insn->reg_size == 4)
		value = (u32)value;
	gpr[insn->reg] = (gpr[insn->reg] & ~(mask << shift)) | (value & mask)
	                                                               << shift;
}

u64 insn_offset(const struct insn *insn, const u64 *gpr, u64 rip)
{
	const struct insn_address *a = &insn->at;
	u64 offset = a->displacement;

	if (a->from_rip)
		offset += rip + insn->length;
	if (a->base != INSN_NO_REGISTER)
		offset += gpr[a->base];
	if (a->index != INSN_NO_REGISTER)
		offset += gpr[a->index] << a->scale;
	return a->size == 8 ? offset : offset & (BIT(a->size * 8) - 1);
}
