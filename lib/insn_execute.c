/*
 * What decoded instructions do to a value in memory, a register and the flags.
 */
#include "include/x86.h"
#include "include/x86_operands.h"
#include "lib/insn.h"

bool insn_reads(const struct insn *insn)
{
	return insn->kind != INSN_STORE;
}

bool insn_writes(const struct insn *insn)
{
	/* PUSH writes memory as well, but on the stack, and not its operand. */
	switch (insn->kind) {
	case INSN_LOAD:
	case INSN_LOAD_SIGNED:
	case INSN_CMP:
	case INSN_TEST:
	case INSN_BT:
	case INSN_PUSH:
		return false;
	default:
		return !insn->to_register;
	}
}

static u64 mask_of(u32 size)
{
	return size == 8 ? ~0ull : BIT(size * 8) - 1;
}

static void set_flags(u64 *rflags, u64 which, u64 values)
{
	*rflags = (*rflags & ~which) | (values & which);
}

/* ZF, SF, PF of a result of so many bytes. */
static u64 flags_of(u64 result, u32 size)
{
	u64 flags = result & mask_of(size) ? 0 : RFLAGS_ZF;

	if (result >> (size * 8 - 1) & 1)
		flags |= RFLAGS_SF;
	if (!(__builtin_popcountll(result & 0xff) & 1))
		flags |= RFLAGS_PF;
	return flags;
}

/* CF, AF, OF: from the carries out of every bit, and the sign that is wrong. */
static u64 carry_flags(u64 carries, u64 overflow, u32 size)
{
	u32 top = size * 8 - 1;

	return (carries >> top & 1 ? RFLAGS_CF : 0) |
	       (carries >> 3 & 1 ? RFLAGS_AF : 0) |
	       (overflow >> top & 1 ? RFLAGS_OF : 0);
}

static u64 add(u64 a, u64 b, bool carry, u32 size, u64 *flags)
{
	u64 r = a + b + carry;

	*flags = flags_of(r, size) |
	         carry_flags((a & b) | ((a | b) & ~r), (a ^ r) & (b ^ r), size);
	return r;
}

static u64 subtract(u64 a, u64 b, bool borrow, u32 size, u64 *flags)
{
	u64 r = a - b - borrow;

	*flags = flags_of(r, size) | carry_flags((~a & b) | ((~a | b) & r),
	                                         (a ^ b) & (a ^ r), size);
	return r;
}

/* AF is undefined then: it stays. */
static u64 logic(enum insn_kind kind, u64 a, u64 b, u32 size, u64 *rflags)
{
	u64 r = kind == INSN_OR ? a | b : kind == INSN_XOR ? a ^ b : a & b;

	set_flags(rflags,
	          RFLAGS_CF | RFLAGS_PF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF,
	          flags_of(r, size));
	return r;
}

/* a op= b, with all of its flags. */
static u64 arithmetic(enum insn_kind kind, u64 a, u64 b, u32 size, u64 *rflags)
{
	bool carry = *rflags & RFLAGS_CF;
	u64 r, flags;

	switch (kind) {
	case INSN_ADD:
	case INSN_ADC:
		r = add(a, b, kind == INSN_ADC && carry, size, &flags);
		break;
	case INSN_SBB:
	case INSN_SUB:
	case INSN_CMP:
		r = subtract(a, b, kind == INSN_SBB && carry, size, &flags);
		break;
	default:
		return logic(kind, a, b, size, rflags);
	}
	set_flags(rflags,
	          RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF |
	                  RFLAGS_OF,
	          flags);
	return r;
}

/* One operand: INC and DEC leave CF alone, NOT all flags. */
static u64 unary(enum insn_kind kind, u64 a, u32 size, u64 *rflags)
{
	u64 which = RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF;
	u64 r, flags;

	if (kind == INSN_NOT)
		return ~a;
	if (kind == INSN_NEG) {
		r = subtract(0, a, false, size, &flags);
		which |= RFLAGS_CF;
	} else if (kind == INSN_INC) {
		r = add(a, 1, false, size, &flags);
	} else {
		r = subtract(a, 1, false, size, &flags);
	}
	set_flags(rflags, which, flags);
	return r;
}

/* Of a register operand the bits above are part of the address already. */
static u64 bit_test(enum insn_kind kind, u64 a, u64 number, u32 size,
                    u64 *rflags)
{
	u64 bit = BIT(number % (size * 8));

	set_flags(rflags, RFLAGS_CF, a & bit ? RFLAGS_CF : 0);
	if (kind == INSN_BTS)
		return a | bit;
	if (kind == INSN_BTR)
		return a & ~bit;
	return kind == INSN_BTC ? a ^ bit : a;
}

/* Where it is not what the accumulator holds, the accumulator gets it. */
static u64 compare_exchange(const struct insn *insn, u64 *gpr, u64 *rflags,
                            u64 memory, u64 value)
{
	struct insn accumulator = { .reg = VP_RAX, .reg_size = insn->size };
	u64 wanted = gpr[VP_RAX] & mask_of(insn->size);

	arithmetic(INSN_CMP, wanted, memory, insn->size, rflags);
	if (wanted == memory)
		return value;
	insn_result(&accumulator, gpr, memory);
	return memory;
}

static u64 sign_extended(u64 value, u32 size)
{
	u32 rest = 64 - 8 * size;

	return (u64)((i64)(value << rest) >> rest);
}

/* Register op= memory; CMP keeps the register. */
static u64 into_register(const struct insn *insn, u64 *gpr, u64 *rflags,
                         u64 memory, u64 value)
{
	u64 r = arithmetic(insn->kind, value, memory, insn->size, rflags);

	if (insn->kind != INSN_CMP)
		insn_result(insn, gpr, r);
	return memory;
}

u64 insn_execute(const struct insn *insn, u64 *gpr, u64 *rflags, u64 memory)
{
	/*
	 * An immediate of 32 bits is sign-extended to 64 and then cut: the mask comes last, also
	 * for a high byte, whose register has more above it.
	 */
	u64 value = insn_operand(insn, gpr) & mask_of(insn->size);
	u32 size = insn->size;

	switch (insn->kind) {
	case INSN_STORE:
		return value;
	case INSN_LOAD:
		insn_result(insn, gpr, memory);
		return memory;
	case INSN_LOAD_SIGNED:
		insn_result(insn, gpr, sign_extended(memory, size));
		return memory;
	case INSN_TEST:
		/* AND without its result: flags alone. */
		logic(INSN_AND, memory, value, size, rflags);
		return memory;
	case INSN_NOT:
	case INSN_NEG:
	case INSN_INC:
	case INSN_DEC:
		return unary(insn->kind, memory, size, rflags);
	case INSN_XCHG:
		insn_result(insn, gpr, memory);
		return value;
	case INSN_XADD:
		/* The register gets what memory held; both are the same value if it is one register. */
		insn_result(insn, gpr, memory);
		return arithmetic(INSN_ADD, memory, value, size, rflags);
	case INSN_CMPXCHG:
		return compare_exchange(insn, gpr, rflags, memory, value);
	case INSN_BT:
	case INSN_BTS:
	case INSN_BTR:
	case INSN_BTC:
		return bit_test(insn->kind, memory, value, size, rflags);
	default:
		if (insn->to_register)
			return into_register(insn, gpr, rflags, memory, value);
		return arithmetic(insn->kind, memory, value, size, rflags);
	}
}
