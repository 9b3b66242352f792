/*
 * An exit and an entry by VT-x.
 */
#include "arch/x86_64/vmx/features.h"
#include "arch/x86_64/vmx/vmcs.h"
#include "arch/x86_64/vmx/vmx.h"
#include "arch/x86_64/vmx/vmx_arch.h"
#include "tests/tally/held.h"

/* KVM has all three in its shadow: it costs no exit below. */
static struct holds_paging paging(void)
{
	return (struct holds_paging){ vmcs_read(VMCS_GUEST_CR0),
		                      vmcs_read(VMCS_GUEST_CR3),
		                      vmcs_read(VMCS_GUEST_CR4) };
}

void held_exit(const struct vp *vp, u32 reason)
{
	struct holds_paging p = paging();

	if (!(reason & VMX_EXIT_ENTRY_FAILURE))
		holds_has_run(&held, held_cpu());
	holds_exited(&held, vp->vpid, &p);
}

void held_enter(const struct vp *vp)
{
	bool resume = ((const struct vp_vmx *)(const void *)vp->arch)->launched;
	bool has_vpids = features()->root[CONTROL_PROC2] & PROC2_VPID;
	u64 page = arch_page_hpa(vp->pages[VP_PAGE_CONTROL]).v;
	struct holds_paging p = paging();
	u32 cpu = held_cpu();

	held_check(holds_leave(&held));
	held_check(holds_run(&held, cpu, page, resume));
	held_check(holds_enter_vpid(&held, cpu, held_space(vp), vp->vpid, &p,
	                            has_vpids));
}
