/*
 * The virtual machine control block (APM volume 2, appendix B): one page, all
 * plain memory. Of the control area the words that we use have names.
 */
#ifndef ARCH_SVM_VMCB_H
#define ARCH_SVM_VMCB_H

#include "arch/x86_64/common/asm_offsets.h"
#include "arch/x86_64/common/event.h"
#include "include/types.h"

/* A segment in the state save area. Attributes: bits 55:52, 47:40 of a descriptor. */
struct vmcb_segment {
	u16 selector;   /* 0 */
	u16 attributes; /* 2 */
	u32 limit;      /* 4 */
	u64 base;       /* 8 */
};
_Static_assert(sizeof(struct vmcb_segment) == 16, "APM table B-2");

struct vmcb {
	/* ---- Control area (table B-1) ---- */
	u16 cr_reads;        /* 000 intercepts, a bit for each register */
	u16 cr_writes;       /* 002 */
	u16 dr_reads;        /* 004 */
	u16 dr_writes;       /* 006 */
	u32 exceptions;      /* 008 a bit for each vector */
	u32 intercepts[3];   /* 00c SVM_INTERCEPT_: words 3 to 5 of the table */
	u32 rsvd018[9];      /* 018 */
	u16 pause_threshold; /* 03c */
	u16 pause_count;     /* 03e */
	u64 io_map;          /* 040 physical addresses */
	u64 msr_map;         /* 048 */
	u64 tsc_offset;      /* 050 */
	u32 asid;            /* 058 */
	u8 tlb_control;      /* 05c VMCB_TLB_ */
	u8 rsvd05d[3];       /* 05d */
	u64 virtual_interrupt;     /* 060 V_ */
	u64 interrupt_shadow;      /* 068 bit 0 */
	u64 exit_code;             /* 070 */
	u64 exit_info[2];          /* 078 EXITINFO1, EXITINFO2 */
	u64 exit_event;            /* 088 EXITINTINFO */
	u64 nested_control;        /* 090 bit 0: nested paging */
	u64 avic_bar;              /* 098 */
	u64 ghcb;                  /* 0a0 */
	u64 event;                 /* 0a8 EVENTINJ */
	u64 nested_cr3;            /* 0b0 */
	u64 virtual_extras;        /* 0b8 LBRs, VMLOAD and VMSAVE */
	u32 clean;                 /* 0c0 VMCB clean bits */
	u32 rsvd0c4;               /* 0c4 */
	u64 next_rip;              /* 0c8 NRIP */
	u8 fetched;                /* 0d0 bytes that follow */
	u8 bytes[15];              /* 0d1 */
	u8 rsvd0e0[0x3e0 - 0x0e0]; /* 0e0 */
	u64 host;       /* 3e0 ours: what run.asm loads behind the exit */
	u64 host_cr0;   /* 3e8 and this, if it has to */
	u64 rsvd3f0[2]; /* 3f0 */

	/* ---- State save area (table B-2), from 400 ---- */
	struct vmcb_segment es, cs, ss, ds, fs, gs;  /* 400 */
	struct vmcb_segment gdtr, ldtr, idtr, tr;    /* 460 */
	u8 rsvd4a0[0x4cb - 0x4a0];                   /* 4a0 */
	u8 cpl;                                      /* 4cb */
	u32 rsvd4cc;                                 /* 4cc */
	u64 efer;                                    /* 4d0 */
	u8 rsvd4d8[0x548 - 0x4d8];                   /* 4d8 */
	u64 cr4, cr3, cr0;                           /* 548 */
	u64 dr7, dr6;                                /* 560 */
	u64 rflags, rip;                             /* 570 */
	u8 rsvd580[0x5d8 - 0x580];                   /* 580 */
	u64 rsp;                                     /* 5d8 */
	u64 s_cet, ssp, interrupt_ssp_table;         /* 5e0 */
	u64 rax;                                     /* 5f8 */
	u64 star, lstar, cstar, sfmask;              /* 600 */
	u64 kernel_gs_base;                          /* 620 */
	u64 sysenter_cs, sysenter_esp, sysenter_eip; /* 628 */
	u64 cr2;                                     /* 640 */
	u8 rsvd648[0x668 - 0x648];                   /* 648 */
	u64 pat;                                     /* 668 */
	u64 debugctl;                                /* 670 */
	u64 rsvd678[4];                              /* 678 */
	u8 rsvd698[0x1000 - 0x698];                  /* 698 */
};
_Static_assert(sizeof(struct vmcb) == 4096, "APM appendix B");
#define VMCB_AT(field, offset)                                 \
	_Static_assert(offsetof(struct vmcb, field) == offset, \
	               "APM appendix B: " #field)
VMCB_AT(intercepts, 0x00c);
VMCB_AT(pause_threshold, 0x03c);
VMCB_AT(io_map, 0x040);
VMCB_AT(asid, 0x058);
VMCB_AT(tlb_control, 0x05c);
VMCB_AT(virtual_interrupt, 0x060);
VMCB_AT(exit_code, 0x070);
VMCB_AT(exit_event, 0x088);
VMCB_AT(event, 0x0a8);
VMCB_AT(clean, 0x0c0);
VMCB_AT(next_rip, 0x0c8);
VMCB_AT(bytes, 0x0d1);
VMCB_AT(host, VMCB_HOST);
VMCB_AT(host_cr0, VMCB_HOST_CR0);
VMCB_AT(es, 0x400);
VMCB_AT(gdtr, 0x460);
VMCB_AT(tr, 0x490);
VMCB_AT(cpl, 0x4cb);
VMCB_AT(efer, 0x4d0);
VMCB_AT(cr4, 0x548);
VMCB_AT(dr7, 0x560);
VMCB_AT(rsp, 0x5d8);
VMCB_AT(rax, 0x5f8);
VMCB_AT(kernel_gs_base, 0x620);
VMCB_AT(cr2, 0x640);
VMCB_AT(pat, 0x668);
VMCB_AT(debugctl, 0x670);

/* ---- Intercepts: words 3 to 5 of the control area, as one number ---- */

enum vmcb_intercept {
	VMCB_INTERCEPT_INTR = 0,
	VMCB_INTERCEPT_NMI = 1,
	VMCB_INTERCEPT_INIT = 3,
	VMCB_INTERCEPT_VINTR = 4,
	VMCB_INTERCEPT_CR0_SELECTIVE = 5, /* writes of other bits than TS, MP */
	VMCB_INTERCEPT_RDPMC = 15,
	VMCB_INTERCEPT_CPUID = 18,
	VMCB_INTERCEPT_IRET = 20,
	VMCB_INTERCEPT_SOFTWARE = 21, /* INT n */
	VMCB_INTERCEPT_INVD = 22,
	VMCB_INTERCEPT_HLT = 24,
	VMCB_INTERCEPT_INVLPGA = 26,
	VMCB_INTERCEPT_IO = 27,
	VMCB_INTERCEPT_MSR = 28,
	VMCB_INTERCEPT_TASK_SWITCH = 29,
	VMCB_INTERCEPT_SHUTDOWN = 31,
	VMCB_INTERCEPT_VMRUN = 32,
	VMCB_INTERCEPT_VMMCALL = 33,
	VMCB_INTERCEPT_VMLOAD = 34,
	VMCB_INTERCEPT_VMSAVE = 35,
	VMCB_INTERCEPT_STGI = 36,
	VMCB_INTERCEPT_CLGI = 37,
	VMCB_INTERCEPT_SKINIT = 38,
	VMCB_INTERCEPT_INT1 = 40,
	VMCB_INTERCEPT_MONITOR = 42,
	VMCB_INTERCEPT_MWAIT = 43,
	VMCB_INTERCEPT_MWAIT_ARMED = 44,
	VMCB_INTERCEPT_XSETBV = 45,
	VMCB_INTERCEPT_RDPRU = 46,
	VMCB_INTERCEPT_INVLPGB = 64,
	VMCB_INTERCEPT_MCOMMIT = 67,
	VMCB_INTERCEPT_TLBSYNC = 68,
};

#define VMCB_TLB_KEEP 0u
#define VMCB_TLB_FLUSH_ALL 1u
#define VMCB_TLB_FLUSH_ASID 3u

/* virtual_interrupt (15.21). */
#define VMCB_V_TPR 0xfull
#define VMCB_V_IRQ BIT(8)
#define VMCB_V_NMI BIT(11)
#define VMCB_V_NMI_MASK BIT(12)
#define VMCB_V_PRIORITY (15ull << 16)
#define VMCB_V_IGNORE_TPR BIT(20)
#define VMCB_V_INTR_MASKING BIT(24)
#define VMCB_V_NMI_ENABLE BIT(26)

#define VMCB_SHADOW BIT(0)
#define VMCB_NESTED_PAGING BIT(0)
#define VMCB_LBR BIT(0) /* of virtual_extras */

/* Events (15.20), beside event.h; an error code stands in the upper half. */
#define EVENT_TYPE_SOFTWARE (4u << EVENT_TYPE_SHIFT)
#define EVENT_CODE_SHIFT 32

/* Access rights of a segment are kept without the gap (15.5.1). */
static inline u16 vmcb_attributes(u32 rights)
{
	return (u16)((rights & 0xff) | (rights >> 4 & 0xf00));
}

static inline u16 vmcb_rights(u32 attributes)
{
	return (u16)((attributes & 0xff) | (attributes & 0xf00) << 4);
}

static inline void vmcb_intercept(struct vmcb *v, enum vmcb_intercept what,
                                  bool on)
{
	u32 bit = 1u << what % 32u;

	if (on)
		v->intercepts[what / 32u] |= bit;
	else
		v->intercepts[what / 32u] &= ~bit;
}

#endif
