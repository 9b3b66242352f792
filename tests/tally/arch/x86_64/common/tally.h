/*
 * Stands in for arch/x86_64/common/tally.h in the image for tests, and says what is an
 * exit to the hypervisor below. See docs/testing.md.
 */
#ifndef ARCH_TALLY_H
#define ARCH_TALLY_H

#include "include/types.h"
#include "tests/guest/lib/tally.h"

struct vp;

/* tally.c */
void tally_add(enum tally_kind kind);
void tally_vmread(u64 field);
void tally_vmwrite(u64 field);
void tally_rdmsr(u32 msr);
void tally_wrmsr(u32 msr);
void tally_debug_register(void);
void tally_exit(struct vp *vp, u32 reason);
void tally_switch_begin(void);
void tally_switch_end(void);
void tally_enter(const struct vp *vp);
bool tally_call(struct vp *vp);

/* planted.c */
void tally_begin(u32 fault);

static inline void tally_free(void)
{
}

#define TALLY_ALWAYS(name, kind)      \
	static inline void name(void) \
	{                             \
		tally_add(kind);      \
	}

TALLY_ALWAYS(tally_vmxon, TALLY_OTHER)
TALLY_ALWAYS(tally_vmclear, TALLY_VMCLEAR)
TALLY_ALWAYS(tally_vmptrld, TALLY_VMPTRLD)
TALLY_ALWAYS(tally_invept, TALLY_INVEPT)
TALLY_ALWAYS(tally_invvpid, TALLY_INVVPID)
TALLY_ALWAYS(tally_cpuid, TALLY_CPUID)
TALLY_ALWAYS(tally_xsetbv, TALLY_XSETBV)
TALLY_ALWAYS(tally_other, TALLY_OTHER)

#endif
