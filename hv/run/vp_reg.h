/*
 * The registers of a virtual processor, its MSRs among them: one table, a row each.
 * HvGetVpRegisters, HvSetVpRegisters, RDMSR and WRMSR of a guest, reset, INIT, the
 * chunk VP_MSRS and the check of a restored VP all walk it.
 */
#ifndef HV_VP_REG_H
#define HV_VP_REG_H

#include "hv/vp/vp_state.h"
#include "include/stream.h"

/* Where the value of a register is, and what form it has. */
enum vp_reg_kind {
	VP_REG_U64,     /* a u64 at offset of struct vp_state */
	VP_REG_SEGMENT, /* a struct hv_segment, likewise */
	VP_REG_TABLE,   /* a struct vp_table, likewise */
	VP_REG_XSAVE16, /* 16 bytes at an offset in the XSAVE area */
	VP_REG_TSC,   /* guest TSC, kept as an offset: get and set functions */
	VP_REG_CALL,  /* elsewhere: get and set functions */
	VP_REG_FIXED, /* the same, read-only */
	VP_REG_APIC,  /* the local APIC's; its mode decides which there are */
};

enum vp_reg_flag {
	VP_REG_KEPT = 1 << 0,        /* INIT leaves it (SDM table 9-1) */
	VP_REG_PDPTES = 1 << 1,      /* writing it loads them (SDM 4.4.1) */
	VP_REG_SLOW = 1 << 2,        /* see vp_reg_is_slow */
	VP_REG_ROOT_WRITES = 1 << 3, /* WRMSR of the root is ours too */
};

struct vp;

/*
 * Get and set of a 64-bit register that is more than a place. msr: its number, which
 * tells apart the registers of one row; 0: it is no MSR. INVALID_PARAMETER: there is
 * no such register now, or it does not take the value; INSUFFICIENT_MEMORY,
 * INVALID_PARTITION_STATE: as the function says. Nothing has changed then.
 */
typedef enum hv_status vp_reg_get_fn(struct vp *vp, u32 msr, u64 *value);
typedef enum hv_status vp_reg_set_fn(struct vp *vp, u32 msr, u64 value);

/*
 * One row: `count` registers with consecutive names, `stride` bytes apart.
 *
 * msr: number of the first one's MSR; the next are msr_step apart, 0: they are none.
 * Whose MSRs they are: of partitions that hold `privilege`; 0: of every child, and
 * the root has the processor's.
 * check: may this value be in this register, whatever the others hold? NULL: any may.
 * get, set: for its parent; NULL: the place is read and written.
 * read, write: RDMSR and WRMSR, where they do not as get, or as check and set.
 * chunk: enum stream_id that holds it; 0: nothing of it has to be kept.
 */
struct vp_reg {
	u32 name;
	u32 count;
	enum vp_reg_kind kind;
	u32 offset;
	u32 stride;
	u32 chunk;
	u32 flags; /* enum vp_reg_flag */
	u32 msr;
	u32 msr_step;
	u64 privilege; /* HV_PRIVILEGE_* */
	u64 reset;     /* value after power-up of each (U64) */
	bool (*check)(const union hv_register_value *value);
	vp_reg_get_fn *get;
	vp_reg_set_fn *set;
	vp_reg_get_fn *read;
	vp_reg_set_fn *write;
};

/* Once, at start-up: sorts the rows that have MSRs for the look-up by number. */
void vp_reg_init(void);

/* The row of a register name and the register's place in it; NULL: unknown. */
const struct vp_reg *vp_reg_find(u32 name, u32 *index);

/* The row of an MSR number and its place in it; NULL: none of ours. */
const struct vp_reg *vp_reg_find_msr(u32 msr, u32 *index);

/* All rows that have a name, in ascending order, for walkers. */
const struct vp_reg *vp_reg_table(u32 *count);

/* What of the state changes when this register is set; 0: nothing of it. */
u32 vp_reg_parts(u32 name);

/*
 * HvGetVpRegisters and HvSetVpRegisters of one register (TLFS 10).
 * INVALID_PARAMETER for an unknown or read-only name, reserved bits, or a value
 * that the register cannot hold (D27); INSUFFICIENT_MEMORY: the pool has no page for
 * an overlay; INVALID_PARTITION_STATE: half restored, it may not run (D22). Nothing
 * is changed then.
 */
enum hv_status vp_reg_get(struct vp *vp, u32 name,
                          union hv_register_value *value);
enum hv_status vp_reg_set(struct vp *vp, u32 name,
                          const union hv_register_value *value);

/* The same of the register at `index` of a row. */
enum hv_status vp_reg_get_in(struct vp *vp, const struct vp_reg *row, u32 index,
                             union hv_register_value *value);
enum hv_status vp_reg_set_in(struct vp *vp, const struct vp_reg *row, u32 index,
                             const union hv_register_value *value);

/* Instructions that write this register read the PDPTEs anew (SDM 4.4.1). */
bool vp_reg_loads_pdptes(u32 name);

/*
 * Setting it takes thousands of instructions: an overlay page moves, so tables of
 * the GPA space come and go, or reference time stops and its page is made anew.
 */
bool vp_reg_is_slow(u32 name);

/* The name of the first register of *state alone that could not be set so; 0: none. */
u32 vp_reg_refused(const struct vp_state *state);

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
