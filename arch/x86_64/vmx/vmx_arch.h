/*
 * What VT-x keeps of a logical processor and of a VP, in the room that struct cpu_arch
 * and struct vp have for it; and the shape of a VM entry.
 */
#ifndef ARCH_VMX_ARCH_H
#define ARCH_VMX_ARCH_H

#include "arch/x86_64/common/cpu_arch.h"
#include "arch/x86_64/common/processor.h"
#include "arch/x86_64/vmx/trace.h"

/* Pages of struct processor. */
enum vmx_page { VMX_PAGE_VMXON, VMX_PAGE_ROOT_BITMAP, VMX_PAGES };
_Static_assert(VMX_PAGES <= PROCESSOR_VENDOR_PAGES, "room in struct processor");

struct cpu_vmx {
	struct vp *loaded; /* whose VMCS is loaded */
	u32 tpr;           /* the root's, while its interrupts are held back */
	bool flush; /* another processor has changed a space since the last entry */
	bool watches; /* the timer was set for a look at the others alone */
	struct trace trace; /* MSRs of the root, none of a child */
};
_Static_assert(sizeof(struct cpu_vmx) <= CPU_VENDOR_BYTES, "room in cpu_arch");

struct vp_vmx {
	bool launched; /* since VMCLEAR: VMRESUME and not VMLAUNCH */
	u32 pin;       /* what the VMCS has now: */
	u32 proc;
	u32 proc2;
	u32 entry;
	u32 exceptions;
	bool halted;   /* it was entered in its HLT */
	bool unveiled; /* MOV SS held debug exceptions back until we skipped */
	bool moved; /* since its VMCS was loaded: its processor is another one */
	bool apicv;    /* the processor virtualizes its local APIC */
	u8 eoi_vector; /* whose EOI exits, 0: none */
	u64 rsp;
	u64 tsc_offset;
	u64 tsc_ratio; /* 0: its TSC is not scaled */
	u64 efer;      /* LMA apart, which follows CR0.PG */
};
_Static_assert(sizeof(struct vp_vmx) <= VP_ARCH_BYTES, "room in struct vp");

static inline struct cpu_vmx *cpu_vmx(struct cpu *cpu)
{
	return (struct cpu_vmx *)(void *)cpu_arch(cpu)->vendor;
}

static inline struct vp_vmx *vp_vmx(struct vp *vp)
{
	return (struct vp_vmx *)(void *)vp->arch;
}

/* What vm_enter takes, in RAX and RDX when a C function answers with it. */
struct vm_entry {
	struct vp *vp;
	u64 launched;
};

/* exit.asm: enters the VP whose VMCS is loaded; never returns. */
_Noreturn void vm_enter(struct vp *vp, u64 launched);
void vm_exit(void); /* where exits arrive: never called */

/* exits.c, called by exit.asm: an exit, an NMI in the last moment, VMfail. */
struct vm_entry exits_dispatch(struct vp *vp);
struct vm_entry exits_interrupted(void);
struct vm_entry exits_refused(void);

#endif
