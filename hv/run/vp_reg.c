/*
 * What walks the table of registers: get, set, the check of a whole state, reset.
 */
#include "hv/run/vp_reg.h"

#include "hv/arch.h"
#include "hv/vp/vp.h"
#include "hv/vp/vp_check.h"
#include "hv/vp/vp_xsave.h"
#include "include/x86.h"

typedef vp_check_value value_t;

#define PENDING_DEBUG_ALLOWED \
	(DEBUG_BREAKPOINTS | DEBUG_ENABLED | DEBUG_STEP | DEBUG_RTM)

/* Of a register that is a place in the state. */
static u32 parts_of(const struct vp_reg *r, u32 index)
{
	/* CS is in another part than the segments around it, so each place is
	 * asked for. */
	return vp_state_part_of(r->offset + index * r->stride);
}

/* 0: it is no MSR. */
static u32 msr_of(const struct vp_reg *r, u32 index)
{
	return r->msr + index * r->msr_step;
}

u32 vp_reg_parts(u32 name)
{
	u32 index;
	const struct vp_reg *r = vp_reg_find(name, &index);
	/* What lies elsewhere, as in the XSAVE area, is checked when it is set
	 * and by no rule of VM entry. */
	bool place = r &&
	             (r->kind == VP_REG_U64 || r->kind == VP_REG_TSC ||
	              r->kind == VP_REG_SEGMENT || r->kind == VP_REG_TABLE);

	return place ? parts_of(r, index) : 0;
}

/* Of a register that this processor does not have: YMM without AVX. */
static bool reg_exists(const struct vp_reg *r)
{
	return r->offset != VP_XSAVE_YMM_OFFSET || r->kind != VP_REG_XSAVE16 ||
	       (arch_facts()->compat.xcr0 & XSTATE_AVX);
}

/* ---- Get ---- */

static void get_from_state(const struct vp_state *s, const struct vp_reg *r,
                           u32 index, union hv_register_value *v)
{
	const u8 *at = (const u8 *)s + r->offset + index * r->stride;
	struct vp_table t;

	/* In the form of the TLFS, which a segment has in the structure too; a
	 * table's limit is wider there, as a VMCS has it. */
	switch (r->kind) {
	case VP_REG_SEGMENT:
		arch_copy(v, at, sizeof(struct hv_segment));
		break;
	case VP_REG_TABLE:
		arch_copy(&t, at, sizeof(t));
		v->table.limit = (u16)t.limit;
		v->table.base = t.base;
		break;
	default:
		arch_copy(&v->reg64, at, sizeof(v->reg64));
	}
}

enum hv_status vp_reg_get_in(struct vp *vp, const struct vp_reg *r, u32 index,
                             union hv_register_value *v)
{
	/* All of the value: what a kind does not fill is 0 for the caller, and
	 * no byte of our stack. */
	v->reg128[0] = v->reg128[1] = 0;
	if (!reg_exists(r))
		return HV_STATUS_INVALID_PARAMETER;
	if (r->get)
		return r->get(vp, msr_of(r, index), &v->reg64);
	/* The registers of the last one to run are still in the processor. */
	if (r->kind == VP_REG_XSAVE16) {
		vp_state_part(vp, VP_PART_LIVE);
		vp_xsave_get(vp_xsave(vp), r->offset + index * r->stride, v);
	} else {
		get_from_state(vp_state_part(vp, parts_of(r, index)), r, index,
		               v);
	}
	return HV_STATUS_SUCCESS;
}

enum hv_status vp_reg_get(struct vp *vp, u32 name, union hv_register_value *v)
{
	u32 index;
	const struct vp_reg *r = vp_reg_find(name, &index);

	return r ? vp_reg_get_in(vp, r, index, v) : HV_STATUS_INVALID_PARAMETER;
}

/* ---- Set ---- */

static void set_in_state(struct vp_state *s, const struct vp_reg *r, u32 index,
                         value_t *v)
{
	u8 *at = (u8 *)s + r->offset + index * r->stride;
	/* The check has seen that the padding is 0. */
	struct vp_table t = { v->table.base, v->table.limit };

	switch (r->kind) {
	case VP_REG_SEGMENT:
		arch_copy(at, v, sizeof(struct hv_segment));
		break;
	case VP_REG_TABLE:
		arch_copy(at, &t, sizeof(t));
		break;
	default:
		arch_copy(at, &v->reg64, sizeof(v->reg64));
	}
}

static bool has_flag(u32 name, enum vp_reg_flag flag)
{
	u32 index;
	const struct vp_reg *r = vp_reg_find(name, &index);

	return r && (r->flags & flag);
}

bool vp_reg_loads_pdptes(u32 name)
{
	return has_flag(name, VP_REG_PDPTES);
}

bool vp_reg_is_slow(u32 name)
{
	return has_flag(name, VP_REG_SLOW);
}

enum hv_status vp_reg_set_in(struct vp *vp, const struct vp_reg *r, u32 index,
                             value_t *v)
{
	/* All that can be said without looking at the VP; a set function may
	 * still refuse, and then changes nothing. */
	if (!reg_exists(r) || r->kind == VP_REG_FIXED ||
	    (r->check && !r->check(v)))
		return HV_STATUS_INVALID_PARAMETER;
	if (r->set)
		return r->set(vp, msr_of(r, index), v->reg64);
	if (r->kind == VP_REG_XSAVE16) {
		/* Captured first: the sixteen bytes are part of a component
		 * whose rest must not get lost. */
		vp_state_change(vp, VP_PART_LIVE);
		vp_xsave_set(vp_xsave(vp), r->offset + index * r->stride, v);
	} else {
		set_in_state(vp_state_change(vp, parts_of(r, index)), r, index,
		             v);
	}
	return HV_STATUS_SUCCESS;
}

enum hv_status vp_reg_set(struct vp *vp, u32 name, value_t *v)
{
	u32 index;
	const struct vp_reg *r = vp_reg_find(name, &index);

	return r ? vp_reg_set_in(vp, r, index, v) : HV_STATUS_INVALID_PARAMETER;
}

/* ---- The whole ---- */

/* As HvGetVpRegisters would have it: so a stream can bring nothing that SetVpRegisters
 * refuses. */
static bool value_valid(const struct vp_state *s, const struct vp_reg *r,
                        u32 index)
{
	union hv_register_value v = { .reg128 = { 0, 0 } };

	get_from_state(s, r, index, &v);
	return r->check(&v);
}

u32 vp_reg_refused(const struct vp_state *state)
{
	u32 count;
	const struct vp_reg *r = vp_reg_table(&count);

	for (; count > 0; count--, r++) {
		/* What is not in the structure is checked with its chunk. */
		if (!r->check || r->get || r->kind == VP_REG_XSAVE16)
			continue;
		for (u32 i = 0; i < r->count; i++)
			if (!value_valid(state, r, i))
				return r->name + i;
	}
	return 0;
}

bool vp_reg_all_valid(const struct vp_state *state,
                      const struct vp_xsave *xsave)
{
	if (vp_reg_refused(state))
		return false;
	/* The fields that no register shows whole: what is pending, and limits
	 * of more than 16 bits. */
	if (state->pending_debug & ~PENDING_DEBUG_ALLOWED)
		return false;
	return state->idtr.limit <= 0xffff && state->gdtr.limit <= 0xffff &&
	       vp_xsave_valid(xsave);
}

/* SDM table 9-1: attributes of data, code, LDT and busy TSS segments. */
static void reset_segments(struct vp_state *s)
{
	for (u32 i = 0; i < VP_SEGMENTS; i++)
		s->segment[i] = (struct hv_segment){ .limit = 0xffff,
			                             .attributes = 0x93 };
	/* The reset vector is 16 bytes below 4 GiB: a base that no selector of
	 * real mode can name. */
	s->segment[VP_CS] = (struct hv_segment){ .base = 0xffff0000,
		                                 .limit = 0xffff,
		                                 .selector = 0xf000,
		                                 .attributes = 0x9b };
	s->segment[VP_LDTR].attributes = 0x82;
	s->segment[VP_TR].attributes = 0x8b;
}

static void reset_registers(struct vp_state *state)
{
	u32 count;
	const struct vp_reg *table = vp_reg_table(&count);

	__builtin_memset(state, 0, sizeof(*state));
	for (u32 i = 0; i < count; i++) {
		const struct vp_reg *r = &table[i];

		/* Those of several are 0 after power-up, all of them. */
		if (r->kind == VP_REG_U64 && r->count == 1)
			arch_copy((u8 *)state + r->offset, &r->reset, 8);
	}
	reset_segments(state);
	state->idtr.limit = state->gdtr.limit = 0xffff;
	/* The processor's signature, by which firmware knows it (SDM 9.1.3). */
	state->gpr[VP_RDX] = arch_facts()->compat.signature;
}

void vp_reg_reset_all(struct vp_state *state, struct vp_xsave *xsave)
{
	reset_registers(state);
	vp_xsave_reset(xsave);
}

void vp_reg_init_all(struct vp_state *state)
{
	/* By the rows: what a new register does at INIT is said with it. */
	struct vp_state old = *state;
	u32 count;
	const struct vp_reg *table = vp_reg_table(&count);

	reset_registers(state);
	for (u32 i = 0; i < count; i++) {
		const struct vp_reg *r = &table[i];

		if (r->flags & VP_REG_KEPT)
			arch_copy((u8 *)state + r->offset,
			          (const u8 *)&old + r->offset, r->count * 8);
	}
	/* Of CR0 only the bits of the caches stay. */
	state->cr0 = CR0_ET | (old.cr0 & (CR0_CD | CR0_NW));
}
