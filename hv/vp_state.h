/*
 * The state of a virtual processor: one plain structure, and one table of what
 * is in it. HvGetVpRegisters, HvSetVpRegisters, MSR accesses of a child, reset,
 * and the checks of a restored stream all walk the table.
 */
#ifndef HV_VP_STATE_H
#define HV_VP_STATE_H

#include "include/tlfs.h"

enum vp_gpr { VP_RAX, VP_RCX, VP_RDX, VP_RBX, VP_RSP, VP_RBP, VP_RSI, VP_RDI };
enum vp_segment {
	VP_ES,
	VP_CS,
	VP_SS,
	VP_DS,
	VP_FS,
	VP_GS,
	VP_LDTR,
	VP_TR,
	VP_SEGMENTS
};

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
	/* Outside the VMCS: debug registers, CR2, KERNEL_GS_BASE, XSAVE. */
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

/* ---- The table ---- */

enum vp_reg_kind {
	VP_REG_U64,     /* a u64 at offset */
	VP_REG_SEGMENT, /* a struct hv_segment */
	VP_REG_TABLE,   /* a struct vp_table */
	VP_REG_XSAVE16, /* 16 bytes at an offset in the XSAVE area */
	VP_REG_TSC,   /* guest TSC, kept as an offset: get and set functions */
	VP_REG_FIXED, /* read-only, by the get function */
	VP_REG_CALL,  /* get and set functions */
	VP_REG_MSR,   /* read and write functions of synthetic MSRs */
};

struct vp;

/*
 * One row: `count` registers with consecutive names, `stride` bytes apart.
 * check: may this value be in this register, whatever the others hold? NULL:
 * any value may.
 */
struct vp_reg {
	u32 name;
	u32 count;
	enum vp_reg_kind kind;
	u32 offset;
	u32 stride;
	u32 msr; /* architectural MSR number of the first, 0: none */
	u32 msr_stride;
	bool (*check)(const union hv_register_value *value);
	enum hv_status (*get)(struct vp *vp, union hv_register_value *value);
	enum hv_status (*set)(struct vp *vp,
	                      const union hv_register_value *value);
	u64 reset; /* value after reset of each register of the row (U64) */
	/* VP_REG_MSR: the first synthetic MSR, and what its accesses do. */
	u32 synthetic;
	bool (*read)(struct vp *vp, u32 msr, u64 *value);
	bool (*write)(struct vp *vp, u32 msr, u64 value);
};

/* The row of a register name and the register's place in it; NULL: unknown. */
const struct vp_reg *vp_reg_find(u32 name, u32 *index);

/* Row and index of an architectural MSR that children see; NULL: none. */
const struct vp_reg *vp_reg_find_msr(u32 msr, u32 *index);

/* All rows, for walkers. */
const struct vp_reg *vp_reg_table(u32 *count);

/* The part that the field at this offset of struct vp_state is in; 0: none. */
u32 vp_state_part_of(u32 offset);

/* What of the state changes when this register is set; 0: nothing of it. */
u32 vp_reg_parts(u32 name);

/*
 * HvGetVpRegisters and HvSetVpRegisters of one register. SetVpRegisters:
 * INVALID_PARAMETER for an unknown or read-only name, reserved bits, or a value
 * that the register cannot hold (D27); nothing is changed then.
 */
enum hv_status vp_reg_get(struct vp *vp, u32 name,
                          union hv_register_value *value);
enum hv_status vp_reg_set(struct vp *vp, u32 name,
                          const union hv_register_value *value);

/* Instructions that write this register read the PDPTEs anew (SDM 4.4.1). */
bool vp_reg_loads_pdptes(u32 name);

/*
 * Setting it takes thousands of instructions: an overlay page moves, so tables of
 * the GPA space come and go, or reference time stops and its page is made anew.
 */
bool vp_reg_is_dear(u32 name);

/*
 * Every register of *state alone and the XSAVE area hold what this machine can
 * load. What does not hold together is left to VM entry (D27).
 */
bool vp_state_valid(const struct vp_state *state, const struct vp_xsave *xsave);

/* PAE paging with its four entries in the processor (SDM 4.4.1). */
bool vp_state_uses_pdptes(const struct vp_state *state);

/* State after power-up (SDM 9.1.1), XSAVE area in its init state; no TSC. */
void vp_state_reset(struct vp_state *state, struct vp_xsave *xsave);

/* State after INIT: MSRs, XCR0, TSC and cache bits stay (SDM table 9-1). */
void vp_state_init(struct vp_state *state);

#endif
