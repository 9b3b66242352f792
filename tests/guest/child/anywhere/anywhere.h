/*
 * The anywhere child: real mode, protected mode, virtual-8086 mode, long mode,
 * compatibility mode and back, over and over, with every event that it can make
 * by itself. What it sees goes into a digest, which depends on nothing but the
 * number of episodes. The words of anywhere.inc are the same.
 */
#ifndef CHILD_ANYWHERE_H
#define CHILD_ANYWHERE_H

#include "include/types.h"

/* Its memory; page 0 has the vectors of real mode and what is seen. */
#define ANYWHERE_SEEN 0x500ull
#define ANYWHERE_IMAGE 0x1000ull
#define ANYWHERE_LOG 0x4400ull   /* up to the guard: what was seen lately */
#define ANYWHERE_GUARD 0x7000ull /* a stack that the parent protects */
#define ANYWHERE_MARKS 0xa000ull /* the digest after so many episodes */
#define ANYWHERE_XSAVE 0xb000ull
#define ANYWHERE_TABLES 0xc000ull
#define ANYWHERE_PAGES 16

#define ANYWHERE_MARKS_MAX 512u

/* OUT to these is the parent's. */
#define ANYWHERE_PORT_END 0x90   /* the digest is complete */
#define ANYWHERE_PORT_GUARD 0x92 /* the guard page: no writes from now on */
#define ANYWHERE_PORT_HIDE 0x93  /* the guard page: no access from now on */

enum anywhere_level {
	ANYWHERE_FXSAVE,
	ANYWHERE_XSAVE_SSE,
	ANYWHERE_AVX,
	ANYWHERE_AVX512,
};

/*
 * The parent fills episodes, mark_every, use_x2apic, tf, no_nmis,
 * dr7_code1 and no_limits; the rest is zero.
 */
struct anywhere_seen {
	u64 episodes;   /*  0 */
	u64 episode;    /*  8 */
	u64 digest;     /* 16 */
	u64 seed;       /* 24 */
	u32 use_x2apic; /* 32 */
	u32 level;      /* 36 enum anywhere_level */
	u32 log_at;     /* 40 */
	u32 resume_at;  /* 44 where a fault goes on */
	u32 steps;      /* 48 single steps until TF goes */
	u32 depth;      /* 52 of handlers */
	u32 nmis;       /* 56 of this round */
	u32 count;      /* 60 with which the string instruction began */
	u32 live;       /* 64 all registers of this level hold values */
	u32 hides;      /* 68 the next IRETQ shall not find its stack */
	u32 back_at;    /* 72 from user mode */
	u32 back_stack; /* 76 */
	u64 xcr0;       /* 80 */
	u64 mark_every; /* 88 episodes */
	u32 wakes;      /* 96 interrupts of the timer */
	u32 overflows;  /* 100 of the log: there must be none */
	u32 tf;         /* 104 RFLAGS.TF, or 0: it does not single-step */
	u32 no_nmis;    /* 108 it sends itself none */
	u32 dr7_code1;  /* 112 DR1 is for execution, or nothing is */
	u32 no_limits;  /* 116 nothing behind a segment's end is touched */
};
_Static_assert(sizeof(struct anywhere_seen) == 120, "anywhere.inc");

#endif
