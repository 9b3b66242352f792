/*
 * MOV to CR0, CR4, CR8, DR7, and LMSW. Without decode assists the operand is in the bytes of
 * the instruction. What it does to CR0 and CR4 is hv/run/cr.c's.
 */
#include "arch/x86_64/svm/exits_cr.h"

#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/svm/events.h"
#include "arch/x86_64/svm/opcode.h"
#include "arch/x86_64/svm/svm_arch.h"
#include "hv/interrupt/lapic.h"
#include "hv/run/cr.h"
#include "hv/vp/gva.h"
#include "include/x86.h"
#include "lib/insn.h"

#define LMSW_OPCODE 0x01u /* behind 0F; MOV to CR is 22 */
#define LMSW_BITS 0xfull
#define DR7_WRITABLE 0xffff23ffull /* the others are 0, or 1 (13.1.1.4) */

/* The instruction, as far as it can be read; and where its opcode is. */
struct code {
	u8 bytes[INSN_MAX];
	u32 count;
	u32 width;
	struct opcode opcode;
};

static bool fetch(struct vp *vp, struct code *c)
{
	c->count = gva_fetch(vp, c->bytes, sizeof(c->bytes));
	c->width = gva_code_width(vp);
	c->opcode = opcode_find(c->bytes, c->count, c->width);
	/* Another processor may have changed the code since the exit: it is executed
	 * again then, and whatever it has become is what happens. */
	return c->opcode.count >= 3 && c->opcode.at[0] == 0x0f;
}

/* ModRM's mod is not looked at: the operand is a register (APM volume 3). */
static u64 moved(const struct vp *vp, const struct code *c)
{
	u32 number = (c->opcode.at[2] & 7u) | (c->opcode.rex & OPCODE_REX_B)
	                                              << 3;
	u64 value = vp->state.gpr[number];

	/* Outside 64-bit mode the upper half of a register is nobody's operand. */
	return c->width == 8 ? value : (u32)value;
}

/* Where the 16 bits of LMSW's operand in memory are: MOVZX has the same operand. */
static bool find_memory(struct vp *vp, const struct code *c, struct insn *insn,
                        struct gva_place *place)
{
	u8 bytes[INSN_MAX];
	u64 linear;

	__builtin_memcpy(bytes, c->bytes, sizeof(bytes));
	bytes[c->opcode.prefixes + 1] = 0xb7;
	if (!insn_decode(bytes, c->count, c->width, insn))
		return false;
	linear = gva_linear(vp, insn->at.segment,
	                    insn_offset(insn, vp->state.gpr, vp->state.rip));
	return gva_pin(vp, linear, 2, ARCH_READ, place);
}

/* Bits 0 to 3 of CR0, of which PE is never cleared (APM volume 3, LMSW). */
static enum exit_outcome load_status(struct vp *vp, const struct code *c)
{
	u64 cr0 = vp_state_part(vp, VP_PART_CORE)->cr0, word = moved(vp, c);
	struct gva_place place;
	struct insn insn = { .length = (u8)(c->opcode.prefixes + 3) };
	enum exit_outcome outcome;

	if (c->opcode.at[2] >> 6 != 3) {
		if (!find_memory(vp, c, &insn, &place))
			return EXIT_FAULT_GP;
		word = 0;
		gva_read(&place, (u8 *)&word);
	}
	word = (word & LMSW_BITS) | (cr0 & CR0_PE);
	outcome = cr_write_cr0(vp, (cr0 & ~LMSW_BITS) | word);
	if (outcome != EXIT_SKIP)
		return outcome;
	/* Its length is not what the exit's is taken to be. */
	vp_skip(vp, insn.length);
	return EXIT_AGAIN;
}

/*
 * A MOV that changes no more than TS and MP does not come here (15.9): a guest that
 * switches its FPU lazily does so without an exit.
 */
enum exit_outcome exits_cr0(struct exit *x)
{
	struct code c;

	if (!fetch(x->vp, &c))
		return EXIT_AGAIN;
	if (c.opcode.at[1] == LMSW_OPCODE)
		return load_status(x->vp, &c);
	return cr_write_cr0(x->vp, moved(x->vp, &c));
}

enum exit_outcome exits_cr4(struct exit *x)
{
	struct code c;

	if (!fetch(x->vp, &c))
		return EXIT_AGAIN;
	return cr_write_cr4(x->vp, moved(x->vp, &c), arch_facts()->cr4_allowed);
}

enum exit_outcome exits_cr8(struct exit *x)
{
	struct code c;
	u64 value;

	if (!fetch(x->vp, &c))
		return EXIT_AGAIN;
	value = moved(x->vp, &c);
	if (value > 15)
		return EXIT_FAULT_GP;
	/* A lower priority may let interrupts in: the entry looks, and sets V_TPR. */
	lapic_set_cr8(x->vp, value);
	return EXIT_SKIP;
}

/*
 * QEMU 7.2 arms and disarms breakpoints where DR7 is written by MOV, but not where VMRUN
 * and #VMEXIT change it: so a guest's MOV is ours to carry out (see run.c).
 */
enum exit_outcome exits_dr7(struct exit *x)
{
	struct vmcb *v = vmcb_of(x->vp);
	struct code c;
	u64 value;

	/* GD goes first: with it the value is never looked at. */
	if (v->dr7 & DR7_GD)
		return events_raise_debug(x->vp, DEBUG_REGISTERS);
	if (!fetch(x->vp, &c))
		return EXIT_AGAIN;
	value = moved(x->vp, &c);
	if (value >> 32)
		return EXIT_FAULT_GP;
	v->dr7 = (value & DR7_WRITABLE) | DR7_FIXED;
	/* What is cached already must not be the old one. */
	if (x->vp->cached & VP_PART_CODE)
		x->vp->state.dr7 = v->dr7;
	return EXIT_SKIP;
}
