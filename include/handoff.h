/*
 * What boot/ hands to the hypervisor, once. Both sides include this file and
 * nothing else of each other.
 *
 * boot/ begins the reserved memory with a record for the next boot, puts the
 * block behind it, then the relocated hypervisor image, and calls the image's
 * entry with the address of the block.
 */
#ifndef STASIS_HANDOFF_H
#define STASIS_HANDOFF_H

#include "types.h"

#define HANDOFF_MAGIC 0x534953415453ull /* "STASIS" */
#define HANDOFF_RANGES 128

/* Logical processors that there is room for, and what each takes of the memory. */
#define HANDOFF_PROCESSORS 64u
#define HANDOFF_PROCESSOR_BYTES (256u << 10)

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
	HANDOFF_ENTER_FAILED = 8, /* the mode, or the first entry: see detail */
	HANDOFF_BAD_HANDOFF = 9,  /* the image was built for another one */
	HANDOFF_FIVE_LEVEL = 10,  /* five-level paging is on (CR4.LA57) */
	HANDOFF_VMX_IN_USE = 11,  /* somebody else uses VT-x (CR4.VMXE) */
	HANDOFF_NOT_EXECUTABLE = 12, /* the firmware's page tables forbid it */
	HANDOFF_NO_SVM = 13,         /* CPUID 80000001:ECX.SVM is clear */
	HANDOFF_SVM_OFF = 14,        /* VM_CR.SVMDIS is set */
	HANDOFF_NO_NPT = 15,         /* no nested paging */
	HANDOFF_SVM_IN_USE = 16,     /* somebody else uses SVM (EFER.SVME) */
	HANDOFF_SVM_LOCKED = 17,     /* SVMDIS is set, and VM_CR.LOCK */
	HANDOFF_FEW_ASIDS = 18,      /* no ASID for a guest */
	HANDOFF_NO_CRC32 = 19,       /* CPUID.1:ECX.SSE4.2 is clear */
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

/* What is done where another partition is entered, as the processor needs it. */
#define HANDOFF_BARRIER_L1D 1u      /* flush the first-level data cache */
#define HANDOFF_BARRIER_BUFFERS 2u  /* VERW overwrites the buffers */
#define HANDOFF_BARRIER_BRANCHES 4u /* IBPB: no old branch predictions */
#define HANDOFF_BARRIER_RETURNS 8u  /* refill the return stack */

/* What the image found out about the processor, before it did anything. */
struct handoff_findings {
	u32 refusals;        /*  0 of each reason to refuse, BIT(result) */
	u32 count;           /*  4 of rows; 0 without VT-x and SVM */
	u64 feature_control; /*  8 IA32_FEATURE_CONTROL, or AMD's VM_CR */
	struct handoff_finding rows[HANDOFF_FINDINGS]; /* 16 */
	u32 barriers; /* HANDOFF_BARRIER_... that are used */
	u32 asids;    /* of SVM, with the host's */
};

/* A 16550 for reports, set up already. */
struct handoff_uart {
	u64 address;   /*  0 an I/O port or a physical address, 0: none */
	u32 stride;    /*  8 bytes from one register to the next */
	u32 in_memory; /* 12 0: I/O ports */
};

/* A framebuffer with 32 bits a pixel, as the firmware has set it up. */
struct handoff_screen {
	u64 base;   /*  0 physical, 0: none */
	u64 size;   /*  8 bytes */
	u32 width;  /* 16 pixels */
	u32 height; /* 20 */
	u32 pitch;  /* 24 pixels from one row to the next */
	u32 white;  /* 28 a pixel */
};

/* ACPI's reset register (ACPI 4.8.3.6). */
enum handoff_reset_space {
	HANDOFF_RESET_MEMORY = 0, /* as ACPI numbers its address spaces */
	HANDOFF_RESET_IO = 1,
	HANDOFF_RESET_PCI = 2,     /* the configuration space of bus 0 */
	HANDOFF_RESET_NONE = 0xff, /* the firmware names no register */
};
struct handoff_reset {
	u64 address; /*  0 */
	u32 space;   /*  8 enum handoff_reset_space */
	u8 value;    /* 12 what to write, one byte */
	u8 rsvd[3];  /* 13 */
};

#define HANDOFF_RESET_NEVER 0xffffffffu

/*
 * The first thing in the reserved memory, and so at a multiple of 2 MiB, where
 * the next boot looks for it: what the hypervisor said when it stopped. boot/
 * makes an empty one, the hypervisor fills it.
 */
#define HANDOFF_RECORD_MAGIC 0x44524f4345524853ull /* "SHRECORD" */
#define HANDOFF_RECORD_BYTES 16384u

struct handoff_record {
	u64 magic;   /*  0 HANDOFF_RECORD_MAGIC */
	u64 base;    /*  8 its own address: a copy somewhere else is none */
	u64 started; /* 16 when, as the decimal number YYYYMMDDhhmmss */
	u32 length;  /* 24 bytes of text, 0: it has not stopped */
	u32 crc;     /* 28 CRC-32C of them */
	char text[HANDOFF_RECORD_BYTES - 32]; /* 32 ASCII, lines end in \n */
};
_Static_assert(sizeof(struct handoff_record) == HANDOFF_RECORD_BYTES,
               "whole pages");

struct handoff {
	u64 magic;         /*  0 HANDOFF_MAGIC */
	u64 size;          /*  8 sizeof(struct handoff) */
	u64 reserved_base; /* 16 the hypervisor's memory, 2-MiB aligned */
	u64 reserved_size; /* 24 a multiple of 2 MiB */
	u64 image_base;    /* 32 where the loaded image begins */
	u64 image_size;    /* 40 its size in memory, whole pages */
	u64 elf_base;  /* 48 the unloaded ELF file, for symbols in reports */
	u64 elf_size;  /* 56 */
	u64 free_base; /* 64 first page in the reserved memory not used yet */
	u64 tsc_hz;    /* 72 TSC ticks a second, measured by boot */
	u64 detail;    /* 80 out: what a refusal is about (control, error) */
	u32 planted;   /* 88 for the image of tests (tests/tally), else 0 */
	u32 reset_seconds; /* 92 from a stop to the reset of the machine */
	u32 range_count;   /* 96 */
	u32 check;         /* 100 only look at the processor, then return */
	u64 findings; /* 104 out: struct handoff_findings *, in the image */
	struct handoff_range ranges[HANDOFF_RANGES]; /* 112 all RAM, ascending,
	                                              * merged, reserved memory
	                                              * included */
	struct handoff_uart uart;
	struct handoff_screen screen;
	struct handoff_reset reset;
	u32 no_barriers; /* between partitions: the user wants none */
	/*
	 * That are to be entered, this one included. Behind this one the others call the same
	 * entry, one by one, each with its number, 1 to processors - 1, in place of the block.
	 */
	u32 processors;
};

_Static_assert(offsetof(struct handoff, ranges) == 112, "handoff layout");

#endif
