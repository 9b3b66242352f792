/*
 * The checks of single registers. A check says whether the value can be in the
 * register at all on this machine; what does not hold together with other
 * registers is found by VM entry (D27).
 */
#include "hv/vp/vp_check.h"

#include "hv/arch.h"
#include "hv/memory/gpa.h"
#include "hv/vp/debug.h"
#include "include/x86_apic.h"

#define RFLAGS_ALLOWED 0x3f7fd7ull
#define DR7_ALLOWED 0xffff2fffull
#define SEGMENT_RSVD 0x0f00
#define APIC_BASE_MODE (LAPIC_BASE_X2APIC | LAPIC_BASE_ENABLE)
#define PENDING_RSVD 0xfe00ull /* bits 15:9 */

bool vp_check_zero_high(vp_check_value *v)
{
	return v->reg128[1] == 0;
}

bool vp_check_fits(vp_check_value *v, u64 allowed)
{
	return vp_check_zero_high(v) && !(v->reg64 & ~allowed);
}

bool vp_check_address(u64 address)
{
	i64 top = (i64)address >> (arch_facts()->compat.linear_bits - 1);

	return top == 0 || top == -1;
}

bool vp_check_canonical(vp_check_value *v)
{
	return vp_check_zero_high(v) && vp_check_address(v->reg64);
}

/*
 * One past the last canonical address is where a fault may be found; to AMD's processors
 * SYSRET goes wherever RCX says, and the fault is there (APM volume 3).
 */
bool vp_check_rip(vp_check_value *v)
{
	i64 top = (i64)v->reg64 >> arch_facts()->compat.linear_bits;

	return vp_check_zero_high(v) &&
	       (top == 0 || top == -1 || arch_facts()->any_rip);
}

bool vp_check_u32(vp_check_value *v)
{
	return vp_check_fits(v, 0xffffffff);
}

bool vp_check_rflags(vp_check_value *v)
{
	return vp_check_fits(v, RFLAGS_ALLOWED) && (v->reg64 & RFLAGS_FIXED);
}

bool vp_check_cr0(vp_check_value *v)
{
	u64 cr0 = v->reg64;

	if (!vp_check_fits(v, arch_facts()->cr0_allowed))
		return false;
	if ((cr0 & CR0_PG) && !(cr0 & CR0_PE))
		return false;
	return !(cr0 & CR0_NW) || (cr0 & CR0_CD);
}

bool vp_check_cr3(vp_check_value *v)
{
	return vp_check_zero_high(v) &&
	       v->reg64 >> arch_facts()->compat.phys_bits == 0;
}

bool vp_check_cr4(vp_check_value *v)
{
	return vp_check_fits(v, arch_facts()->cr4_allowed);
}

bool vp_check_tpr(vp_check_value *v)
{
	return vp_check_fits(v, 0xff);
}

bool vp_check_page_value(u64 value)
{
	return !(value & HV_MSR_PLAIN_PAGE_RSVD) &&
	       value >> PAGE_SHIFT < gpa_limit();
}

bool vp_check_hypercall_value(u64 value)
{
	return !(value & HV_MSR_PAGE_RSVD) && value >> PAGE_SHIFT < gpa_limit();
}

bool vp_check_sint_value(u64 value)
{
	return !(value & ~(HV_SINT_VECTOR | HV_SINT_MASKED | HV_SINT_AUTO_EOI |
	                   HV_SINT_POLLING)) &&
	       ((value & HV_SINT_MASKED) || (value & HV_SINT_VECTOR) >= 16);
}

bool vp_check_sint(vp_check_value *v)
{
	return vp_check_zero_high(v) && vp_check_sint_value(v->reg64);
}

bool vp_check_scontrol(vp_check_value *v)
{
	return vp_check_fits(v, HV_MSR_PAGE_ENABLE);
}

bool vp_check_page_msr(vp_check_value *v)
{
	return vp_check_zero_high(v) && vp_check_page_value(v->reg64);
}

bool vp_check_cr8(vp_check_value *v)
{
	return vp_check_fits(v, 0xf);
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

bool vp_check_xcr0(vp_check_value *v)
{
	if (!arch_facts()->has_xsave)
		return vp_check_zero_high(v) && v->reg64 == XSTATE_X87;
	return vp_check_zero_high(v) && xcr0_valid(v->reg64);
}

bool vp_check_efer(vp_check_value *v)
{
	return vp_check_fits(v, arch_facts()->efer_allowed);
}

bool vp_check_dr6(vp_check_value *v)
{
	return vp_check_fits(v, DR6_FIXED | DR6_WRITABLE) &&
	       (v->reg64 & DR6_FIXED & ~BIT(16)) == (DR6_FIXED & ~BIT(16));
}

bool vp_check_dr7(vp_check_value *v)
{
	return vp_check_fits(v, DR7_ALLOWED) && (v->reg64 & DR7_FIXED);
}

bool vp_check_segment(vp_check_value *v)
{
	return !(v->segment.attributes & SEGMENT_RSVD);
}

bool vp_check_table(vp_check_value *v)
{
	return vp_check_address(v->table.base) && !v->table.pad[0] &&
	       !v->table.pad[1] && !v->table.pad[2];
}

bool vp_check_apic_base(vp_check_value *v)
{
	u64 page = v->reg64 & ~(LAPIC_BASE_BSP | APIC_BASE_MODE);

	/* x2APIC mode is one of an APIC that is on (SDM 10.12.1). */
	if ((v->reg64 & APIC_BASE_MODE) == LAPIC_BASE_X2APIC)
		return false;
	return vp_check_zero_high(v) && page % PAGE_SIZE == 0 &&
	       page >> arch_facts()->compat.phys_bits == 0;
}

/* Memory types of PAT entries and MTRRs: UC WC WT WP WB, and UC- in the PAT. */
static bool memory_type(u8 type, bool pat)
{
	return type == 0 || type == 1 || (type >= 4 && type <= 6) ||
	       (pat && type == 7);
}

static bool vp_check_types(vp_check_value *v, bool pat)
{
	for (u32 i = 0; i < 8; i++)
		if (!memory_type((u8)(v->reg64 >> (8 * i)), pat))
			return false;
	return vp_check_zero_high(v);
}

bool vp_check_pat(vp_check_value *v)
{
	return vp_check_types(v, true);
}

bool vp_check_mtrr_fixed(vp_check_value *v)
{
	return vp_check_types(v, false);
}

bool vp_check_mtrr_def_type(vp_check_value *v)
{
	return vp_check_fits(v, 0xcff) && memory_type((u8)v->reg64, false);
}

static u64 page_bits(void)
{
	return BIT(arch_facts()->compat.phys_bits) - PAGE_SIZE;
}

bool vp_check_mtrr_base(vp_check_value *v)
{
	return vp_check_fits(v, page_bits() | 0xff) &&
	       memory_type((u8)v->reg64, false);
}

bool vp_check_mtrr_mask(vp_check_value *v)
{
	return vp_check_fits(v, page_bits() | BIT(11));
}

bool vp_check_tsc_aux(vp_check_value *v)
{
	return arch_facts()->has_tsc_aux ? vp_check_u32(v)
	                                 : vp_check_zero_high(v) && !v->reg64;
}

bool vp_check_debugctl(vp_check_value *v)
{
	return vp_check_fits(v, arch_facts()->debugctl_allowed);
}

bool vp_check_activity(vp_check_value *v)
{
	return vp_check_fits(v, HV_ACTIVITY_STARTUP_SUSPEND |
	                                HV_ACTIVITY_HALT_SUSPEND);
}

bool vp_check_interrupt_state(vp_check_value *v)
{
	return vp_check_fits(v, HV_INTERRUPT_STATE_SHADOW |
	                                HV_INTERRUPT_STATE_NMI_MASKED);
}

/*
 * Event injection (SDM 26.2.1.3): types that exist, NMI is vector 2, exceptions
 * are below 32, an error code only where the processor pushes one.
 */
bool vp_check_pending_interruption(vp_check_value *v)
{
	u64 p = v->reg64;
	u32 type = (u32)(p >> HV_PENDING_TYPE_SHIFT) & 7;
	u32 vector = (u32)(p >> HV_PENDING_VECTOR_SHIFT) & 0xffff;
	u32 length = (u32)(p >> HV_PENDING_LENGTH_SHIFT) & 0xf;
	bool error = p & HV_PENDING_DELIVER_ERROR_CODE;

	if (!vp_check_zero_high(v) || (p & PENDING_RSVD))
		return false;
	if (!(p & HV_PENDING_INTERRUPTION))
		return p == 0;
	if (type == 1 || type == 7 || vector > 255)
		return false;
	if (type == HV_PENDING_TYPE_NMI && vector != 2)
		return false;
	if (type == HV_PENDING_TYPE_EXCEPTION && vector > 31)
		return false;
	if (type >= HV_PENDING_TYPE_SOFTWARE_INTERRUPT && length == 0)
		return false;
	if (!error)
		return p >> HV_PENDING_ERROR_SHIFT == 0;
	return type == HV_PENDING_TYPE_EXCEPTION &&
	       (VP_ERROR_CODE_VECTORS & BIT(vector)) &&
	       p >> HV_PENDING_ERROR_SHIFT <= 0xffff;
}

/* Masked MXCSR bits fault in XRSTOR; the mask itself is the processor's. */
bool vp_check_mxcsr(const u8 status[16])
{
	u32 mxcsr;

	arch_copy(&mxcsr, status + 8, sizeof(mxcsr));
	return !(mxcsr & ~arch_facts()->compat.mxcsr_mask);
}

bool vp_check_xmm_control(vp_check_value *v)
{
	return vp_check_mxcsr((const u8 *)v);
}
