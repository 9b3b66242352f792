/*
 * The registers of a virtual processor: one table. HvGetVpRegisters,
 * HvSetVpRegisters, MSR accesses of a child, reset, and the checks of a restored
 * stream all walk it.
 */
#ifndef HV_VP_REG_H
#define HV_VP_REG_H

#include "hv/vp/vp_state.h"

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

/*
 * Why a page of ours could not be put where this MSR says. INVALID_PARAMETER: another
 * one is there (D27); INSUFFICIENT_MEMORY: the pool is dry.
 */
enum hv_status vp_reg_no_place(const struct vp *vp, u64 msr);

/* Instructions that write this register read the PDPTEs anew (SDM 4.4.1). */
bool vp_reg_loads_pdptes(u32 name);

/*
 * Setting it takes thousands of instructions: an overlay page moves, so tables of
 * the GPA space come and go, or reference time stops and its page is made anew.
 */
bool vp_reg_is_slow(u32 name);

/*
 * Every register of *state alone and the XSAVE area hold what this machine can
 * load. What does not hold together is left to VM entry (D27).
 */
bool vp_reg_all_valid(const struct vp_state *state,
                      const struct vp_xsave *xsave);

/* State after power-up (SDM 9.1.1), XSAVE area in its init state; no TSC. */
void vp_reg_reset_all(struct vp_state *state, struct vp_xsave *xsave);

/* State after INIT: MSRs, XCR0, TSC and cache bits stay (SDM table 9-1). */
void vp_reg_init_all(struct vp_state *state);

/*
 * Its TSC is its partition's clock and so much more, from now on. Timers that count
 * do not notice, the partition's reference time does not either.
 */
void vp_set_tsc_offset(struct vp *vp, u64 offset);

#endif
