/*
 * The processor's registers of XSAVE and its instructions, as functions: the tests'
 * processor (tests/host/fake/xregs.c) has components that no emulator has.
 */
#ifndef ARCH_XREGS_H
#define ARCH_XREGS_H

#include "include/types.h"

/* XCR0. Writing it is an exit under another hypervisor. */
u64 xregs_xcr0(void);
void xregs_set_xcr0(u64 value);

/*
 * Components of XCR0 that may not be in their initial state: XGETBV with ECX 1
 * (SDM vol. 1, 13.6), where CPUID.D.1:EAX[2] says that there is that.
 */
u64 xregs_in_use(void);

/* Components that are disabled by XFD (SDM vol. 1, 13.14), where there is that. */
u64 xregs_disabled(void);

/*
 * XSAVE and XRSTOR of these components, area at a multiple of 64. Those that XCR0
 * does not have are left out; see is_long in switch.c.
 */
void xregs_save(void *area, u64 components, bool is_long);
void xregs_load(const void *area, u64 components, bool is_long);

/* FNINIT: the x87 as after a reset, FOP, FIP and FDP 0. */
void xregs_clear_x87(void);

/* FXSAVE and FXRSTOR, of a processor without XSAVE. */
void xregs_save_legacy(void *area, bool is_long);
void xregs_load_legacy(const void *area, bool is_long);

#endif
