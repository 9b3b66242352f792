/*
 * A virtual processor: its identity, why it may not run, where its state is.
 * Its pages come from its partition's pool.
 */
#ifndef HV_VP_H
#define HV_VP_H

#include "hv/base/addr.h"
#include "hv/vp/vp_devices.h"
#include "hv/vp/vp_state.h"

struct cpu;
struct partition;

enum vp_page {
	VP_PAGE_CONTROL, /* what the processor runs it by: VMCS, VMCB */
	VP_PAGE_XSAVE,
	VP_PAGE_STAGED, /* a restore's struct vp_state until it commits */
	VP_PAGE_STAGED_XSAVE,
	VP_PAGE_SIM,
	VP_PAGE_SIEF,
	VP_PAGE_MESSAGES,   /* that came by ports and wait (synic.h) */
	VP_PAGE_STAGED_SIM, /* of the root: more of these, and in the next */
	VP_PAGE_STAGED_SIEF,
	VP_PAGE_STAGED_MESSAGES,
	VP_PAGE_APIC, /* registers of the local APIC (lapic.h) */
	VP_PAGES
};

#define VP_ARCH_BYTES 512

/* One page. `state` is first: the exit path pushes registers into it. */
struct vp {
	struct vp_state state;

	struct partition *partition;
	struct cpu *cpu; /* the logical processor it is bound to */
	u32 index;
	u16 vpid; /* tags its TLB entries; unique among the living, not 0 */
	bool is_root;

	/*
	 * Parts of the state (enum vp_part).
	 * cached: `state` has what the hardware had at the last exit.
	 * dirty: `state` was changed since; apply it before the next entry.
	 * unvalidated: its parent gave it registers. dirty implies cached.
	 */
	u32 cached;
	u32 dirty;
	u32 unvalidated;
	bool renewed; /* by a restore: nothing that the hardware has is its */
	bool pdptes_stale; /* its parent gave it CR3, or the mode */
	bool held_here;    /* its parent suspended it here; else it came so */
	bool resumed;      /* its parent has ended an intercept of it */

	u64 explicit_suspend;  /* HV_SUSPENDED */
	u64 intercept_suspend; /* HV_SUSPENDED | HV_TLB_FLUSH_INHIBIT */
	u64 held_since;        /* TSC of ours since which it is explicit */

	/* Another processor wants to have it (arch_vp_take): it does not run up to then. */
	u64 hold_end; /* TSC of ours, 0: nobody does */
	struct list
		asked; /* among those of its processor that it is to let go */
	bool in_processor; /* its processor holds something of it */

	/* Scheduler: linked while it may have something to do; else its alarm. */
	struct list ready;
	u32 alarm;    /* its place among the alarms (alarm.c), 0: none */
	u64 alarm_at; /* TSC of ours */

	/* The one intercept message it can have under way to its parent. */
	struct hv_message message;
	struct list message_link; /* while it waits: in the receiver's queue */

	struct synic synic; /* as a receiver */
	struct lapic lapic; /* of a child: what is not in its page */
	struct stimer stimer[HV_STIMERS];

	/* TSC ticks that it has had a processor, up to the last switch. */
	u64 runtime;

	void *pages[VP_PAGES];
	_Alignas(16) u8 arch[VP_ARCH_BYTES]; /* belongs to arch/ */
};
_Static_assert(sizeof(struct vp) <= PAGE_SIZE, "a VP is one page");

static inline struct vp_xsave *vp_xsave(struct vp *vp)
{
	return (struct vp_xsave *)vp->pages[VP_PAGE_XSAVE];
}

/* A register of its local APIC. */
static inline u32 *vp_apic_register(const struct vp *vp, u32 offset)
{
	return (u32 *)vp->pages[VP_PAGE_APIC] + offset / 4;
}

/* Either suspend bit is set. */
bool vp_is_suspended(const struct vp *vp);

/* Its time on a processor, in 100-ns units, and putting that back. */
#define VP_RUNTIME_LIMIT (1ull << 54) /* 57 years: below 2^64 TSC ticks */
u64 vp_runtime(const struct vp *vp);
void vp_set_runtime(struct vp *vp, u64 units);

/* Its TSC when the processor's is `tsc`. */
u64 vp_tsc_at(const struct vp *vp, u64 tsc);

/* Its state to read; captured from the hardware when it has to be. */
const struct vp_state *vp_state_read(struct vp *vp);

/* Its state to change; it is applied before the next entry. */
struct vp_state *vp_state_write(struct vp *vp);

/*
 * The same of some parts (enum vp_part) only: nothing else in the structure may
 * be looked at, but the core, or changed.
 */
const struct vp_state *vp_state_part(struct vp *vp, u32 parts);
struct vp_state *vp_state_change(struct vp *vp, u32 parts);

/* Moves RIP of a captured VP behind an instruction that was carried out. */
void vp_skip(struct vp *vp, u64 length);

#endif
