/*
 * A forked child that writes down each exception and interrupt that it takes, with
 * what its handler finds. Its function runs at CPL 0 in long mode, on descriptor
 * tables of its own; the parent reads afterwards what it has written.
 */
#ifndef GUEST_LIB_WITNESS_H
#define GUEST_LIB_WITNESS_H

#include "include/x86_apic.h"
#include "tests/guest/lib/child.h"

#define WITNESS_PORT 0x80
#define WITNESS_DONE 0xd0e
#define WITNESS_RECORDS 32
#define WITNESS_VECTOR 0x40 /* an interrupt of its own */
#define WITNESS_APIC LAPIC_BASE_RESET

struct witness_record {
	u64 vector;
	u64 error; /* of those that have one */
	u64 rip;   /* of the frame, as RFLAGS */
	u64 flags;
	u64 dr6; /* written back as 0xffff0ff0 */
	u64 dr7;
};

/* One, in the program and in each copy of it. */
struct witness {
	u32 count;
	u32 steps;  /* #DBs that leave TF, the next one clears it */
	u64 resume; /* where a fault goes on, once */
	bool rf;    /* #DB's handler returns with RF set */
	struct witness_record record[WITNESS_RECORDS];
	u64 at[8]; /* addresses and values that the child's function found */
};
extern struct witness witness;

/* ---- In the child ---- */

/* Before anything else. */
void witness_begin(void);

/* Its gates of these vectors go to IST 1, so to this stack. */
void witness_use_stack(u32 vector, u64 top);

/* The end, as a value for the parent. */
void witness_end(void);

/* ---- In the parent ---- */

/* The APIC's page is mapped. Not running yet. */
bool witness_create(struct child *c, void (*function)(u64 a, u64 b), u64 a);

/* It runs to witness_end. */
bool witness_finish(struct child *c);

/* The same from witness_create on. */
bool witness_run(struct child *c, void (*function)(u64 a, u64 b), u64 a);

struct witness *witness_of(const struct child *c);

/* What it wrote of its event number i. */
const struct witness_record *witness_record(const struct child *c, u32 i);

/* It met so many; else the case has failed, and the log has those it met. */
bool witness_count_is(const struct child *c, u32 count);

/* What it wrote, for whoever reads the log. */
void witness_print(const struct child *c);

#define WITNESS_TF_ON "pushfq; orq $0x100, (%%rsp); popfq\n\t"
#define WITNESS_TF_OFF "pushfq; andq $~0x100, (%%rsp); popfq\n\t"

static inline void witness_set_dr0(u64 value)
{
	__asm__ volatile("mov %0, %%dr0" : : "r"(value));
}

static inline void witness_set_dr7(u64 value)
{
	__asm__ volatile("mov %0, %%dr7" : : "r"(value) : "memory");
}

#endif
