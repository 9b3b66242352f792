/*
 * Extended page tables as the inner door has them; INVEPT and INVVPID, in the
 * narrowest form that the processor has.
 */
#include "arch/x86_64/vmx/tlb.h"

#include "arch/x86_64/common/kick.h"
#include "arch/x86_64/common/tally.h"
#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/vmx/ept_entry.h"
#include "arch/x86_64/vmx/features.h"
#include "arch/x86_64/vmx/vmx.h"
#include "arch/x86_64/vmx/vmx_arch.h"
#include "hv/base/check.h"
#include "hv/base/cpus.h"

#define EPTP_WALK_4 (3ull << 3)

/* Write-back is how the processor reads the tables; bits 5:3 are the walk less 1. */
u64 tlb_eptp(const struct arch_space *space)
{
	return space->top.v | EPTP_WALK_4 | MEMORY_WB;
}

u64 vendor_leaf(u32 rights, u32 type)
{
	return ept_leaf(rights, type);
}

u64 vendor_table(void)
{
	return ept_table();
}

u32 vendor_rights(u64 entry)
{
	return ept_rights(entry);
}

/* Leaves of 2 MiB are required of a processor, these are wanted (controls.c). */
bool vendor_has_gigabyte_pages(void)
{
	return features()->ept_vpid & EPT_CAP_1G;
}

/* What it led to does not matter here: an INVEPT drops all of the space. */
void vendor_space_changed(struct arch_space *space, hpa_t led_to)
{
	(void)led_to;
	space->stale = true;
}

/* By EP4TA: also what other VPIDs have cached of it. */
void vendor_space_flush(struct arch_space *space)
{
	bool single = features()->ept_vpid & EPT_CAP_INVEPT_SINGLE;
	struct vmx_invalidation operand = { tlb_eptp(space), 0 };

	/* The descriptor of "all contexts" has to be 0. */
	if (!single)
		operand.what = 0;
	CHECK(invept(single ? VMX_INVALIDATE_SINGLE : VMX_INVALIDATE_ALL,
	             operand) == VMX_OK);
	space->stale = false;
	for (u32 i = 0; i < HANDOFF_PROCESSORS; i++)
		if (cpus_at(i) && cpus_at(i) != arch_this_cpu())
			cpu_vmx(cpus_at(i))->flush = true;
	/* Those that are in a guest come out, and see it as they go in again. */
	kick_space(space);
	tally_space_flushed(space);
}

/* Which space it was is not written down: it is rare, and others fill again. */
__attribute__((noinline)) void tlb_flush_late(struct cpu_vmx *a)
{
	struct vmx_invalidation operand = { 0, 0 };

	a->flush = false;
	CHECK(invept(VMX_INVALIDATE_ALL, operand) == VMX_OK);
}

/* Without VPIDs every entry and exit flushes. */
void tlb_flush_linear(const struct vp *vp)
{
	bool single = features()->ept_vpid & VPID_CAP_SINGLE;
	struct vmx_invalidation operand = { single ? vp->vpid : 0, 0 };

	if (!(features()->root[CONTROL_PROC2] & PROC2_VPID))
		return;
	CHECK(vp->cpu == arch_this_cpu());
	CHECK(invvpid(single ? VMX_INVALIDATE_SINGLE : VMX_INVALIDATE_ALL,
	              operand) == VMX_OK);
}
