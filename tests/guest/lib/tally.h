/*
 * The counters of a build for tests (tests/tally), as the root asks for them:
 * VMCALL with RCX = TALLY_CALL, RDX = what is asked for; the answer is in RAX.
 *
 * They are kept by the turn: from a VM exit to the next VM entry. A question is
 * itself a turn, which is not counted.
 */
#ifndef GUEST_TALLY_H
#define GUEST_TALLY_H

#include "include/types.h"

#define TALLY_CALL 0x7fffu

/*
 * And as any program may ask, the root's or a child's, how many turns of a sort there were:
 * CPUID with this in the upper half of ECX and the sort below; the answer is in EBX.
 */
#define TALLY_CPUID_ASKS 0x5441u

/* Why the hypervisor below had to be entered (docs/testing.md). */
enum tally_kind {
	TALLY_ENTRY, /* VMLAUNCH or VMRESUME itself */
	TALLY_VMREAD,
	TALLY_VMWRITE,
	TALLY_VMPTRLD,
	TALLY_VMCLEAR,
	TALLY_INVEPT,
	TALLY_INVVPID,
	TALLY_CPUID,
	TALLY_RDMSR,
	TALLY_WRMSR,
	TALLY_XSETBV,
	TALLY_DEBUG, /* MOV DR */
	TALLY_OTHER,
	TALLY_KINDS
};

/* Turns of one sort: the exit's reason, and whether a child left, is entered. */
#define TALLY_REASONS 128u
#define TALLY_FROM_CHILD 128u
#define TALLY_TO_CHILD 256u
#define TALLY_TURNS 512u
/*
 * From a child's exit with this reason to the next entry of a child, without
 * the entries of the root's own turns in between.
 */
#define TALLY_TRIP 512u
#define TALLY_SWITCH 640u /* the world switch of a turn, alone */
#define TALLY_ALL 641u    /* all turns */
#define TALLY_SORTS 642u

enum tally_figure {
	TALLY_COUNT, /* how many there were */
	TALLY_EXITS, /* all exits below in them */
	TALLY_LEAST,
	TALLY_MOST,
	TALLY_OF_KIND /* and more: one for each kind */
};

#define TALLY_RESET ~0ull
/* Not of counters: the books (tests/books) are gone through. What is wrong in them stops
 * the hypervisor; else the answer is how many pages it has, 0: there is too much RAM. */
#define TALLY_AUDIT (~0ull - 1)
#define TALLY_QUESTION(sort, figure) ((u64)(sort) << 8 | (u64)(figure))

/* Of the root: all figures to zero; one of them; all of a sort, as a line. */
void tally_reset(void);
u64 tally_audit(void);
u64 tally_ask(u32 sort, u32 figure);
void tally_say(const char *name, u32 sort);

#endif
