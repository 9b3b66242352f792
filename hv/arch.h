/*
 * The door to the hardware: all that hv/ needs from a processor.
 * arch/x86_64/ implements it, tests/host/fake/arch.c in memory.
 */
#ifndef HV_ARCH_H
#define HV_ARCH_H

#include "hv/base/addr.h"
#include "include/stream.h"

struct cpu;
struct pool;
struct vp;
struct vp_rule;

/* ---- The processor we run on ---- */

/* Of the processor's features those that a control has to allow the root. */
enum arch_root {
	ARCH_ROOT_RDTSCP = 1 << 0, /* RDTSCP, RDPID */
	ARCH_ROOT_INVPCID = 1 << 1,
	ARCH_ROOT_XSAVES = 1 << 2,    /* XSAVES, XRSTORS */
	ARCH_ROOT_USER_WAIT = 1 << 3, /* TPAUSE, UMONITOR, UMWAIT */
	ARCH_ROOT_TRACE = 1 << 4,     /* Intel PT, in VMX operation */
};

/* What a guest's state may contain on this machine. Constant after start-up. */
struct arch_facts {
	struct stream_compat compat; /* scope, hv version: filled by the core */
	u64 cr0_allowed;             /* bits that a guest's CR0 may have set */
	u64 cr4_allowed;
	u64 efer_allowed;
	u64 debugctl_allowed;
	u64 tsc_hz;
	bool has_xsave;
	bool has_tsc_aux;
	bool x87_pointers_stay; /* FOP, FIP, FDP, where state without them is loaded */
	bool any_rip; /* it may be one that is not canonical: the fetch faults */
	bool interrupts_may_wait; /* one that comes while a child has IF = 0 may not end its run */
	bool has_tsc_scaling; /* of children, by their partition's clock */
	/* Bits of its form of a ratio that tsc.h's has more: behind the point, before. */
	u32 tsc_ratio_less_behind;
	u32 tsc_ratio_less_before;
	u32 mtrr_variable; /* count of variable-range MTRRs of a child */
	/* The processor's last leaves of CPUID: basic, extended. */
	u32 cpuid_max;
	u32 cpuid_max_extended;
	u32 root_can; /* enum arch_root */
};
const struct arch_facts *arch_facts(void);

/* This logical processor's structure (GS, while the hypervisor runs). */
struct cpu *arch_this_cpu(void);

/* CPUID as the processor answers, regs = EAX EBX ECX EDX. */
void arch_cpuid(u32 leaf, u32 subleaf, u32 regs[4]);

/* The time-stamp counter, no offset or ratio applied. */
u64 arch_tsc(void);

/* Raises a fixed interrupt on a processor's physical local APIC: its root VP gets it. */
void arch_interrupt(struct cpu *cpu, u8 vector);

/* Bytes to the report port. */
void arch_console_write(const char *text, u32 count);

/* ---- Memory ---- */

/* The hypervisor's pointer to a page of RAM. */
void *arch_page(hpa_t page);

/* Inverse of arch_page for a page that the hypervisor owns. */
hpa_t arch_page_hpa(const void *page);

/*
 * Fills and copies of whole pages or less. They may touch guest memory that
 * others write at the same time. Destination and source do not overlap, unless
 * a parent has a page in both roles (as the block of a call and as a page of
 * its child): then what arrives is undefined, and nothing else happens.
 */
void arch_copy(void *to, const void *from, u64 bytes);
void arch_fill(void *to, u64 word, u64 words);

static inline void arch_zero_page(void *page)
{
	arch_fill(page, 0, PAGE_SIZE / 8);
}

/* ---- Guest-physical address spaces: second-level tables ---- */

#define ARCH_READ 1u
#define ARCH_WRITE 2u
#define ARCH_EXECUTE 4u

/* Embedded in a partition; its table pages come from its pool. */
struct arch_space {
	hpa_t top;         /* the PML4 page */
	struct pool *pool; /* where table pages come from and go to */
	bool identity;     /* the root's: holes may become large pages again */
	bool stale;        /* a processor may have cached what has changed */
	hpa_t retired;     /* tables that it may still walk: a list */
};

struct arch_mapping {
	hpa_t page;
	u32 rights; /* ARCH_READ | ARCH_WRITE | ARCH_EXECUTE */
};

/* False: the pool has no page for the top table. */
bool arch_space_init(struct arch_space *space, struct pool *pool,
                     bool identity);

/*
 * Changes of a space are done when it has been flushed: until then a processor
 * may go on by the old ones. So a page that was taken out is used, zeroed or handed
 * over behind a flush only; and many changes need but one.
 */

/*
 * Maps one 4-KiB page, replacing what was there. False: the pool is dry, and
 * nothing changed.
 */
bool arch_space_map(struct arch_space *space, gpa_t gpa, hpa_t page,
                    u32 rights);

/*
 * The root's identity map of [base, base + size), multiples of 4 KiB, in the
 * largest pages and with the memory types of the MTRRs. False: pool dry.
 */
bool arch_space_map_identity(struct arch_space *space, u64 base, u64 size);

/*
 * Takes one page out; the tables that are empty then are the pool's again behind
 * the flush. In the root's space this may have to split a large page;
 * false: the pool has no page for that, nothing changed.
 */
bool arch_space_unmap(struct arch_space *space, gpa_t gpa);

/* Pages for tables that arch_space_map would take from the pool for gpa. */
u32 arch_space_missing(const struct arch_space *space, gpa_t gpa);

/* The page that gpa is mapped to; false: none. */
bool arch_space_lookup(const struct arch_space *space, gpa_t gpa,
                       struct arch_mapping *mapping);

/*
 * The same for many pages near one another. The cursor, all zero at first, is
 * good as long as nothing is mapped or unmapped in the space.
 */
struct arch_cursor {
	u64 region;
	u64 *table;
};
bool arch_space_lookup_near(const struct arch_space *space,
                            struct arch_cursor *cursor, gpa_t gpa,
                            struct arch_mapping *mapping);

/*
 * How many pages from gpa on, `most` at most, were found to be mapped with the same
 * rights; there may be more. 0: gpa is not mapped. The mapping is that of the first.
 */
u32 arch_space_run_near(const struct arch_space *space,
                        struct arch_cursor *cursor, gpa_t gpa, u32 most,
                        struct arch_mapping *mapping);

/*
 * Looks up and marks a 4-KiB page, or takes its mark away; true: it had one. No
 * rights: it is not mapped. The processor knows nothing of marks, and a page that is
 * mapped anew has none.
 */
bool arch_space_mark_near(struct arch_space *space, struct arch_cursor *cursor,
                          gpa_t gpa, bool marked, struct arch_mapping *mapping);

/*
 * Moves *gpa up to the first mapped page at or above it. Looks at no more than
 * *budget table entries and counts them off; budget 0 on return with
 * ARCH_NEXT_AGAIN: go on from *gpa.
 */
enum arch_next { ARCH_NEXT_FOUND, ARCH_NEXT_END, ARCH_NEXT_AGAIN };
enum arch_next arch_space_next(const struct arch_space *space, gpa_t *gpa,
                               struct arch_mapping *mapping, u32 *budget);

/*
 * Gives table pages back to the pool, a bounded number a call; all mappings
 * must be gone or forgotten. True: all done, the space is dead.
 */
bool arch_space_free(struct arch_space *space, u32 *budget);

/*
 * No processor uses old entries any more; tables that went come back to the pool.
 * Costs nothing where no entry changed that a processor can have cached: a page
 * that is mapped where nothing was needs no flush (SDM 28.3.2).
 */
void arch_space_flush(struct arch_space *space);

/* ---- Virtual processors ---- */

/* Makes vp->pages[VP_PAGE_CONTROL] what the processor runs a child VP by. Its state is dirty. */
void arch_vp_init(struct vp *vp);

/* No processor holds anything of the VP any more; its pages may be reused. */
void arch_vp_free(struct vp *vp);

/* Hardware -> vp->state: these parts (enum vp_part), which are not cached. */
void arch_vp_capture(struct vp *vp, u32 parts);

/*
 * vp->state -> hardware: the parts that are dirty. Cannot fail: the state was
 * checked (vp_state.h).
 */
void arch_vp_apply(struct vp *vp);

/*
 * The rules that a state must obey to be entered (vp_rules.h): count of them. Whoever
 * breaks one would be refused by the processor, so it is never let that far.
 */
const struct vp_rule *arch_vp_rules(u32 *count);

/*
 * What the overlay of the hypercall page shows (TLFS 3.13): one page for all
 * partitions, which nobody can write. The instruction is the processor's.
 */
const void *arch_hypercall_page(void);

/*
 * Makes sure that vp is not running, wherever it runs, before it returns. Its exit may not
 * have been seen to yet: what is changed behind that is what is not in hardware, and
 * comes behind the exit, as any event does.
 */
void arch_vp_kick(struct vp *vp);

/*
 * The VP is this processor's to look at and to change, all of its state: its own has let
 * it go. False: it has been asked to, and the VP does not run meanwhile; the caller comes
 * again, with what it is about begun anew.
 */
bool arch_vp_take(struct vp *vp);

/*
 * The VP is the other processor's from now on: this one, whose it was, which has somebody else
 * to enter, lets it go, and that one has nothing of it that is older.
 */
void arch_vp_move(struct vp *vp, struct cpu *to);

/* The processor leaves its guest and looks at all anew, soon. Nothing if it is this one. */
void arch_cpu_kick(struct cpu *cpu);

/*
 * Gives the lock of the machine away, which this processor has in all of hv/, and takes it
 * again. In between the others do anything that they may.
 */
void arch_unlock(void);
void arch_lock(void);

#endif
