/*
 * Accesses to the page of a local APIC in xAPIC mode, where the parent has not
 * mapped anything: the instruction is decoded and carried out here.
 */
#include "hv/arch.h"
#include "hv/interrupt/lapic.h"
#include "hv/vp/gva.h"
#include "hv/vp/vp.h"
#include "lib/insn.h"

#define REGISTER_BYTES 16u
#define SS_BIG BIT(14)

/*
 * The operand of an instruction: in the page from `offset` on, but for the bytes
 * in memory before it or behind it.
 */
struct operand {
	u32 offset;
	u32 count;               /* of its bytes that are in the page */
	u32 first;               /* of them, the number in the operand */
	struct gva_place memory; /* the others; count[0] 0: none */
};

/* ---- Where it is ---- */

/* Half of it in the page above or below, where there has to be memory. */
static bool find_memory(struct vp *vp, const struct insn *insn, u64 linear,
                        struct operand *o)
{
	u32 rights = insn_writes(insn) ? ARCH_READ | ARCH_WRITE : ARCH_READ;
	u32 room = (u32)(PAGE_SIZE - linear % PAGE_SIZE);

	if (o->offset == 0 && room < insn->size) {
		o->first = room;
		o->count = insn->size - room;
		return gva_pin(vp, linear, room, rights, &o->memory);
	}
	if (o->offset != linear % PAGE_SIZE)
		return false;
	o->count = room;
	return gva_pin(vp, linear + room, insn->size - room, rights,
	               &o->memory);
}

/*
 * All of a register is written, any bytes of its 32 bits are read; those behind
 * them are zero to who reads all eight.
 */
static bool is_possible(const struct insn *insn, u32 offset)
{
	u32 in_register = offset % REGISTER_BYTES;

	if (insn_writes(insn))
		return in_register == 0 && insn->size == 4;
	return in_register + insn->size <= 4 ||
	       (in_register == 0 && insn->size == 8);
}

static bool find_operand(struct vp *vp, const struct insn *insn, u32 offset,
                         struct operand *o)
{
	u64 linear;

	*o = (struct operand){ .offset = offset, .count = insn->size };
	if (offset > 0 && offset + insn->size <= PAGE_SIZE)
		return is_possible(insn, offset);
	/* An access that crosses is known by its part in this page. */
	linear = gva_linear(vp, insn->at.segment,
	                    insn_offset(insn, vp->state.gpr, vp->state.rip));
	if (linear % PAGE_SIZE + insn->size <= PAGE_SIZE)
		return linear % PAGE_SIZE == offset &&
		       is_possible(insn, offset);
	return find_memory(vp, insn, linear, o);
}

/* ---- Its value ---- */

static u32 register_of(const struct operand *o)
{
	return o->offset & ~(REGISTER_BYTES - 1);
}

static u8 *memory_bytes(const struct operand *o, u8 bytes[8])
{
	return o->first ? bytes : bytes + o->count;
}

static u64 read_operand(struct vp *vp, const struct operand *o)
{
	/* The low 32 bits of 16 bytes: the others of them are read as zero. */
	u64 part = lapic_read_page(vp, register_of(o)) >> o->offset % 4 * 8;
	u64 value = part;

	if (o->count < 8)
		value &= BIT(o->count * 8) - 1;
	value <<= o->first * 8;
	if (o->memory.count[0])
		gva_read(&o->memory, memory_bytes(o, (u8 *)&value));
	return value;
}

/* A part of a register beside memory is of one that does not exist. */
static void write_operand(struct vp *vp, const struct operand *o, u64 value)
{
	if (o->memory.count[0])
		gva_write(&o->memory, memory_bytes(o, (u8 *)&value));
	lapic_write_page(vp, register_of(o), (u32)(value >> o->first * 8));
}

/* ---- Instructions ---- */

static u32 stack_width(struct vp *vp)
{
	const struct vp_state *s = vp_state_part(vp, VP_PART_SEGMENTS);

	if (gva_code_width(vp) == 8)
		return 8;
	return s->segment[VP_SS].attributes & SS_BIG ? 4 : 2;
}

static bool push(struct vp *vp, const struct insn *insn,
                 const struct operand *o)
{
	struct insn rsp = { .reg = VP_RSP };
	u64 *gpr = vp->state.gpr, top = gpr[VP_RSP] - insn->size, value;
	struct gva_place place;

	rsp.reg_size = (u8)stack_width(vp);
	if (rsp.reg_size < 8)
		top &= BIT(rsp.reg_size * 8) - 1;
	/* First: a read of the register may have an effect, a fault must not. */
	if (!gva_pin(vp, gva_linear(vp, VP_SS, top), insn->size, ARCH_WRITE,
	             &place))
		return false;
	value = read_operand(vp, o);
	gva_write(&place, (u8 *)&value);
	insn_result(&rsp, gpr, top);
	return true;
}

static bool carry_out(struct vp *vp, const struct insn *insn,
                      const struct operand *o)
{
	u64 old = 0, value;
	u64 rflags = vp_state_part(vp, VP_PART_CORE)->rflags, before = rflags;

	if (insn->kind == INSN_PUSH)
		return push(vp, insn, o);
	if (insn_reads(insn))
		old = read_operand(vp, o);
	/* The registers of the state, RAX to R15, are always current. */
	value = insn_execute(insn, vp->state.gpr, &rflags, old);
	if (rflags != before)
		vp_state_change(vp, VP_PART_CORE)->rflags = rflags;
	if (insn_writes(insn))
		write_operand(vp, o, value);
	return true;
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
	struct operand operand;
	struct insn insn;
	u32 count;

	/* Not an instruction's access, but the delivery of an event. */
	if (vp_state_part(vp, VP_PART_CORE)->pending_interruption &
	    HV_PENDING_INTERRUPTION)
		return false;
	count = gva_fetch(vp, bytes, sizeof(bytes));
	if (!insn_decode(bytes, count, gva_code_width(vp), &insn) ||
	    !find_operand(vp, &insn, offset, &operand) ||
	    !carry_out(vp, &insn, &operand))
		return false;
	vp_skip(vp, insn.length);
	return true;
}
