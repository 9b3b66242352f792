/*
 * What SVM keeps of a logical processor and of a VP, in the room that struct cpu_arch
 * and struct vp have for it; and the shape of an entry.
 */
#ifndef ARCH_SVM_ARCH_H
#define ARCH_SVM_ARCH_H

#include "arch/x86_64/common/cpu_arch.h"
#include "arch/x86_64/common/processor.h"
#include "arch/x86_64/svm/asid.h"
#include "arch/x86_64/svm/path.h"
#include "arch/x86_64/svm/timer.h"
#include "arch/x86_64/svm/vmcb.h"

/* Pages of struct processor. */
enum svm_page {
	SVM_PAGE_HOST_VMCB, /* what VMLOAD and VMSAVE are for */
	SVM_PAGE_HOST_SAVE, /* the rest, VMRUN's own */
	SVM_PAGE_ROOT_MAP,  /* of MSRs, and the next */
	SVM_PAGES = 4
};
_Static_assert(SVM_PAGES <= PROCESSOR_VENDOR_PAGES, "room in struct processor");

struct cpu_svm {
	struct timer timer;
	struct asids asids;
	u64 tsc_ratio;       /* that is in the MSR */
	u64 firmware_ratio;  /* that was, before us */
	struct vp *last_run; /* for a report */
	/* interrupt.c */
	u32 tpr;    /* the root's, while its interrupts are held back */
	u8 kept;    /* one that waits for the root, which has not got it yet */
	bool timed; /* the root halts up to a time */
	bool apic_off; /* by SVR, as far as the root knows (apic.c) */
};
_Static_assert(sizeof(struct cpu_svm) <= CPU_VENDOR_BYTES, "room in cpu_arch");

struct vp_svm {
	struct asid asid;
	struct paths paths; /* to code that has exited */
	u64 tsc_offset;     /* that it has run with */
	u64 dr6;      /* as it was entered: what is new in it is of the exit */
	u64 dr7;      /* likewise: GD may have gone since */
	u64 soft_rip; /* of the software event that is being delivered */
	u64 soft_event;    /* that itself */
	u64 virtual_event; /* what it was entered with as V_IRQ */
	u64 iret_rip;      /* it has exited before its IRET there */
	u64 pending_debug; /* of MOV SS, and what the parent or a stream gave it */
	u8 soft_type; /* of the event in the VMCB: enum hv_pending_type above 3 */
	u8 soft_length; /* of its instruction */
	bool soft_runs; /* it was entered with that event */
	bool halted;    /* it is to wait in its HLT: the hypervisor does */
	bool nmi_blocked;
	bool irets;      /* it was entered to execute the IRET that ends that */
	bool iret_steps; /* with TF, which is ours */
	bool refused_gp; /* an exit -1 was made a #GP, and nothing has come since */
};
_Static_assert(sizeof(struct vp_svm) <= VP_ARCH_BYTES, "room in struct vp");

static inline struct cpu_svm *cpu_svm(struct cpu *cpu)
{
	return (struct cpu_svm *)(void *)cpu_arch(cpu)->vendor;
}

static inline struct vp_svm *vp_svm(struct vp *vp)
{
	return (struct vp_svm *)(void *)vp->arch;
}

static inline struct vmcb *vmcb_of(const struct vp *vp)
{
	return vp->pages[VP_PAGE_CONTROL];
}

static inline hpa_t svm_page(struct cpu *cpu, enum svm_page page)
{
	return arch_page_hpa(processor_of(cpu)->vendor[page]);
}

/* What vm_enter takes, in RAX and RDX when a C function answers with it. */
struct vm_entry {
	struct vp *vp;
	hpa_t vmcb;
};

/* run.asm: enters the VP; never returns. */
_Noreturn void vm_enter(struct vp *vp, hpa_t vmcb);

/* exits.c, called by run.asm: the VP has exited. */
struct vm_entry exits_dispatch(struct vp *vp);

#endif
