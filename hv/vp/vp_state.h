/*
 * The state of a virtual processor: one plain structure. What its registers are
 * beyond a place in it is in vp_reg.h.
 */
#ifndef HV_VP_STATE_H
#define HV_VP_STATE_H

#include "include/tlfs.h"
#include "include/x86_operands.h"

#define VP_MTRR_VARIABLE 8
#define VP_MTRR_FIXED 11

struct vp_table {
	u64 base;
	u64 limit;
};

/*
 * What is read from the hardware, and written to it, together: most exits need
 * little of a VP, and under another hypervisor each field costs an exit of its own.
 */
enum vp_part {
	VP_PART_RIP = 1 << 0,
	/* RFLAGS, CR0, EFER, attributes of CS and SS, what blocks interrupts,
	 * the event that is pending: read with any other part. */
	VP_PART_CORE = 1 << 1,
	VP_PART_PAGING = 1 << 2,   /* CR3, CR4, PDPTEs */
	VP_PART_CODE = 1 << 3,     /* CS, DR7: the rest of a message's header */
	VP_PART_SEGMENTS = 1 << 4, /* the other segments, GDTR, IDTR */
	/* SYSENTER, PAT, DEBUGCTL, pending debug exceptions */
	VP_PART_MSRS = 1 << 5,
	/* Not in what the processor runs it by: debug registers, CR2, KERNEL_GS_BASE, XSAVE. */
	VP_PART_LIVE = 1 << 6,
	/* No guest changes it unseen, so it is always current: TSC offset,
	 * MSRs of SYSCALL, TSC_AUX, activity. */
	VP_PART_OURS = 1 << 7,
	VP_PART_ALL = (1 << 8) - 1,
};

/*
 * gpr, apic_base and MTRRs are always current while the VP is not executing, the
 * rest only while its part is in vp->cached (see vp.h). All values have the
 * format of the HV_REGISTER_NAME that shows them.
 */
struct vp_state {
	u64 gpr[16]; /* RAX RCX RDX RBX RSP RBP RSI RDI R8 to R15 */
	u64 rip;
	u64 rflags;
	u64 cr0;
	u64 cr2;
	u64 cr3;
	u64 cr4;
	u64 pdpte[4]; /* of PAE paging, as CR3 was loaded; else 0 */
	u64 xcr0;
	u64 efer;
	u64 dr[4];
	u64 dr6;
	u64 dr7;
	struct hv_segment segment[VP_SEGMENTS];
	struct vp_table idtr;
	struct vp_table gdtr;
	u64 tsc_offset; /* guest TSC = its partition's clock + tsc_offset */
	u64 kernel_gs_base;
	u64 apic_base;
	u64 pat;
	u64 sysenter_cs;
	u64 sysenter_rip;
	u64 sysenter_rsp;
	u64 star;
	u64 lstar;
	u64 cstar;
	u64 sfmask;
	u64 tsc_aux;
	u64 debugctl;
	u64 mtrr_def_type;
	u64 mtrr_base[VP_MTRR_VARIABLE];
	u64 mtrr_mask[VP_MTRR_VARIABLE];
	u64 mtrr_fixed[VP_MTRR_FIXED];
	u64 activity;             /* HV_ACTIVITY_* */
	u64 interrupt_state;      /* HV_INTERRUPT_STATE_* */
	u64 mov_ss;               /* 1: the shadow is MOV SS's, not STI's */
	u64 pending_interruption; /* as the register */
	u64 pending_debug;        /* pending debug exceptions, bits as in DR6,
	                           * 12: enabled breakpoint */
};

/* FXSAVE image; an XSAVE area begins with it. One page holds all of it. */
struct vp_fxsave {
	u8 control_status[16];     /*   0 FCW FSW FTW opcode RIP */
	u8 xmm_control_status[16]; /*  16 data pointer, MXCSR, MXCSR mask */
	u8 fp_mmx[8][16];          /*  32 */
	u8 xmm[16][16];            /* 160 */
	u8 rsvd[96];               /* 416 */
};
_Static_assert(sizeof(struct vp_fxsave) == 512, "SDM 10.5.1");

struct vp_xsave {
	struct vp_fxsave legacy; /*   0 */
	u64 xstate_bv;           /* 512 */
	u64 xcomp_bv;            /* 520 always 0: standard layout */
	u64 rsvd[6];             /* 528 */
	u8 extended[PAGE_SIZE - 576];
};
_Static_assert(sizeof(struct vp_xsave) == PAGE_SIZE, "one page");

#define VP_XSAVE_YMM_OFFSET 576 /* component 2, fixed by the SDM 13.4 */

/* The part that the field at this offset of struct vp_state is in; 0: none. */
u32 vp_state_part_of(u32 offset);

/* It executes 64-bit code: IA-32e mode, and CS.L. */
bool vp_state_is_64(const struct vp_state *state);

/* PAE paging with its four entries in the processor (SDM 4.4.1). */
bool vp_state_uses_pdptes(const struct vp_state *state);

#endif
