/*
 * The leak child: a VP with everything in use, and one with everything else in
 * use. It stands still at an OUT with all of its registers full; then it writes
 * all that it can read of itself to its memory, and ends with another OUT.
 */
#ifndef CHILD_LEAK_H
#define CHILD_LEAK_H

#include "include/types.h"

/* Its memory; the parent's page tables for it are in the last three pages. */
#define LEAK_SEEN 0x800ull
#define LEAK_IMAGE 0x1000ull
#define LEAK_ASSIST 0x6000ull
#define LEAK_STACK 0x8000ull
#define LEAK_XSAVE 0x9000ull     /* loaded before it stands still */
#define LEAK_XSAVE_GOT 0xa000ull /* and stored behind that */
#define LEAK_DUMP 0xb000ull      /* registers, a u64 each */
#define LEAK_SIM_COPY 0xc000ull  /* what the overlays show, three pages */
#define LEAK_TIMES 0xf000ull     /* what goes on by itself: not compared */
#define LEAK_OVERLAYS 0x18000ull /* four pages for each role */
#define LEAK_PAGES 35

#define LEAK_PORT_STILL 0x80
#define LEAK_PORT_END 0x81
#define LEAK_SINT_TIMER 3 /* of a message that waits for its slot */
#define LEAK_SINT_PORT 6

enum leak_role {
	LEAK_RICH,  /* sets all it can */
	LEAK_OTHER, /* sets all it can, to other values */
	LEAK_PLAIN, /* sets nothing */
	LEAK_ROLES
};

/* Filled by the parent: the first two. At LEAK_SEEN. */
struct leak_seen {
	u64 role;     /*   0 */
	u64 x2apic;   /*   8 it switches its APIC to that mode */
	u64 rsp;      /*  16 its own, while it stands still */
	u64 xsave;    /*  24 components here, 0: no XSAVE */
	u64 load;     /*  32 LEAK_XSAVE is loaded */
	u64 cr4;      /*  40 as found behind */
	u64 xcr0;     /*  48 likewise */
	u64 give[17]; /*  56 RAX RCX RDX RBX RSP to R15, RFLAGS */
	u64 got[17];  /* 192 as found behind */
};

/* In LEAK_TIMES. */
struct leak_times {
	u64 tsc;
	u64 reference;
	u64 runtime;
	u64 count; /* of the APIC's timer, in x2APIC mode */
};

#endif
