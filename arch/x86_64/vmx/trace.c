/*
 * Which of the root's MSRs the processor exchanges at its exits and entries, by
 * table. No hardware in here.
 */
#include "arch/x86_64/vmx/trace.h"

#include "arch/x86_64/vmx/vmx.h"
#include "include/x86.h"
#include "include/x86_msr.h"

#define SET(m) (1u << (m))
#define EXCHANGED (SET(TRACE_MSRS) - 1)

/* Exits of the root, all with 0, until an MSR is no longer exchanged. */
#define QUIET 1000u

static const u32 msrs[TRACE_MSRS] = {
	[TRACE_PEBS] = MSR_IA32_PEBS_ENABLE,
	[TRACE_BRANCHES] = MSR_IA32_LBR_CTL,
	[TRACE_PACKETS] = MSR_IA32_RTIT_CTL,
	[TRACE_COUNTERS] = MSR_IA32_PERF_GLOBAL_CTRL,
};

/*
 * A write of what brings what into use, where `needs` is there. Records stop with
 * their counters, but only PEBS_ENABLE ends one that has been begun.
 */
static const struct {
	u32 msr;
	u32 needs;
	u32 uses;
} triggers[] = {
	{ MSR_IA32_PERF_GLOBAL_CTRL, SET(TRACE_COUNTERS), SET(TRACE_COUNTERS) },
	{ MSR_IA32_PEBS_ENABLE, SET(TRACE_PEBS),
	  SET(TRACE_PEBS) | SET(TRACE_COUNTERS) },
	{ MSR_IA32_PEBS_BASE, SET(TRACE_ARCH_PEBS), SET(TRACE_COUNTERS) },
	{ MSR_IA32_RTIT_CTL, SET(TRACE_PACKETS), SET(TRACE_PACKETS) },
	{ MSR_IA32_LBR_CTL, SET(TRACE_BRANCHES), SET(TRACE_BRANCHES) },
};

/* Supervisor components of XSAVE that hold one of the MSRs (SDM 13.5). */
static const struct {
	u32 component;
	u32 uses;
} components[] = {
	{ 8, SET(TRACE_PACKETS) },
	{ 15, SET(TRACE_BRANCHES) },
};

/* ---- What is there ---- */

#define EAX_23_PEBS (BIT(4) | BIT(5)) /* subleaves of architectural PEBS */
#define GLOBAL_CTRL_VERSION 2u        /* of leaf 0AH EAX 7:0 (SDM 18.2.2) */

u32 trace_find(const struct trace_words *w)
{
	bool counters = (w->leaf_a_eax & 0xff) >= GLOBAL_CTRL_VERSION;
	u32 there = 0;

	if (counters)
		there |= SET(TRACE_COUNTERS);
	if (counters && (w->leaf_1_edx & CPUID_1_EDX_DS) &&
	    !(w->misc_enable & MISC_ENABLE_NO_PEBS))
		there |= SET(TRACE_PEBS);
	if (counters && (w->leaf_23_eax & EAX_23_PEBS))
		there |= SET(TRACE_ARCH_PEBS);
	if ((w->leaf_7_ebx & CPUID_7_EBX_PT) && (w->vmx_misc & VMX_MISC_TRACE))
		there |= SET(TRACE_PACKETS);
	if (w->leaf_7_edx & CPUID_7_EDX_ARCH_LBR)
		there |= SET(TRACE_BRANCHES);
	return there;
}

/* ---- The lists ---- */

/* Its value until now, which is the processor's while it is not exchanged. */
/* From then on the processor's own is 0, until an entry of the root loads it. */
static u64 take_value(const struct trace *t, u32 msr)
{
	u64 value = 0;

	for (u32 i = 0; i < t->count; i++)
		if (t->root[i].msr == msr)
			return t->root[i].value;
	if (trace_read(msr, &value))
		trace_write(msr, 0);
	return value;
}

/* What counts is the last to go on and the first to stop. */
static void exchange(struct trace *t, u32 set)
{
	struct trace next = { .there = t->there, .in_use = set };
	u32 at;

	/* The lists run in opposite ways: what counts stops first and starts last. */
	for (u32 i = TRACE_MSRS; i-- > 0;)
		if (set & SET(i))
			next.none[next.count++].msr = msrs[i];
	for (u32 i = 0; i < next.count; i++) {
		at = next.count - 1 - i;
		next.root[at].msr = next.none[i].msr;
		next.root[at].value = take_value(t, next.none[i].msr);
	}
	*t = next;
	trace_changed(t);
}

/* True: something of it had not been exchanged. */
/* What is not there, or is no MSR of a list, is left out. */
static bool use(struct trace *t, u32 set)
{
	set &= t->there & EXCHANGED & ~t->in_use;
	if (set)
		exchange(t, t->in_use | set);
	return set;
}

void trace_begin(struct trace *t, u32 there)
{
	u32 on = 0;
	u64 value;

	*t = (struct trace){ .there = there };
	for (u32 i = 0; i < TRACE_MSRS; i++) {
		if (!(there & SET(i)))
			continue;
		if (!trace_read(msrs[i], &value))
			t->there &= ~SET(i);
		else if (value && i != TRACE_COUNTERS)
			on |= SET(i);
	}
	/* Records stop with their counters: both are exchanged, or neither. */
	if (on & SET(TRACE_PEBS))
		on |= SET(TRACE_COUNTERS);
	if (!use(t, on))
		trace_changed(t);
}

void trace_end(struct trace *t)
{
	for (u32 i = 0; i < t->count; i++)
		trace_write(t->root[i].msr, t->root[i].value);
	/* The processor has them again: no list may load them over that. */
	t->count = t->in_use = 0;
}

void trace_poll(struct trace *t)
{
	u64 any = 0;

	for (u32 i = 0; i < t->count; i++)
		any |= t->root[i].value;
	t->quiet = any ? 0 : t->quiet + 1;
	if (t->quiet == QUIET)
		exchange(t, 0); /* both have 0: the processor's is the root's */
}

/* ---- What exits ---- */

bool trace_exits(const struct trace *t, u32 msr)
{
	for (u32 i = 0; i < ARRAY_LEN(triggers); i++)
		if (triggers[i].msr == msr && (triggers[i].needs & t->there))
			return triggers[i].uses & t->there & ~t->in_use;
	return false;
}

/* By index, so that the door need not know the table. */
bool trace_trigger(u32 index, u32 *msr)
{
	if (index < ARRAY_LEN(triggers))
		*msr = triggers[index].msr;
	return index < ARRAY_LEN(triggers);
}

bool trace_written(struct trace *t, u32 msr)
{
	for (u32 i = 0; i < ARRAY_LEN(triggers); i++)
		if (triggers[i].msr == msr && (triggers[i].needs & t->there))
			return use(t, triggers[i].uses);
	return false;
}

bool trace_xsaves(struct trace *t)
{
	return use(t, SET(TRACE_PACKETS) | SET(TRACE_BRANCHES));
}

u64 trace_xss(const struct trace *t)
{
	u64 bits = 0;

	for (u32 i = 0; i < ARRAY_LEN(components); i++)
		if (components[i].uses & t->there & ~t->in_use)
			bits |= BIT(components[i].component);
	return bits;
}
