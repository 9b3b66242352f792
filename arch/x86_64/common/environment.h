/*
 * The processor as the firmware had it, and as the hypervisor has it.
 */
#ifndef ARCH_ENVIRONMENT_H
#define ARCH_ENVIRONMENT_H

#include "arch/x86_64/common/regs.h"
#include "hv/base/cpu.h"
#include "hv/vp/vp.h"

/* What entry.asm leaves on the firmware's stack. */
struct firmware_frame {
	u64 r15, r14, r13, r12, rbp, rbx;
	u64 rflags;
	u64 rip;
};

/* An entry of the firmware's GDT; those of the system have two words. */
struct firmware_descriptor {
	u64 low;
	u64 high;
};

/* A processor as the firmware had it. */
struct firmware {
	u64 cr0, cr3, cr4, efer;
	u64 fs_base, gs_base, dr7;
	struct descriptor_table gdt, idt;
	u16 selectors[VP_SEGMENTS];
	struct firmware_descriptor descriptors[VP_SEGMENTS]; /* 0: none */
	u64 frame; /* where its stack holds struct firmware_frame */
};

/* Remembers what this processor has, in the structure of `cpu`; changes nothing. */
void environment_save(struct cpu *cpu);

/* Goes over to the hypervisor's page tables, descriptors and GS. */
void environment_enter(struct cpu *cpu);

/* Puts everything back as it was. */
void environment_leave(struct cpu *cpu);

/*
 * Makes the firmware's environment on the root VP's processor its state: it goes on
 * behind the call of hv_entry, which returns 0.
 */
void environment_capture(struct vp *root);

#endif
