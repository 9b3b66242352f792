/*
 * One VMCS for each VP: access, loading, and all of it but the guest's state,
 * which state.c writes.
 */
#include "arch/x86_64/vmx/vmcs.h"

#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/common/paging.h"
#include "arch/x86_64/common/regs.h"
#include "arch/x86_64/common/tables.h"
#include "arch/x86_64/common/tally.h"
#include "arch/x86_64/vmx/bitmaps.h"
#include "arch/x86_64/vmx/features.h"
#include "arch/x86_64/vmx/state.h"
#include "arch/x86_64/vmx/tlb.h"
#include "arch/x86_64/vmx/vmx.h"
#include "arch/x86_64/vmx/vmx_arch.h"
#include "hv/base/check.h"
#include "hv/vp/partition.h"

#define NO_LINK 0xffffffffffffffffull

struct vmcs_value {
	u64 field;
	u64 value;
};

/* By the copy, and not by a VMREAD: each is an exit below another hypervisor. */
void vmcs_set_control(u32 field, u32 *present, u32 bits, bool on)
{
	u32 wanted = on ? *present | bits : *present & ~bits;

	if (wanted == *present)
		return;
	*present = wanted;
	vmcs_write(field, wanted);
}

/* In the order of the rows; no field depends on another one before the entry. */
static void write_all(const struct vmcs_value *values, u32 count)
{
	for (u32 i = 0; i < count; i++)
		vmcs_write(values[i].field, values[i].value);
}

/* VMCLEAR writes back what is cached, and makes the next entry a VMLAUNCH. */
void vmcs_release(struct vp *vp)
{
	struct cpu_vmx *a = cpu_vmx(arch_this_cpu());

	if (a->loaded == vp)
		a->loaded = NULL;
	CHECK(vmclear(arch_page_hpa(vp->pages[VP_PAGE_CONTROL])) == VMX_OK);
	vp_vmx(vp)->launched = false;
}

/* Fields that are only there where the controls are: elsewhere VMWRITE fails. */
static void init_apicv(struct vp *vp)
{
	vmcs_write(VMCS_VIRTUAL_APIC, arch_page_hpa(vp->pages[VP_PAGE_APIC]).v);
	vmcs_write(VMCS_TPR_THRESHOLD, 0);
	vmcs_write(VMCS_GUEST_INTERRUPT_STATUS, 0);
	for (u32 i = 0; i < 4; i++)
		vmcs_write(VMCS_EOI_EXIT0 + 2 * i, 0);
}

/*
 * What an entry does not change by itself. HLT, timer, windows, exceptions follow with
 * each entry (entry.c); of all that has a copy, the copy is set here.
 */
static void init_controls(struct vp *vp)
{
	const u32 *c = vp->is_root ? features()->root : features()->child;
	const struct vmcs_value values[] = {
		{ VMCS_PIN_CONTROLS, c[CONTROL_PIN] },
		{ VMCS_PROC_CONTROLS, c[CONTROL_PROC] },
		{ VMCS_PROC2_CONTROLS, c[CONTROL_PROC2] },
		{ VMCS_EXIT_CONTROLS, c[CONTROL_EXIT] },
		{ VMCS_ENTRY_CONTROLS, c[CONTROL_ENTRY] },
		/* Equal mask and match: page faults go by the bitmap (25.2). */
		{ VMCS_EXCEPTION_BITMAP, 0 },
		{ VMCS_PAGE_FAULT_ERROR_MASK, 0 },
		{ VMCS_PAGE_FAULT_ERROR_MATCH, 0 },
		{ VMCS_CR3_TARGET_COUNT, 0 },
		{ VMCS_EXIT_MSR_STORE_COUNT, 0 },
		{ VMCS_EXIT_MSR_LOAD_COUNT, 0 },
		{ VMCS_ENTRY_MSR_LOAD_COUNT, 0 },
		{ VMCS_ENTRY_EVENT, 0 },
		{ VMCS_TSC_OFFSET, 0 },
		{ VMCS_GUEST_EFER, 0 },
		{ VMCS_CR0_MASK, state_cr0_mask(vp) },
		{ VMCS_CR4_MASK, state_cr4_mask(vp) },
		{ VMCS_MSR_BITMAP, bitmaps_msr(vp) },
		{ VMCS_EPTP, tlb_eptp(&vp->partition->space.arch) },
		/* Shadow VMCSs are not used: all ones says so (24.4.2). */
		{ VMCS_LINK_POINTER, NO_LINK },
		{ VMCS_GUEST_ACTIVITY, ACTIVITY_ACTIVE },
		{ VMCS_GUEST_RSP, vp->state.gpr[VP_RSP] },
	};
	struct vp_vmx *a = vp_vmx(vp);

	write_all(values, ARRAY_LEN(values));
	/* Without the control the field need not be there. */
	if (c[CONTROL_PROC2] & PROC2_VPID)
		vmcs_write(VMCS_VPID, vp->vpid);
	if (c[CONTROL_PROC2] & PROC2_XSAVES)
		vmcs_write(VMCS_XSS_EXITING_BITMAP, 0);
	a->pin = c[CONTROL_PIN];
	a->proc = c[CONTROL_PROC];
	a->proc2 = c[CONTROL_PROC2];
	a->apicv = false;
	a->eoi_vector = 0;
	if (features()->has_apicv && !vp->is_root)
		init_apicv(vp);
	a->entry = c[CONTROL_ENTRY];
	a->exceptions = 0;
	a->halted = false;
	a->tsc_offset = a->tsc_ratio = 0;
	a->efer = 0;
	a->rsp = vp->state.gpr[VP_RSP];
}

/* vm_exit begins with RSP behind the general registers (exit.asm). */
static void init_host(struct vp *vp)
{
	struct cpu *cpu = vp->cpu;
	const struct vmcs_value values[] = {
		{ VMCS_HOST_CR0, features()->host_cr0 },
		{ VMCS_HOST_CR3, paging_root() },
		{ VMCS_HOST_CR4, features()->host_cr4 },
		{ VMCS_HOST_CS_SELECTOR, SELECTOR_CODE },
		{ VMCS_HOST_SS_SELECTOR, SELECTOR_DATA },
		{ VMCS_HOST_DS_SELECTOR, SELECTOR_DATA },
		{ VMCS_HOST_ES_SELECTOR, SELECTOR_DATA },
		{ VMCS_HOST_FS_SELECTOR, SELECTOR_DATA },
		{ VMCS_HOST_GS_SELECTOR, SELECTOR_DATA },
		{ VMCS_HOST_TR_SELECTOR, SELECTOR_TSS },
		/* An exit takes bases from here, not from descriptors: GS has to lead to us. */
		{ VMCS_HOST_FS_BASE, 0 },
		{ VMCS_HOST_GS_BASE, (u64)cpu },
		{ VMCS_HOST_TR_BASE, tables_tss(cpu) },
		{ VMCS_HOST_GDTR_BASE, tables_gdt(cpu).base },
		{ VMCS_HOST_IDTR_BASE, tables_idt().base },
		{ VMCS_HOST_SYSENTER_CS, 0 },
		{ VMCS_HOST_SYSENTER_ESP, 0 },
		{ VMCS_HOST_SYSENTER_EIP, 0 },
		{ VMCS_HOST_PAT, PAT_RESET },
		{ VMCS_HOST_EFER, EFER_LME | EFER_LMA | EFER_NXE },
		{ VMCS_HOST_RSP, (u64)(vp->state.gpr + 16) },
		{ VMCS_HOST_RIP, (u64)vm_exit },
	};

	write_all(values, ARRAY_LEN(values));
}

/* What it left here an earlier time may be old: it has changed its tables elsewhere. */
static void arrive(struct vp *vp)
{
	init_host(vp);
	tlb_flush_linear(vp);
	vp_vmx(vp)->moved = false;
}

/*
 * The VMCS before it stays active, and what the processor holds of it is not lost. Not that of
 * a VP of another processor, which may load it as soon as we are done here.
 */
void vmcs_switch(struct vp *vp)
{
	struct cpu_vmx *a = cpu_vmx(arch_this_cpu());

	if (a->loaded && a->loaded->cpu != arch_this_cpu())
		vmcs_release(a->loaded);
	CHECK(vmptrld(arch_page_hpa(vp->pages[VP_PAGE_CONTROL])) == VMX_OK);
	a->loaded = vp;
	/* Also for a look at it: another one has to ask before it loads it. */
	if (vp->cpu != arch_this_cpu())
		return;
	vp->in_processor = true;
	if (vp_vmx(vp)->moved)
		arrive(vp);
}

/*
 * VMCLEAR before the page is written, as an old VMCS of it might be written back over
 * that; and behind it, to bring the new one into its first state (SDM 24.11.3).
 */
void vmcs_init(struct vp *vp)
{
	u32 *page = vp->pages[VP_PAGE_CONTROL];

	vmcs_release(vp);
	arch_zero_page(page);
	/* VMPTRLD compares it, and refuses another processor's format (24.2). */
	*page = features()->revision;
	tally_vmcs_written(arch_page_hpa(page));
	vmcs_release(vp);
	vmcs_load(vp);
	init_controls(vp);
	init_host(vp);
}

void vmcs_vmxoff(void)
{
	struct vp *loaded = cpu_vmx(arch_this_cpu())->loaded;

	/* Where a launch is refused there is no other; at a reset it does not matter. */
	if (loaded)
		vmcs_release(loaded);
	vmxoff();
}
