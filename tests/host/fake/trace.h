/*
 * A processor with the MSRs of arch/x86_64/vmx/trace.h: its lists at exits and entries,
 * and books of who has touched what.
 */
#ifndef FAKE_TRACE_H
#define FAKE_TRACE_H

#include "arch/x86_64/vmx/trace.h"

#define FAKE_TRACE_MSRS 5

struct fake_trace {
	u64 value[FAKE_TRACE_MSRS]; /* in the processor, by fake_trace_msrs */
	bool missing[FAKE_TRACE_MSRS];
	bool exits[FAKE_TRACE_MSRS]; /* the root's writes of it */
	u64 xss;       /* components whose XSAVES and XRSTORS exit */
	u32 touched;   /* reads and writes by us */
	u32 changes;   /* of lists and bitmap */
	u32 exchanged; /* entries that lists have been walked over */
};

extern struct fake_trace fake_trace;
extern const u32 fake_trace_msrs[FAKE_TRACE_MSRS];

/* The place of an MSR in the table; another one fails the test. */
u32 fake_trace_at(u32 msr);

/* What the processor does by itself at an exit and at an entry of the root. */
void fake_trace_exit(struct trace *t);
void fake_trace_enter(const struct trace *t);

#endif
