/*
 * Accesses to the page of a local APIC in xAPIC mode, where the parent has not
 * mapped anything: the instruction is decoded and carried out here.
 */
#include "hv/exit.h"
#include "hv/gva.h"
#include "hv/insn.h"
#include "hv/lapic.h"
#include "hv/vp.h"

#define REGISTER_BYTES 16u
#define RFLAGS_CF BIT(0)
#define RFLAGS_PF BIT(2)
#define RFLAGS_ZF BIT(6)
#define RFLAGS_SF BIT(7)
#define RFLAGS_OF BIT(11)
#define RFLAGS_LOGIC (RFLAGS_CF | RFLAGS_PF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

static void set_flags(struct vp_state *s, u32 result)
{
	s->rflags &= ~RFLAGS_LOGIC;
	if (!result)
		s->rflags |= RFLAGS_ZF;
	if (result >> 31)
		s->rflags |= RFLAGS_SF;
	if (!(__builtin_popcount(result & 0xff) & 1))
		s->rflags |= RFLAGS_PF;
}

static u32 combine(enum insn_kind kind, u32 a, u32 b)
{
	if (kind == INSN_AND)
		return a & b;
	return kind == INSN_OR ? a | b : a ^ b;
}

static void carry_out(struct vp *vp, const struct insn *insn, u32 offset)
{
	struct vp_state *s = &vp->state; /* RFLAGS apart, it is RAX to R15 */
	u32 at = offset & ~(REGISTER_BYTES - 1);
	u32 value = (u32)insn_operand(insn, s->gpr);

	if (insn->kind == INSN_LOAD) {
		value = lapic_read_page(vp, at) >> (offset % 4 * 8);
		if (insn->size < 4)
			value &= (u32)BIT(insn->size * 8) - 1;
		insn_result(insn, s->gpr, value);
		return;
	}
	if (insn->kind != INSN_STORE) {
		value = combine(insn->kind, lapic_read_page(vp, at), value);
		set_flags(vp_state_change(vp, VP_PART_CORE), value);
	}
	lapic_write_page(vp, at, value);
}

/* All of a register is written, any bytes of its 32 bits are read. */
static bool is_possible(const struct insn *insn, u32 offset)
{
	u32 in_register = offset % REGISTER_BYTES;

	if (insn->kind == INSN_LOAD)
		return in_register + insn->size <= 4;
	return in_register == 0 && insn->size == 4;
}

bool lapic_is_page(const struct vp *vp, u64 gpa)
{
	return lapic_mode(vp) == LAPIC_XAPIC &&
	       gpa >> PAGE_SHIFT == vp->state.apic_base >> PAGE_SHIFT;
}

bool lapic_emulate(struct vp *vp, u64 gpa)
{
	u32 offset = (u32)(gpa % PAGE_SIZE);
	u8 bytes[INSN_MAX];
	struct insn insn;
	u32 count;

	/* Not an instruction's access, but the delivery of an event. */
	if (vp_state_part(vp, VP_PART_CORE)->pending_interruption &
	    HV_PENDING_INTERRUPTION)
		return false;
	count = gva_fetch(vp, bytes, sizeof(bytes));
	if (!insn_decode(bytes, count, gva_code_width(vp), &insn) ||
	    !is_possible(&insn, offset))
		return false;
	carry_out(vp, &insn, offset);
	exit_skip(vp, insn.length);
	return true;
}
