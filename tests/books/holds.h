/*
 * The books of what processors hold of guests: which VMCS each of them has, and whether
 * translations that it may still have cached are of tables as they are. Everything that
 * fills, changes or drops is written down, and each entry asks. By the rules of the SDM
 * (24.11, 28.3.3) and the APM (15.16), for the processor that keeps all that it may keep:
 * what an emulator flushes by itself, these do not.
 *
 * In a machine tests/tally has one of them, under the machine's lock; a unit test has its
 * own. A function that can find something wrong answers with what that is, else NULL.
 */
#ifndef HOLDS_H
#define HOLDS_H

#include "include/types.h"

/* Machines of the tests have no more; of others nothing is written down. */
#define HOLDS_CPUS 8u
#define HOLDS_VMCSS 1024u
#define HOLDS_SPACES 1024u
#define HOLDS_VPS 4097u /* VPIDs are below */
#define HOLDS_ASIDS 64u

/* Of a time, 0 is never. */
typedef u64 holds_time;

struct holds_vmcs {
	u64 page;     /* 0: no entry */
	u8 active_on; /* index and 1; 0: with none */
	bool clear;   /* VMCLEAR has seen it since it was written */
	bool launched;
};

/* What of a guest decides how it translates, and is known to us at exit and entry. */
struct holds_paging {
	u64 cr0, cr3, cr4;
};

/* What translations come from. */
struct holds_source {
	u64 key; /* of a space its top table, 0: no entry */
	holds_time changed;
	holds_time
		filled[HOLDS_CPUS]; /* since this the processor may have some */
	holds_time dropped[HOLDS_CPUS];
};

struct holds_space {
	struct holds_source source;
	bool unflushed; /* changed, and still to be flushed */
};

struct holds_vp {
	struct holds_source source;
	struct holds_paging paging; /* when it was in a guest last, */
	u8 ran_on;                  /* on this processor */
};

/* SVM names all translations of a guest by one number. */
struct holds_asid {
	u64 space;
	u32 vp;
	holds_time filled, dropped;
};

struct holds {
	holds_time now;
	u32 unflushed;                         /* spaces */
	struct holds_vmcs *loaded[HOLDS_CPUS]; /* the current one, or NULL */
	holds_time all_dropped[HOLDS_CPUS];
	holds_time linear_dropped[HOLDS_CPUS];
	struct holds_vmcs vmcs[HOLDS_VMCSS];
	struct holds_space spaces[HOLDS_SPACES];
	struct holds_vp vps[HOLDS_VPS];
	struct holds_asid asids[HOLDS_CPUS][HOLDS_ASIDS];
};

/* ---- VMCSs: by the address of their page ---- */

const char *holds_vmclear(struct holds *h, u32 cpu, u64 page);
const char *holds_vmptrld(struct holds *h, u32 cpu, u64 page);

/* Its page was written by us, not by VMWRITE. */
const char *holds_written(struct holds *h, u64 page);

/* The page is to be somebody else's. */
const char *holds_freed(struct holds *h, u64 page);

/* The processor has left VMX operation (24.11.1): none may be active on it. */
const char *holds_ended(const struct holds *h, u32 cpu);

/* Before VMLAUNCH or VMRESUME of it; and behind an exit, so that it was entered. */
const char *holds_run(const struct holds *h, u32 cpu, u64 page, bool resume);
void holds_has_run(struct holds *h, u32 cpu);

/* ---- Translations: of a space, by its top table, and of a VP ---- */

/* An entry that the processor may have used is another now. */
void holds_changed(struct holds *h, u64 space);

/* Its pages may be given away: `inside` says whether a processor is in a guest of it. */
const char *holds_flushed(struct holds *h, u64 space, bool inside);

/* It is another one than had this top table before. */
void holds_new_space(struct holds *h, u64 space);

/* A table of it was freed, which none may walk any more. */
const char *holds_table_freed(struct holds *h, u64 space, bool inside);

/* The lock is given away. */
const char *holds_leave(const struct holds *h);

/* The VP is another one than had this VPID before. */
void holds_new_vp(struct holds *h, u32 vp);

/* INVEPT of one space, of all; INVVPID of one VP, of all. */
void holds_drop_space(struct holds *h, u32 cpu, u64 space);
void holds_drop_all(struct holds *h, u32 cpu);
void holds_drop_vp(struct holds *h, u32 cpu, u32 vp);
void holds_drop_vps(struct holds *h, u32 cpu);

/* Behind an exit. */
void holds_exited(struct holds *h, u32 vp, const struct holds_paging *p);

/* Before an entry by VT-x; without VPIDs each entry drops what is linear. */
const char *holds_enter_vpid(struct holds *h, u32 cpu, u64 space, u32 vp,
                             const struct holds_paging *p, bool has_vpids);

/* Before an entry by SVM, with what TLB_CONTROL drops. */
enum holds_drop { HOLDS_DROP_NONE, HOLDS_DROP_ASID, HOLDS_DROP_ALL };
const char *holds_enter_asid(struct holds *h, u32 cpu, u64 space, u32 vp,
                             const struct holds_paging *p, u32 asid,
                             enum holds_drop drop);

#endif
