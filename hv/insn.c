/*
 * Decoding of loads and stores.
 */
#include "hv/insn.h"

#define PREFIX_OPERAND 0x66
#define PREFIX_ADDRESS 0x67
#define REX_W 8u
#define REX_R 4u
#define TWO_BYTES 0x0f
#define RM_SIB 4u
#define RM_DISPLACEMENT 5u /* with mod 0: no base; 6 in 16-bit addressing */

/* What follows the opcode. */
#define BYTE 1u   /* the memory operand is a byte, else of operand size */
#define WORD 2u   /* it is two bytes */
#define MODRM 4u  /* else the address itself, and the accumulator */
#define IMM 8u    /* an immediate of the operand's size, at most 4 */
#define IMM8 16u  /* one byte, sign-extended */
#define GROUP 32u /* ModRM.reg must be `group` */

static const struct insn_row {
	u8 opcode;
	bool two_bytes;
	u8 flags;
	u8 group;
	enum insn_kind kind;
} rows[] = {
	{ 0x88, false, BYTE | MODRM, 0, INSN_STORE },
	{ 0x89, false, MODRM, 0, INSN_STORE },
	{ 0x8a, false, BYTE | MODRM, 0, INSN_LOAD },
	{ 0x8b, false, MODRM, 0, INSN_LOAD },
	{ 0xa0, false, BYTE, 0, INSN_LOAD },
	{ 0xa1, false, 0, 0, INSN_LOAD },
	{ 0xa2, false, BYTE, 0, INSN_STORE },
	{ 0xa3, false, 0, 0, INSN_STORE },
	{ 0xc6, false, BYTE | MODRM | IMM | GROUP, 0, INSN_STORE },
	{ 0xc7, false, MODRM | IMM | GROUP, 0, INSN_STORE },
	{ 0xb6, true, BYTE | MODRM, 0, INSN_LOAD },
	{ 0xb7, true, WORD | MODRM, 0, INSN_LOAD },
	{ 0x21, false, MODRM, 0, INSN_AND },
	{ 0x09, false, MODRM, 0, INSN_OR },
	{ 0x31, false, MODRM, 0, INSN_XOR },
	{ 0x81, false, MODRM | IMM | GROUP, 1, INSN_OR },
	{ 0x81, false, MODRM | IMM | GROUP, 4, INSN_AND },
	{ 0x81, false, MODRM | IMM | GROUP, 6, INSN_XOR },
	{ 0x83, false, MODRM | IMM8 | GROUP, 1, INSN_OR },
	{ 0x83, false, MODRM | IMM8 | GROUP, 4, INSN_AND },
	{ 0x83, false, MODRM | IMM8 | GROUP, 6, INSN_XOR },
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

static u32 take(struct reader *r, u32 bytes)
{
	u32 value = 0;

	if (bytes > r->count - r->at) {
		r->short_of = true;
		return 0;
	}
	for (u32 i = 0; i < bytes && i < 4; i++)
		value |= (u32)r->bytes[r->at + i] << (8 * i);
	r->at += bytes;
	return value;
}

struct prefixes {
	bool operand;
	bool address;
	u8 rex; /* 0: none */
};

/* LOCK and REP go with nothing that is known here. */
static void take_prefixes(struct reader *r, u32 width, struct prefixes *p)
{
	*p = (struct prefixes){ .rex = 0 };
	for (;; r->at++) {
		switch (peek(r)) {
		case PREFIX_OPERAND:
			p->operand = true;
			break;
		case PREFIX_ADDRESS:
			p->address = true;
			break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x64:
		case 0x65:
			break;
		default:
			/* REX counts directly before the opcode alone. */
			if (width == 8 && (peek(r) & 0xf0) == 0x40)
				p->rex = (u8)take(r, 1);
			return;
		}
	}
}

/* Over what follows ModRM: how far, depends on it (SDM tables 2-1 to 2-3). */
static void skip_address(struct reader *r, u8 modrm, u32 width)
{
	u32 mod = modrm >> 6, rm = modrm & 7u;
	u32 none = width == 2 ? 6 : RM_DISPLACEMENT;

	if (width != 2 && rm == RM_SIB)
		rm = take(r, 1) & 7;
	if (mod == 1)
		take(r, 1);
	else if (mod == 2 || (mod == 0 && rm == none))
		take(r, width == 2 ? 2 : 4);
}

static const struct insn_row *find(const struct reader *r, u8 opcode,
                                   bool two_bytes)
{
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		const struct insn_row *row = &rows[i];

		if (row->opcode == opcode && row->two_bytes == two_bytes &&
		    (!(row->flags & GROUP) || (peek(r) >> 3 & 7) == row->group))
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
                          const struct prefixes *p, u32 address,
                          struct insn *insn)
{
	u8 modrm;

	if (row->flags & MODRM) {
		modrm = (u8)take(r, 1);
		if (modrm >> 6 == 3)
			r->short_of = true; /* no memory */
		take_register(insn, modrm, p);
		skip_address(r, modrm, address);
	} else {
		take(r, address);
	}
	insn->has_immediate = row->flags & (IMM | IMM8);
	if (row->flags & IMM8)
		insn->immediate = (u32)(i32)(i8)take(r, 1);
	else if (row->flags & IMM)
		insn->immediate = take(r, insn->size < 4 ? insn->size : 4);
}

bool insn_decode(const u8 *bytes, u32 count, u32 width, struct insn *insn)
{
	struct reader r = { bytes, count < INSN_MAX ? count : INSN_MAX, 0,
		            false };
	const struct insn_row *row;
	struct prefixes p;
	u32 address;
	bool two_bytes;
	u8 operand, opcode;

	take_prefixes(&r, width, &p);
	operand = (width == 2) != p.operand ? 2 : 4;
	if (p.rex & REX_W)
		operand = 8;
	address = p.address ? (width == 4 ? 2 : 4) : width;
	opcode = (u8)take(&r, 1);
	two_bytes = opcode == TWO_BYTES;
	if (two_bytes)
		opcode = (u8)take(&r, 1);
	row = find(&r, opcode, two_bytes);
	if (!row || r.short_of)
		return false;
	*insn = (struct insn){ .kind = row->kind, .size = operand };
	if (row->flags & (BYTE | WORD))
		insn->size = row->flags & BYTE ? 1 : 2;
	insn->reg_size = two_bytes ? operand : insn->size;
	take_operands(&r, row, &p, address, insn);
	insn->length = (u8)r.at;
	return !r.short_of;
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
