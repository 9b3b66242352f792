/*
 * Partitions: identity, state machine (TLFS 5.2.5), privileges, VPs, pool,
 * GPA space. A child's structure is a page of its parent's pool.
 */
#ifndef HV_PARTITION_H
#define HV_PARTITION_H

#include "hv/arch.h"
#include "hv/base/tsc.h"
#include "hv/memory/gpa.h"
#include "hv/memory/pool.h"
#include "hv/vp/reference.h"
#include "include/tlfs.h"

struct vp;
struct context;

#define PARTITION_MAX 64 /* in the machine, the root included */
#define PARTITION_VPS 64 /* of one partition (leaf 0x40000005) */
#define PARTITION_CPUID_INTERCEPTS 16

/* What a child may do unless its parent says otherwise (TLFS 4.2.2). */
#define PARTITION_CHILD_PRIVILEGES                                            \
	(HV_PRIVILEGE_ACCESS_VP_RUN_TIME_MSR |                                \
	 HV_PRIVILEGE_ACCESS_REFERENCE_COUNTER |                              \
	 HV_PRIVILEGE_ACCESS_SYNIC_MSRS |                                     \
	 HV_PRIVILEGE_ACCESS_SYNTHETIC_TIMER_MSRS |                           \
	 HV_PRIVILEGE_ACCESS_APIC_MSRS | HV_PRIVILEGE_ACCESS_HYPERCALL_MSRS | \
	 HV_PRIVILEGE_ACCESS_VP_INDEX | HV_PRIVILEGE_ACCESS_REFERENCE_TSC |   \
	 HV_PRIVILEGE_ACCESS_FREQUENCY_MSRS)

enum partition_state {
	PARTITION_UNINITIALIZED,
	PARTITION_ACTIVE,
	PARTITION_FINALIZING,
	PARTITION_FINALIZED,
};

struct partition {
	u64 id;
	u32 slot; /* below PARTITION_MAX, unique among the living */
	struct partition *parent; /* NULL: the root */
	enum partition_state state;
	u64 privileges; /* HV_PRIVILEGE_* */
	struct pool pool;

	struct gpa_space space;
	struct vp *vps[PARTITION_VPS];
	u32 vp_count;
	u32 child_count;

	/* Synthetic MSRs of the whole partition. */
	u64 guest_os_id;
	u64 hypercall;
	struct gpa_overlay hypercall_overlay;
	struct reference reference;
	struct tsc_clock clock; /* all its VPs' TSCs, less their offsets */
	u64 tsc_invariant;      /* what the root has written there: no effect */
	struct ports *ports;    /* a page, from the first port on (port.h) */

	/* Intercepts (HvInstallIntercept). */
	u32 exceptions; /* vectors, a bit each */
	u32 msr_access; /* HV_INTERCEPT_ACCESS_READ | _WRITE */
	u32 cpuid_count;
	u32 cpuid_leaves[PARTITION_CPUID_INTERCEPTS];
	u8 *io_access[4]; /* 2 bits a port (read, write), a page for 16384 */

	/* Save and restore. */
	struct context *context; /* the one open process, or NULL */
	struct context *system;  /* of partition id 0, for this caller */
	bool save_memory;        /* D18: streams carry map and pages */
	bool half_restored;      /* D22: may not run until a restore ends */
	bool marked;             /* pages may have marks (chunk_memory.c) */
	bool beside;             /* its memory is at work on (beside.h) */
	u64 generation;          /* counts every change a stream would miss */

	u64 finalize_gpa; /* how far finalizing has come */
};
_Static_assert(sizeof(struct partition) <= PAGE_SIZE, "a partition is a page");
_Static_assert(GPA_OVERLAYS == 2 + 2 * PARTITION_VPS, "all find a place");

/* Makes the root: active, all privileges, `pool` empty. */
struct partition *partition_create_root(void *page);

/* The root: there is always one. */
struct partition *partition_root(void);

/*
 * A new child of parent, from a page of its pool. INSUFFICIENT_MEMORY,
 * NO_RESOURCES (PARTITION_MAX).
 */
enum hv_status partition_create(struct partition *parent,
                                struct partition **child);

/* To Active: makes the GPA space. INSUFFICIENT_MEMORY: its pool is dry. */
enum hv_status partition_initialize(struct partition *p);

/* Forgets it; state and empty pool were checked. */
void partition_delete(struct partition *p);

/* By id, NULL: none. HV_PARTITION_ID_SELF is the caller's business. */
struct partition *partition_find(u64 id);

/*
 * The child of `from` with this id. INVALID_PARTITION_ID: no such id.
 * ACCESS_DENIED: SELF, the root, or somebody else's child (D5).
 */
enum hv_status partition_find_child(struct partition *from, u64 id,
                                    struct partition **child);

/*
 * The child after `previous` (0: the first) in order of creation; *next is 0 behind
 * the last one. INVALID_PARTITION_ID: previous is no child of this parent.
 */
enum hv_status partition_next_child(struct partition *parent, u64 previous,
                                    u64 *next);

/* Every VP of it is explicitly suspended. */
bool partition_suspended(const struct partition *p);

/*
 * The VP that stands for the partition where a call or a message names none: it takes
 * the external interrupt, and its children's intercepts. NULL: it has no VP 0.
 */
struct vp *partition_first_vp(const struct partition *p);

/* Of the parent of this child: whom its VPs' intercepts go to (D25). */
struct vp *partition_parent_vp(const struct partition *child);

/* A change that an open save or restore process does not survive (D10). */
void partition_changed(struct partition *p);

#endif
