/*
 * What boot/ hands to the hypervisor, once. Both sides include this file and
 * nothing else of each other.
 *
 * boot/ puts the block at the start of the reserved memory, the relocated
 * hypervisor image behind it, and calls the image's entry with its address.
 */
#ifndef STASIS_HANDOFF_H
#define STASIS_HANDOFF_H

#include "types.h"

#define HANDOFF_MAGIC 0x534953415453ull /* "STASIS" */
#define HANDOFF_RANGES 128

/* One stretch of RAM, [base, base + size), both multiples of a page. */
struct handoff_range {
	u64 base;
	u64 size;
};

/* Why a launch was refused: the answer of the image's entry. */
enum handoff_result {
	HANDOFF_OK = 0,         /* the caller now runs as the root partition */
	HANDOFF_NO_VTX = 1,     /* CPUID.1:ECX.VMX is clear */
	HANDOFF_LOCKED_OFF = 2, /* IA32_FEATURE_CONTROL is locked without VMX */
	HANDOFF_NO_EPT = 3, /* no EPT, or not with 4-level write-back walks */
	HANDOFF_NO_UNRESTRICTED = 4, /* no unrestricted guest */
	HANDOFF_MISSING_CONTROL = 5, /* another control, see the findings */
	HANDOFF_RUNNING = 6,         /* Stasis runs already */
	HANDOFF_NO_MEMORY = 7,       /* the reserved memory is too small */
	HANDOFF_VMX_FAILED = 8,      /* VMXON or VMLAUNCH failed, see detail */
	HANDOFF_BAD_HANDOFF = 9,     /* the image was built for another one */
	HANDOFF_FIVE_LEVEL = 10,     /* five-level paging is on (CR4.LA57) */
	HANDOFF_VMX_IN_USE = 11,     /* somebody else uses VT-x (CR4.VMXE) */
	HANDOFF_NOT_EXECUTABLE = 12, /* the firmware's page tables forbid it */
};

/* One VMX capability that the hypervisor requires or likes to have. */
struct handoff_finding {
	u64 name;     /*  0 const char *, in the image: the SDM's words */
	u64 msr_name; /*  8 const char *: of the MSR that announces it */
	u8 bit;       /* 16 in the word that the MSR holds */
	u8 required;  /* 17 else wanted */
	u8 present;   /* 18 */
	u8 used;      /* 19 some are used together or not at all */
	u32 rsvd;     /* 20 */
};
_Static_assert(sizeof(struct handoff_finding) == 24, "handoff layout");

#define HANDOFF_FINDINGS 64

/* What the image found out about the processor, before it did anything. */
struct handoff_findings {
	u32 refusals;        /*  0 of each reason to refuse, BIT(result) */
	u32 count;           /*  4 of rows; 0 without VT-x */
	u64 feature_control; /*  8 IA32_FEATURE_CONTROL; 0 without VT-x */
	struct handoff_finding rows[HANDOFF_FINDINGS]; /* 16 */
};

/* Faults that tests plant: the hypervisor raises them by itself. */
enum handoff_fault {
	HANDOFF_FAULT_NONE = 0,
	HANDOFF_FAULT_CHECK = 1,     /* a failed CHECK at the 1st hypercall */
	HANDOFF_FAULT_EXCEPTION = 2, /* a page fault at the 1st hypercall */
	HANDOFF_FAULT_STACK = 3, /* a stack overflow (double fault), likewise */
	HANDOFF_FAULT_ENTRY = 4, /* the processor refuses the first VM entry */
};

struct handoff {
	u64 magic;         /*  0 HANDOFF_MAGIC */
	u64 size;          /*  8 sizeof(struct handoff) */
	u64 reserved_base; /* 16 the hypervisor's memory, 2-MiB aligned */
	u64 reserved_size; /* 24 a multiple of 2 MiB */
	u64 image_base;    /* 32 where the loaded image begins */
	u64 image_size;    /* 40 its size in memory, whole pages */
	u64 elf_base;    /* 48 the unloaded ELF file, for symbols in reports */
	u64 elf_size;    /* 56 */
	u64 free_base;   /* 64 first page in the reserved memory not used yet */
	u64 tsc_hz;      /* 72 TSC ticks a second, measured by boot */
	u64 detail;      /* 80 out: what a refusal is about (control, error) */
	u32 fault;       /* 88 enum handoff_fault */
	u32 serial_port; /* 92 I/O port of a 16550 for reports, 0: none */
	u32 range_count; /* 96 */
	u32 check;       /* 100 only look at the processor, then return */
	u64 findings;    /* 104 out: struct handoff_findings *, in the image */
	struct handoff_range ranges[HANDOFF_RANGES]; /* 112 all RAM, ascending,
	                                              * merged, reserved memory
	                                              * included */
};

_Static_assert(offsetof(struct handoff, ranges) == 112, "handoff layout");

#endif
