/*
 * The table of a VP's state and the checks of single registers. A check says
 * whether the value can be in the register at all on this machine; what does
 * not hold together with other registers is found by VM entry (D27).
 */
#include "hv/vp_state.h"

#include "hv/arch.h"
#include "hv/check.h"
#include "hv/msr.h"
#include "hv/partition.h"
#include "hv/vp.h"

typedef const union hv_register_value value_t;

#define CR0_PE BIT(0)
#define CR0_ET BIT(4)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)
#define RFLAGS_FIXED BIT(1)
#define RFLAGS_ALLOWED 0x3f7fd7ull
#define DR6_FIXED 0xffff0ff0ull
#define DR6_WRITABLE (BIT(13) | BIT(14) | BIT(15) | BIT(16) | 0xf)
#define DR7_FIXED BIT(10)
#define DR7_ALLOWED 0xffff2fffull
#define SEGMENT_RSVD 0x0f00
#define APIC_BASE_BITS (BIT(8) | BIT(11))
#define APIC_BASE_RESET 0xfee00000ull
#define PAT_RESET 0x0007040600070406ull
#define XSTATE_X87 BIT(0)
#define XSTATE_SSE BIT(1)
#define XSTATE_AVX BIT(2)
#define XSTATE_MPX (BIT(3) | BIT(4))
#define XSTATE_AVX512 (BIT(5) | BIT(6) | BIT(7))
#define MXCSR_RESET 0x1f80u
#define MTRR_CAP_FIX BIT(8)
#define MTRR_CAP_WC BIT(10)
#define PENDING_RSVD 0xfe00ull /* bits 15:9 */
#define PENDING_DEBUG_ALLOWED (0xfull | BIT(12) | BIT(14) | BIT(16))

/* ---- Checks of one register ---- */

static bool check_zero_high(value_t *v)
{
	return v->reg128[1] == 0;
}

static bool fits(value_t *v, u64 allowed)
{
	return check_zero_high(v) && !(v->reg64 & ~allowed);
}

static bool canonical(u64 address)
{
	i64 top = (i64)address >> (arch_facts()->compat.linear_bits - 1);

	return top == 0 || top == -1;
}

static bool check_canonical(value_t *v)
{
	return check_zero_high(v) && canonical(v->reg64);
}

static bool check_u32(value_t *v)
{
	return fits(v, 0xffffffff);
}

static bool check_rflags(value_t *v)
{
	return fits(v, RFLAGS_ALLOWED) && (v->reg64 & RFLAGS_FIXED);
}

static bool check_cr0(value_t *v)
{
	u64 cr0 = v->reg64;

	if (!fits(v, arch_facts()->cr0_allowed))
		return false;
	if ((cr0 & CR0_PG) && !(cr0 & CR0_PE))
		return false;
	return !(cr0 & CR0_NW) || (cr0 & CR0_CD);
}

static bool check_cr3(value_t *v)
{
	return check_zero_high(v) &&
	       v->reg64 >> arch_facts()->compat.phys_bits == 0;
}

static bool check_cr4(value_t *v)
{
	return fits(v, arch_facts()->cr4_allowed);
}

static bool check_cr8(value_t *v)
{
	return fits(v, 0xf);
}

/* SDM 13.3: which sets of components XSETBV takes. */
static bool xcr0_valid(u64 xcr0)
{
	u64 avx512 = xcr0 & XSTATE_AVX512;
	u64 mpx = xcr0 & XSTATE_MPX;

	if (!(xcr0 & XSTATE_X87) || (xcr0 & ~arch_facts()->compat.xcr0))
		return false;
	if ((xcr0 & XSTATE_AVX) && !(xcr0 & XSTATE_SSE))
		return false;
	if (avx512 && (avx512 != XSTATE_AVX512 || !(xcr0 & XSTATE_AVX)))
		return false;
	return mpx == 0 || mpx == XSTATE_MPX;
}

static bool check_xcr0(value_t *v)
{
	if (!arch_facts()->has_xsave)
		return check_zero_high(v) && v->reg64 == XSTATE_X87;
	return check_zero_high(v) && xcr0_valid(v->reg64);
}

static bool check_efer(value_t *v)
{
	return fits(v, arch_facts()->efer_allowed);
}

static bool check_dr6(value_t *v)
{
	return fits(v, DR6_FIXED | DR6_WRITABLE) &&
	       (v->reg64 & DR6_FIXED & ~BIT(16)) == (DR6_FIXED & ~BIT(16));
}

static bool check_dr7(value_t *v)
{
	return fits(v, DR7_ALLOWED) && (v->reg64 & DR7_FIXED);
}

static bool check_segment(value_t *v)
{
	return !(v->segment.attributes & SEGMENT_RSVD);
}

static bool check_table(value_t *v)
{
	return canonical(v->table.base) && !v->table.pad[0] &&
	       !v->table.pad[1] && !v->table.pad[2];
}

static bool check_apic_base(value_t *v)
{
	u64 page = v->reg64 & ~APIC_BASE_BITS;

	return check_zero_high(v) && page % PAGE_SIZE == 0 &&
	       page >> arch_facts()->compat.phys_bits == 0;
}

/* Memory types of PAT entries and MTRRs: UC WC WT WP WB, and UC- in the PAT. */
static bool memory_type(u8 type, bool pat)
{
	return type == 0 || type == 1 || (type >= 4 && type <= 6) ||
	       (pat && type == 7);
}

static bool check_types(value_t *v, bool pat)
{
	for (u32 i = 0; i < 8; i++)
		if (!memory_type((u8)(v->reg64 >> (8 * i)), pat))
			return false;
	return check_zero_high(v);
}

static bool check_pat(value_t *v)
{
	return check_types(v, true);
}

static bool check_mtrr_fixed(value_t *v)
{
	return check_types(v, false);
}

static bool check_mtrr_def_type(value_t *v)
{
	return fits(v, 0xcff) && memory_type((u8)v->reg64, false);
}

static u64 page_bits(void)
{
	return BIT(arch_facts()->compat.phys_bits) - PAGE_SIZE;
}

static bool check_mtrr_base(value_t *v)
{
	return fits(v, page_bits() | 0xff) &&
	       memory_type((u8)v->reg64, false);
}

static bool check_mtrr_mask(value_t *v)
{
	return fits(v, page_bits() | BIT(11));
}

static bool check_tsc_aux(value_t *v)
{
	return arch_facts()->has_tsc_aux ? check_u32(v)
	                                 : check_zero_high(v) && !v->reg64;
}

static bool check_debugctl(value_t *v)
{
	return fits(v, arch_facts()->debugctl_allowed);
}

static bool check_activity(value_t *v)
{
	return fits(v, HV_ACTIVITY_STARTUP_SUSPEND | HV_ACTIVITY_HALT_SUSPEND);
}

static bool check_interrupt_state(value_t *v)
{
	return fits(v, HV_INTERRUPT_STATE_SHADOW |
	                       HV_INTERRUPT_STATE_NMI_MASKED);
}

/* Vectors that push an error code (SDM 6.3.1): #DF #TS #NP #SS #GP #PF #AC. */
#define ERROR_CODE_VECTORS 0x00027d00u

/*
 * Event injection (SDM 26.2.1.3): types that exist, NMI is vector 2, exceptions
 * are below 32, an error code only where the processor pushes one.
 */
static bool check_pending_interruption(value_t *v)
{
	u64 p = v->reg64;
	u32 type = (u32)(p >> HV_PENDING_TYPE_SHIFT) & 7;
	u32 vector = (u32)(p >> HV_PENDING_VECTOR_SHIFT) & 0xffff;
	u32 length = (u32)(p >> HV_PENDING_LENGTH_SHIFT) & 0xf;
	bool error = p & HV_PENDING_DELIVER_ERROR_CODE;

	if (!check_zero_high(v) || (p & PENDING_RSVD))
		return false;
	if (!(p & HV_PENDING_INTERRUPTION))
		return p == 0;
	if (type == 1 || type == 7 || vector > 255)
		return false;
	if (type == HV_PENDING_TYPE_NMI && vector != 2)
		return false;
	if (type == HV_PENDING_TYPE_EXCEPTION && vector > 31)
		return false;
	if (type >= HV_PENDING_TYPE_SOFTWARE_INTERRUPT &&
	    (length < 1 || length > 15))
		return false;
	if (!error)
		return p >> HV_PENDING_ERROR_SHIFT == 0;
	return type == HV_PENDING_TYPE_EXCEPTION &&
	       (ERROR_CODE_VECTORS & BIT(vector)) &&
	       p >> HV_PENDING_ERROR_SHIFT <= 0xffff;
}

/* Masked MXCSR bits fault in XRSTOR; the mask itself is the processor's. */
static bool mxcsr_valid(const u8 status[16])
{
	u32 mxcsr;

	arch_copy(&mxcsr, status + 8, sizeof(mxcsr));
	return !(mxcsr & ~arch_facts()->compat.mxcsr_mask);
}

static bool check_xmm_control(value_t *v)
{
	return mxcsr_valid((const u8 *)v);
}

/* ---- Registers that are more than a place in the structure ---- */

static enum hv_status get_explicit(struct vp *vp, union hv_register_value *v)
{
	v->reg64 = vp->explicit_suspend;
	return HV_STATUS_SUCCESS;
}

static enum hv_status set_explicit(struct vp *vp, value_t *v)
{
	struct partition *p = vp->partition;

	if (!fits(v, HV_SUSPENDED))
		return HV_STATUS_INVALID_PARAMETER;
	if (!v->reg64 && p->half_restored)
		return HV_STATUS_INVALID_PARTITION_STATE;
	if (v->reg64)
		arch_vp_kick(vp);
	vp->explicit_suspend = v->reg64;
	partition_update_time(p);
	return HV_STATUS_SUCCESS;
}

static enum hv_status get_intercept(struct vp *vp, union hv_register_value *v)
{
	v->reg64 = vp->intercept_suspend;
	return HV_STATUS_SUCCESS;
}

/* The hypervisor sets these bits, the parent may only clear them. */
static enum hv_status set_intercept(struct vp *vp, value_t *v)
{
	if (!fits(v, vp->intercept_suspend))
		return HV_STATUS_INVALID_PARAMETER;
	vp->intercept_suspend = v->reg64;
	if (!(v->reg64 & HV_SUSPENDED)) {
		synic_cancel(vp->partition->parent->vps[0], vp);
		vp->message.type = HV_MESSAGE_NONE;
	}
	return HV_STATUS_SUCCESS;
}

static enum hv_status get_mtrr_cap(struct vp *vp, union hv_register_value *v)
{
	(void)vp;
	v->reg64 = arch_facts()->mtrr_variable | MTRR_CAP_FIX | MTRR_CAP_WC;
	return HV_STATUS_SUCCESS;
}

static enum hv_status get_apic_id(struct vp *vp, union hv_register_value *v)
{
	v->reg64 = vp->index;
	return HV_STATUS_SUCCESS;
}

static enum hv_status get_vp_index(struct vp *vp, union hv_register_value *v)
{
	v->reg64 = vp->index;
	return HV_STATUS_SUCCESS;
}

static enum hv_status get_time(struct vp *vp, union hv_register_value *v)
{
	v->reg64 = partition_reference_time(vp->partition);
	return HV_STATUS_SUCCESS;
}

static enum hv_status get_os_id(struct vp *vp, union hv_register_value *v)
{
	v->reg64 = vp->partition->guest_os_id;
	return HV_STATUS_SUCCESS;
}

static enum hv_status set_os_id(struct vp *vp, value_t *v)
{
	if (!check_zero_high(v))
		return HV_STATUS_INVALID_PARAMETER;
	msr_set_os_id(vp->partition, v->reg64);
	return HV_STATUS_SUCCESS;
}

static enum hv_status get_hypercall(struct vp *vp, union hv_register_value *v)
{
	v->reg64 = vp->partition->hypercall;
	return HV_STATUS_SUCCESS;
}

static enum hv_status set_hypercall(struct vp *vp, value_t *v)
{
	if (!check_zero_high(v) || !msr_hypercall_valid(v->reg64))
		return HV_STATUS_INVALID_PARAMETER;
	if ((v->reg64 & HV_MSR_PAGE_ENABLE) && !vp->partition->guest_os_id)
		return HV_STATUS_INVALID_PARAMETER;
	return msr_set_hypercall(vp->partition, v->reg64)
	               ? HV_STATUS_SUCCESS
	               : HV_STATUS_INSUFFICIENT_MEMORY;
}

/* ---- The table ---- */

#define AT(field) ((u32)offsetof(struct vp_state, field))
#define XAT(field) ((u32)offsetof(struct vp_xsave, field))
#define SEGMENT_SIZE ((u32)sizeof(struct hv_segment))

#define R64(n, field, chk, ...)                                                \
	{ .name = (n), .count = 1, .kind = VP_REG_U64, .offset = AT(field),    \
	  .check = (chk), __VA_ARGS__ }
#define ROW(n, number, field, chk, ...)                                        \
	{ .name = (n), .count = (number), .kind = VP_REG_U64,                  \
	  .offset = AT(field), .stride = 8, .check = (chk), __VA_ARGS__ }
#define X16(n, number, off, chk)                                               \
	{ .name = (n), .count = (number), .kind = VP_REG_XSAVE16,              \
	  .offset = (off), .stride = 16, .check = (chk) }
#define CALL(n, g, s)                                                          \
	{ .name = (n), .count = 1, .kind = VP_REG_CALL, .get = (g),            \
	  .set = (s) }
#define FIXED(n, g, ...)                                                       \
	{ .name = (n), .count = 1, .kind = VP_REG_FIXED, .get = (g),           \
	  __VA_ARGS__ }

/* clang-format off */
static const struct vp_reg table[] = {
	CALL(HV_REGISTER_EXPLICIT_SUSPEND, get_explicit, set_explicit),
	CALL(HV_REGISTER_INTERCEPT_SUSPEND, get_intercept, set_intercept),
	R64(HV_REGISTER_INTERNAL_ACTIVITY_STATE, activity, check_activity),
	R64(HV_REGISTER_PENDING_INTERRUPTION, pending_interruption,
	    check_pending_interruption),
	R64(HV_REGISTER_INTERRUPT_STATE, interrupt_state,
	    check_interrupt_state),
	ROW(HV_REGISTER_RAX, 16, gpr, check_zero_high),
	R64(HV_REGISTER_RIP, rip, check_canonical, .reset = 0xfff0),
	R64(HV_REGISTER_RFLAGS, rflags, check_rflags, .reset = RFLAGS_FIXED),
	X16(HV_REGISTER_XMM0, 16, XAT(legacy.xmm), NULL),
	X16(HV_REGISTER_FP_MMX0, 8, XAT(legacy.fp_mmx), NULL),
	X16(HV_REGISTER_FP_CONTROL_STATUS, 1, XAT(legacy.control_status), NULL),
	X16(HV_REGISTER_XMM_CONTROL_STATUS, 1, XAT(legacy.xmm_control_status),
	    check_xmm_control),
	R64(HV_REGISTER_CR0, cr0, check_cr0,
	    .reset = CR0_CD | CR0_NW | CR0_ET),
	R64(HV_REGISTER_CR2, cr2, check_zero_high),
	R64(HV_REGISTER_CR3, cr3, check_cr3),
	R64(HV_REGISTER_CR4, cr4, check_cr4),
	R64(HV_REGISTER_CR8, cr8, check_cr8),
	R64(HV_REGISTER_XFEM, xcr0, check_xcr0, .reset = XSTATE_X87),
	ROW(HV_REGISTER_DR0, 4, dr, check_zero_high),
	R64(HV_REGISTER_DR6, dr6, check_dr6, .reset = DR6_FIXED),
	R64(HV_REGISTER_DR7, dr7, check_dr7, .reset = DR7_FIXED),
	{ .name = HV_REGISTER_ES, .count = VP_SEGMENTS, .kind = VP_REG_SEGMENT,
	  .offset = AT(segment), .stride = SEGMENT_SIZE,
	  .check = check_segment },
	{ .name = HV_REGISTER_IDTR, .count = 1, .kind = VP_REG_TABLE,
	  .offset = AT(idtr), .check = check_table },
	{ .name = HV_REGISTER_GDTR, .count = 1, .kind = VP_REG_TABLE,
	  .offset = AT(gdtr), .check = check_table },
	{ .name = HV_REGISTER_TSC, .count = 1, .kind = VP_REG_TSC,
	  .offset = AT(tsc_offset), .msr = 0x10, .check = check_zero_high },
	R64(HV_REGISTER_EFER, efer, check_efer, .msr = 0xc0000080),
	R64(HV_REGISTER_KERNEL_GS_BASE, kernel_gs_base, check_canonical,
	    .msr = 0xc0000102),
	R64(HV_REGISTER_APIC_BASE, apic_base, check_apic_base, .msr = 0x1b,
	    .reset = APIC_BASE_RESET | BIT(11)),
	R64(HV_REGISTER_PAT, pat, check_pat, .msr = 0x277, .reset = PAT_RESET),
	R64(HV_REGISTER_SYSENTER_CS, sysenter_cs, check_u32, .msr = 0x174),
	R64(HV_REGISTER_SYSENTER_RIP, sysenter_rip, check_canonical,
	    .msr = 0x176),
	R64(HV_REGISTER_SYSENTER_RSP, sysenter_rsp, check_canonical,
	    .msr = 0x175),
	R64(HV_REGISTER_STAR, star, check_zero_high, .msr = 0xc0000081),
	R64(HV_REGISTER_LSTAR, lstar, check_canonical, .msr = 0xc0000082),
	R64(HV_REGISTER_CSTAR, cstar, check_canonical, .msr = 0xc0000083),
	R64(HV_REGISTER_SFMASK, sfmask, check_u32, .msr = 0xc0000084),
	FIXED(HV_REGISTER_INITIAL_APIC_ID, get_apic_id),
	FIXED(HV_REGISTER_MTRR_CAP, get_mtrr_cap, .msr = 0xfe),
	R64(HV_REGISTER_MTRR_DEF_TYPE, mtrr_def_type, check_mtrr_def_type,
	    .msr = 0x2ff),
	ROW(HV_REGISTER_MTRR_PHYS_BASE0, VP_MTRR_VARIABLE, mtrr_base,
	    check_mtrr_base, .msr = 0x200, .msr_stride = 2),
	ROW(HV_REGISTER_MTRR_PHYS_MASK0, VP_MTRR_VARIABLE, mtrr_mask,
	    check_mtrr_mask, .msr = 0x201, .msr_stride = 2),
	ROW(HV_REGISTER_MTRR_FIX64K_00000, 1, mtrr_fixed[0], check_mtrr_fixed,
	    .msr = 0x250),
	ROW(HV_REGISTER_MTRR_FIX64K_00000 + 1, 2, mtrr_fixed[1],
	    check_mtrr_fixed, .msr = 0x258, .msr_stride = 1),
	ROW(HV_REGISTER_MTRR_FIX64K_00000 + 3, 8, mtrr_fixed[3],
	    check_mtrr_fixed, .msr = 0x268, .msr_stride = 1),
	R64(HV_REGISTER_TSC_AUX, tsc_aux, check_tsc_aux, .msr = 0xc0000103),
	R64(HV_REGISTER_DEBUG_CTL, debugctl, check_debugctl, .msr = 0x1d9),
	CALL(HV_REGISTER_HYPERCALL, get_hypercall, set_hypercall),
	CALL(HV_REGISTER_GUEST_OS_ID, get_os_id, set_os_id),
	FIXED(HV_REGISTER_VP_INDEX, get_vp_index),
	FIXED(HV_REGISTER_TIME_REF_COUNT, get_time),
	X16(HV_REGISTER_YMM0_LOW, 16, XAT(legacy.xmm), NULL),
	X16(HV_REGISTER_YMM0_HIGH, 16, VP_XSAVE_YMM_OFFSET, NULL),
};
/* clang-format on */

const struct vp_reg *vp_reg_table(u32 *count)
{
	*count = ARRAY_LEN(table);
	return table;
}

const struct vp_reg *vp_reg_find(u32 name, u32 *index)
{
	for (u32 i = 0; i < ARRAY_LEN(table); i++) {
		*index = name - table[i].name;
		if (*index < table[i].count)
			return &table[i];
	}
	return NULL;
}

const struct vp_reg *vp_reg_find_msr(u32 msr, u32 *index)
{
	for (u32 i = 0; i < ARRAY_LEN(table); i++) {
		const struct vp_reg *r = &table[i];
		u32 step = r->msr_stride ? r->msr_stride : 1;

		if (r->msr == 0 || (msr - r->msr) % step != 0)
			continue;
		*index = (msr - r->msr) / step;
		if (*index < r->count)
			return r;
	}
	return NULL;
}

/* Of a register that this processor does not have: YMM without AVX. */
static bool reg_exists(const struct vp_reg *r)
{
	return r->offset != VP_XSAVE_YMM_OFFSET ||
	       r->kind != VP_REG_XSAVE16 ||
	       (arch_facts()->compat.xcr0 & XSTATE_AVX);
}

/* ---- Get ---- */

static void get_from_state(const struct vp_state *s, const struct vp_reg *r,
                           u32 index, union hv_register_value *v)
{
	const u8 *at = (const u8 *)s + r->offset + index * r->stride;
	struct vp_table t;

	switch (r->kind) {
	case VP_REG_SEGMENT:
		arch_copy(v, at, sizeof(struct hv_segment));
		break;
	case VP_REG_TABLE:
		arch_copy(&t, at, sizeof(t));
		v->table.limit = (u16)t.limit;
		v->table.base = t.base;
		break;
	case VP_REG_TSC:
		v->reg64 = arch_tsc() + s->tsc_offset;
		break;
	default:
		arch_copy(&v->reg64, at, sizeof(v->reg64));
	}
}

/*
 * A component whose XSTATE_BV bit is clear is in its init state, whatever the
 * bytes of the area say (SDM 13.6). MXCSR is not covered by the bit.
 */
static u64 component_of(const struct vp_reg *r)
{
	if (r->offset >= VP_XSAVE_YMM_OFFSET)
		return XSTATE_AVX;
	if (r->offset >= XAT(legacy.xmm))
		return XSTATE_SSE;
	return r->offset == XAT(legacy.xmm_control_status) ? 0 : XSTATE_X87;
}

static void fill_init(struct vp_xsave *x, u64 component)
{
	static const u8 fcw[2] = { 0x7f, 0x03 };
	u8 *ymm = x->extended + (VP_XSAVE_YMM_OFFSET - 576);

	if (component == XSTATE_X87) {
		__builtin_memset(x->legacy.control_status, 0, 16);
		__builtin_memset(x->legacy.fp_mmx, 0, sizeof(x->legacy.fp_mmx));
		arch_copy(x->legacy.control_status, fcw, sizeof(fcw));
	} else if (component == XSTATE_SSE) {
		__builtin_memset(x->legacy.xmm, 0, sizeof(x->legacy.xmm));
	} else {
		__builtin_memset(ymm, 0, 256);
	}
}

/* Bytes of a component that are about to be read or written become real. */
static void materialize(struct vp_xsave *x, const struct vp_reg *r)
{
	u64 component = component_of(r);

	if (!arch_facts()->has_xsave || !component ||
	    (x->xstate_bv & component))
		return;
	fill_init(x, component);
	x->xstate_bv |= component;
}

static u8 *xsave_at(struct vp *vp, const struct vp_reg *r, u32 index)
{
	struct vp_xsave *x = vp_xsave(vp);

	materialize(x, r);
	return (u8 *)x + r->offset + index * r->stride;
}

enum hv_status vp_reg_get(struct vp *vp, u32 name, union hv_register_value *v)
{
	u32 index;
	const struct vp_reg *r = vp_reg_find(name, &index);

	if (!r || !reg_exists(r))
		return HV_STATUS_INVALID_PARAMETER;
	v->reg128[0] = v->reg128[1] = 0;
	if (r->get)
		return r->get(vp, v);
	if (r->kind == VP_REG_XSAVE16)
		arch_copy(v, xsave_at(vp, r, index), 16);
	else
		get_from_state(vp_state_read(vp), r, index, v);
	return HV_STATUS_SUCCESS;
}

/* ---- Set ---- */

static void set_in_state(struct vp_state *s, const struct vp_reg *r, u32 index,
                         value_t *v)
{
	u8 *at = (u8 *)s + r->offset + index * r->stride;
	struct vp_table t = { v->table.base, v->table.limit };
	u64 offset = v->reg64 - arch_tsc();

	switch (r->kind) {
	case VP_REG_SEGMENT:
		arch_copy(at, v, sizeof(struct hv_segment));
		break;
	case VP_REG_TABLE:
		arch_copy(at, &t, sizeof(t));
		break;
	case VP_REG_TSC:
		arch_copy(at, &offset, sizeof(offset));
		break;
	default:
		arch_copy(at, &v->reg64, sizeof(v->reg64));
	}
}

static void set_in_xsave(struct vp *vp, const struct vp_reg *r, u32 index,
                         value_t *v)
{
	union hv_register_value copy = *v;

	/* The MXCSR mask is the processor's, not the guest's. */
	if (r->offset == XAT(legacy.xmm_control_status))
		copy.reg128[1] = (copy.reg128[1] & 0xffffffff) |
		                 (u64)arch_facts()->compat.mxcsr_mask << 32;
	arch_copy(xsave_at(vp, r, index), &copy, 16);
}

enum hv_status vp_reg_set(struct vp *vp, u32 name, value_t *v)
{
	u32 index;
	const struct vp_reg *r = vp_reg_find(name, &index);

	if (!r || !reg_exists(r) || r->kind == VP_REG_FIXED ||
	    (r->check && !r->check(v)))
		return HV_STATUS_INVALID_PARAMETER;
	if (r->set)
		return r->set(vp, v);
	if (r->kind == VP_REG_XSAVE16)
		set_in_xsave(vp, r, index, v);
	else
		set_in_state(vp_state_write(vp), r, index, v);
	return HV_STATUS_SUCCESS;
}

/* ---- The whole ---- */

static bool row_valid(const struct vp_state *s, const struct vp_reg *r)
{
	union hv_register_value v;

	if (!r->check || r->get || r->kind == VP_REG_XSAVE16 ||
	    r->kind == VP_REG_TSC)
		return true;
	for (u32 i = 0; i < r->count; i++) {
		v.reg128[0] = v.reg128[1] = 0;
		get_from_state(s, r, i, &v);
		if (!r->check(&v))
			return false;
	}
	return true;
}

/* What makes XRSTOR fault (SDM 13.8.1): checked here, so that it cannot. */
static bool xsave_valid(const struct vp_xsave *x)
{
	if (!mxcsr_valid(x->legacy.xmm_control_status))
		return false;
	if (x->xcomp_bv || (x->xstate_bv & ~arch_facts()->compat.xcr0))
		return false;
	for (u32 i = 0; i < ARRAY_LEN(x->rsvd); i++)
		if (x->rsvd[i])
			return false;
	return true;
}

bool vp_state_valid(const struct vp_state *state, const struct vp_xsave *xsave)
{
	for (u32 i = 0; i < ARRAY_LEN(table); i++)
		if (!row_valid(state, &table[i]))
			return false;
	if (state->pending_debug & ~PENDING_DEBUG_ALLOWED)
		return false;
	return state->idtr.limit <= 0xffff && state->gdtr.limit <= 0xffff &&
	       xsave_valid(xsave);
}

/* SDM table 9-1: attributes of data, code, LDT and busy TSS segments. */
static void reset_segments(struct vp_state *s)
{
	for (u32 i = 0; i < VP_SEGMENTS; i++)
		s->segment[i] = (struct hv_segment){ .limit = 0xffff,
			                             .attributes = 0x93 };
	s->segment[VP_CS] = (struct hv_segment){ .base = 0xffff0000,
		                                 .limit = 0xffff,
		                                 .selector = 0xf000,
		                                 .attributes = 0x9b };
	s->segment[VP_LDTR].attributes = 0x82;
	s->segment[VP_TR].attributes = 0x8b;
}

void vp_state_reset(struct vp_state *state, struct vp_xsave *xsave)
{
	u32 mxcsr[2] = { MXCSR_RESET, arch_facts()->compat.mxcsr_mask };

	__builtin_memset(state, 0, sizeof(*state));
	for (u32 i = 0; i < ARRAY_LEN(table); i++) {
		const struct vp_reg *r = &table[i];

		if (r->kind == VP_REG_U64 && r->count == 1)
			arch_copy((u8 *)state + r->offset, &r->reset, 8);
	}
	reset_segments(state);
	state->idtr.limit = state->gdtr.limit = 0xffff;
	state->gpr[VP_RDX] = arch_facts()->compat.signature;
	state->tsc_offset = -arch_tsc();
	arch_zero_page(xsave);
	fill_init(xsave, XSTATE_X87);
	arch_copy(xsave->legacy.xmm_control_status + 8, mxcsr, sizeof(mxcsr));
}
