/*
 * The processor under arch/x86_64, and the parts of it that are all instructions of
 * one: switch.c, safe.c, barriers.c, and the ends of report.c and start.c.
 */
#include "tests/host/fake/processor.h"

#include <string.h>

#include "arch/x86_64/common/barriers.h"
#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/common/report.h"
#include "arch/x86_64/common/start.h"
#include "arch/x86_64/common/switch.h"
#include "hv/base/check.h"
#include "include/x86.h"
#include "tests/host/fake/apic.h"
#include "tests/host/fake/arch.h"
#include "tests/host/fake/vendor.h"

struct fake_processor fake_processor;

/* ---- switch.c: what is live, of each VP in the place where the rest of it is ---- */

void switch_change(struct vp *vp)
{
	cpu_arch(arch_this_cpu())->resident = vp;
	fake_processor.switched_to = vp;
}

/* Another processor's it cannot reach; here any VP has run, for who does not switch. */
void switch_save_if_resident(struct vp *vp)
{
	if (vp->cpu != fake.here)
		return;
	fake_copy_parts(&vp->state, fake_vendor_state(vp), VP_PART_LIVE);
}

void switch_load_if_resident(struct vp *vp, u32 parts)
{
	fake_copy_parts(fake_vendor_state(vp), &vp->state,
	                parts & VP_PART_LIVE);
}

void switch_msr_written(struct vp *root, u32 msr, u64 value)
{
	(void)root;
	(void)msr;
	fake_processor.msr = value;
}

/* ---- safe.c ---- */

bool msr_read_safe(u32 msr, u64 *value)
{
	*value = msr == MSR_IA32_APIC_BASE ? fake_apic.base
	                                   : fake_processor.msr;
	return !fake_processor.msr_faults;
}

bool msr_write_safe(u32 msr, u64 value)
{
	if (fake_processor.msr_faults)
		return false;
	fake_processor.msr_writes++;
	if (msr == MSR_IA32_APIC_BASE)
		fake_apic.base = value;
	else
		fake_processor.msr = value;
	return true;
}

bool xcr0_write_safe(u64 value)
{
	return value & XSTATE_X87;
}

/* ---- barriers.c ---- */

void barriers_cross(const struct partition *to)
{
	fake_processor.crossed_to = to;
}

/* ---- Where a machine would stop ---- */

_Noreturn void report_stop(const char *what, u64 detail)
{
	(void)detail;
	arch_check_failed(what, __FILE__, __LINE__);
}

_Noreturn void report_reset(const char *how)
{
	arch_check_failed(how, __FILE__, __LINE__);
}

_Noreturn void report_hang(const char *what)
{
	arch_check_failed(what, __FILE__, __LINE__);
}

_Noreturn void start_give_up(u64 detail)
{
	(void)detail;
	arch_check_failed("the launch is given up", __FILE__, __LINE__);
}
