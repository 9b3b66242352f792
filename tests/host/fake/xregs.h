/*
 * A processor's state components as the SDM has them (volume 1, chapter 13), and not
 * one bit kinder: a component is one number here, 0 its initial state, which fills
 * its place in an XSAVE area. Faults are failures of the test.
 */
#ifndef FAKE_XREGS_H
#define FAKE_XREGS_H

#include "include/types.h"

/* What becomes of a component in use whose bit in XCR0 goes: nobody promises. */
enum fake_lost { FAKE_KEEPS, FAKE_LOSES, FAKE_SPOILS, FAKE_LOST };

struct fake_xregs {
	u64 xcr0;
	u64 xfd;
	u64 supported; /* user components of this processor */
	u64 value[64];
	u64 pointers; /* of the last x87 instruction */
	bool pointers_stay; /* no exception waits: they are neither saved nor loaded */
	enum fake_lost lost;
	/* Counted since a test cleared them. */
	u32 xsetbvs;
	u32 xfd_reads;
	u32 clears; /* of the x87 */
	u32 saves;
	u32 loads;
	u64 moved; /* components that these named */
};
extern struct fake_xregs fake_xregs;

/* All initial, XCR0 has x87 alone; `supported` as CPUID says. */
void fake_xregs_reset(void);

/* XSETBV of a guest: the same checks. */
void fake_xregs_xsetbv(u64 value);

#endif
