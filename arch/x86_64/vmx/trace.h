/*
 * What the root has its processor write down of what runs: counters with their
 * records (PEBS), processor trace, last branches. It goes on through a VM exit (SDM
 * 27.5 clears DEBUGCTL, so branches by it, and BTS, end there); a PEBS record goes to
 * a linear address (17.4.9), which in us or in a child is another page.
 *
 * So while the root uses one of these MSRs the processor itself exchanges it: an exit
 * stores the root's value into an area and loads 0, an entry of the root loads it from
 * there (24.7.2, 24.8.2). In use is what the root has written, from its first write on,
 * which exits, until it was 0 for a long time. Before it, and behind it, nothing is
 * done at any exit. Lists and no "load IA32_PERF_GLOBAL_CTRL": all of the four have
 * them, on every processor; they need neither an RDMSR nor a VMWRITE at each exit,
 * which below another hypervisor are exits themselves; they keep what the processor
 * itself has changed (a PMI that freezes counters clears the MSR); and the control has
 * errata in the first processors that have it (AAK155, AAP115, AAT100).
 *
 * This part decides, and is compiled for the host too; trace_door.c does it.
 */
#ifndef ARCH_TRACE_H
#define ARCH_TRACE_H

#include "include/types.h"

/* In the order in which an entry loads them: what counts is started last. */
enum trace_msr {
	TRACE_PEBS,     /* IA32_PEBS_ENABLE */
	TRACE_BRANCHES, /* IA32_LBR_CTL */
	TRACE_PACKETS,  /* IA32_RTIT_CTL */
	TRACE_COUNTERS, /* IA32_PERF_GLOBAL_CTRL */
	TRACE_MSRS,
	/* No MSR that is exchanged: records whose base is IA32_PEBS_BASE. */
	TRACE_ARCH_PEBS = TRACE_MSRS
};

/* One of a list of MSRs (SDM table 24-12). */
struct trace_entry {
	u32 msr;    /* 0 */
	u32 rsvd_z; /* 4 */
	u64 value;  /* 8 */
};
_Static_assert(sizeof(struct trace_entry) == 16, "SDM table 24-12");

/* Of a logical processor, for its root VP. Sets: a bit for each enum trace_msr. */
struct trace {
	u32 there;
	u32 in_use;
	u32 count; /* entries of both lists */
	u32 quiet; /* exits of the root since one of them was not 0 */
	/* The root's: stored by its exits, loaded by its entries. */
	_Alignas(16) struct trace_entry root[TRACE_MSRS];
	/* Loaded by its exits: 0, what counts first. */
	struct trace_entry none[TRACE_MSRS];
};

/* Words by which a processor says what it has; 0 where there is no such word. */
struct trace_words {
	u32 leaf_1_edx;
	u32 leaf_7_ebx;
	u32 leaf_7_edx;
	u32 leaf_a_eax;
	u32 leaf_23_eax;
	u64 misc_enable; /* IA32_MISC_ENABLE */
	u64 vmx_misc;    /* IA32_VMX_MISC */
};

/* The MSRs that are there, as a set. No other is ever touched. */
u32 trace_find(const struct trace_words *w);

/*
 * Before the first entry of the root: what is on is exchanged from now on, with
 * the value that it has, and is 0. IA32_PERF_GLOBAL_CTRL alone is not: it is not 0
 * after a reset, where nothing counts yet.
 */
void trace_begin(struct trace *t, u32 there);

/* There will be no entry: each has its value again. */
void trace_end(struct trace *t);

/*
 * The root's WRMSR exits. True: it is executed again, with the MSR exchanged now
 * and its writes no exits, so the processor checks the value.
 */
bool trace_written(struct trace *t, u32 msr);

/* The same for XSAVES and XRSTORS, which reach some of the MSRs (SDM 13.5). */
bool trace_xsaves(struct trace *t);

/* Components of IA32_XSS by which XSAVES and XRSTORS are to exit (24.6.20). */
u64 trace_xss(const struct trace *t);

/* Does a write of this MSR exit? What trace_changed has to see to. */
bool trace_exits(const struct trace *t, u32 msr);

/* The MSRs of which that may be so: false behind the last. */
bool trace_trigger(u32 index, u32 *msr);

void trace_poll(struct trace *t);

/* Behind each exit of the root. In line: mostly there is nothing in use. */
static inline void trace_exited(struct trace *t)
{
	if (t->in_use)
		trace_poll(t);
}

/* ---- The door: trace_door.c, and a fake of the tests ---- */

/* False: the processor has no such MSR, whatever it says. */
bool trace_read(u32 msr, u64 *value);
void trace_write(u32 msr, u64 value);

/* The lists, or what exits, have changed. The root's VMCS is loaded. */
void trace_changed(const struct trace *t);

#endif
