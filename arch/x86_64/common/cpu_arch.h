/*
 * What the hardware part keeps of a logical processor, in the room that struct cpu
 * has for it. What it keeps of a VP is the vendor's.
 */
#ifndef ARCH_CPU_ARCH_H
#define ARCH_CPU_ARCH_H

#include "arch/x86_64/common/asm_offsets.h"
#include "arch/x86_64/common/xstate.h"
#include "hv/arch.h"
#include "hv/base/cpu.h"
#include "hv/vp/vp.h"

/* 64-bit task-state segment (SDM 7.7); only the IST is used. */
struct tss {
	u32 rsvd0;     /*   0 */
	u32 stacks[8]; /*   4 RSP0 to RSP2, reserved */
	u32 ist[14];   /*  36 IST1 to IST7, low and high halves */
	u32 rsvd1[2];  /*  92 */
	u16 rsvd2;     /* 100 */
	u16 io_map;    /* 102 */
};
_Static_assert(sizeof(struct tss) == 104, "SDM 7.7");
_Static_assert(offsetof(struct tss, ist) == 36, "SDM 7.7");

#define CPU_SYSCALL_MSRS 5
#define CPU_VENDOR_BYTES 192

struct cpu_arch {
	u64 stack_top;
	/* Set by the NMI handler; the entry path looks at it last of all. */
	bool nmi_arrived;
	bool nmi_pending; /* an NMI waits for the root VP */
	bool nmi_carried; /* from another processor: the root is to be entered */
	bool mc_pending;  /* a machine check does */
	bool nmi_poll;    /* the timer was set for its sake */
	bool started;     /* the root VP has run: launching is over */
	bool quiet; /* the root was entered last, and nothing was to be watched */
	bool deaf;      /* the root was left with IF = 0 */
	bool held_back; /* and its interrupts wait in the APIC meanwhile */
	bool in_guest; /* or on the last way to it: under the lock up to that */
	bool waits;    /* for its turn (machine.c) */
	bool halts;    /* of its own will: it has given its turn away */
	bool beside;   /* it works without its turn (beside.h) */
	bool open;     /* an interrupt may come in now (fault.c) */
	u32 taken;     /* the vector of the one that did, 0: none */
	u32 kicked;    /* an NMI that is ours is under way to it, */
	u64 kicked_at; /* sent at this TSC of whoever did; */
	u64 second_end;      /* 0, or another one may come up to this */
	u32 apic_id;         /* of its local APIC */
	struct vp *resident; /* whose registers of switch.c are live */
	const struct partition *partition; /* that was entered last */
	u64 msrs[CPU_SYSCALL_MSRS];        /* what is in them now (switch.c) */
	struct xstate_rest rest;           /* of the root, while a child runs */
	u64 *window; /* page table entry of its window (paging.c) */
	u64 recover; /* where #GP goes on, 0: it is our bug (safe.c) */
	u64 stopped; /* RIP of ours where the machine's stop found it, 0: not there */
	_Alignas(16) u8 vendor[CPU_VENDOR_BYTES]; /* of its own (vendor.h) */
	struct tss tss;
	u64 gdt[5]; /* null, code, data, TSS (two) */
};
_Static_assert(sizeof(struct cpu_arch) <= CPU_ARCH_BYTES, "room in struct cpu");
_Static_assert(offsetof(struct cpu, arch) +
                               offsetof(struct cpu_arch, stack_top) ==
                       CPU_STACK_TOP,
               "asm_offsets.h");
_Static_assert(offsetof(struct cpu, arch) +
                               offsetof(struct cpu_arch, nmi_arrived) ==
                       CPU_NMI_ARRIVED,
               "asm_offsets.h");
/* vm_exit pushes the general registers into the start of struct vp. */
_Static_assert(offsetof(struct vp, state) == 0 &&
                       offsetof(struct vp_state, gpr) == 0,
               "exit.asm");

static inline struct cpu_arch *cpu_arch(struct cpu *cpu)
{
	return (struct cpu_arch *)(void *)cpu->arch;
}

#endif
