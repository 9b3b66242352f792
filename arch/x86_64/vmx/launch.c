/*
 * Into VMX operation and out of it, the first entry, and what NMIs and reports have to
 * know of both.
 */
#include "arch/x86_64/common/fault.h"
#include "arch/x86_64/common/machine.h"
#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/common/regs.h"
#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/vmx/entry.h"
#include "arch/x86_64/vmx/features.h"
#include "arch/x86_64/vmx/vmcs.h"
#include "arch/x86_64/vmx/vmx.h"

/* Which instruction failed, in the high half of a refusal's detail; see start.c. */
#define DETAIL_VMXON BIT(32)

/* exit.asm */
extern const u8 vm_window_start[], vm_window_end[], vm_window_restart[];

/* Locking VMX on is the one thing that cannot be undone: it comes last. */
enum handoff_result vendor_begin(struct handoff *h)
{
	u64 control = msr_read(MSR_IA32_FEATURE_CONTROL);
	u8 *region = processor_this()->vendor[VMX_PAGE_VMXON];
	enum vmx_result result;

	*(u32 *)(void *)region = features()->revision;
	if (!(control & FEATURE_CONTROL_LOCK))
		msr_write(MSR_IA32_FEATURE_CONTROL,
		          control | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX);
	result = vmxon(arch_page_hpa(region));
	if (result == VMX_OK)
		return HANDOFF_OK;
	h->detail = DETAIL_VMXON | (u64)result;
	return HANDOFF_ENTER_FAILED;
}

/* Before the launch CR4 is the firmware's, who does not have VMX on (controls.c). */
void vendor_end(void)
{
	if (cr4_read() & CR4_VMXE)
		vmcs_vmxoff();
}

/* VMLAUNCH does not come back but by an exit, or by VMfail: both are exit.asm's. */
_Noreturn void vendor_run(struct vp *vp)
{
	struct vm_entry entry = entry_of(vp);

	vm_enter(entry.vp, entry.launched);
}

/* Behind VMLAUNCH there is nothing to be begun anew: that is the window's end. */
u64 vendor_nmi_return(u64 rip)
{
	if (rip > (u64)vm_window_start && rip < (u64)vm_window_end)
		return (u64)vm_window_restart;
	return rip;
}

void vendor_wait(void)
{
	wait_for_nmi();
}

/* At all other times IF is clear. */
static void window_open(void)
{
	__asm__ volatile("sti; nop; nop; cli" : : : "memory", "cc");
}

u32 vendor_take_interrupt(void)
{
	return fault_take_interrupt(window_open);
}

/* No CHECK in here: a report is written, whatever has been loaded. */
bool vendor_last_exit(struct vendor_last_exit *last)
{
	last->where = "loaded VMCS";
	if (vmread_safe(VMCS_GUEST_RIP, &last->rip) != VMX_OK ||
	    vmread_safe(VMCS_EXIT_REASON, &last->reason) != VMX_OK)
		return false;
	last->reason &= VMX_EXIT_REASON;
	return true;
}
