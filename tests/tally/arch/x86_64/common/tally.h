/*
 * Stands in for arch/x86_64/common/tally.h in the image for tests, and says what is an
 * exit to the hypervisor below. See docs/testing.md.
 */
#ifndef ARCH_TALLY_H
#define ARCH_TALLY_H

#include "hv/base/addr.h"
#include "tests/guest/lib/tally.h"

struct arch_space;
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

/* held.c */
void tally_vmclear(hpa_t page);
void tally_vmptrld(hpa_t page);
void tally_invept(u64 type, u64 what);
void tally_invvpid(u64 type, u64 what);
void tally_vmcs_written(hpa_t page);
void tally_space_changed(const struct arch_space *space);
void tally_space_flushed(const struct arch_space *space);
void tally_table_freed(const struct arch_space *space);
void tally_space_new(const struct arch_space *space);
void tally_vp_new(const struct vp *vp);
void tally_vp_gone(const struct vp *vp);
void tally_leave(void);
void tally_ended(void);

/* planted.c */
void tally_begin(u32 fault);

static inline void tally_free(void)
{
}

static inline void tally_vmxon(hpa_t page)
{
	(void)page;
	tally_add(TALLY_OTHER);
}

#define TALLY_ALWAYS(name, kind)      \
	static inline void name(void) \
	{                             \
		tally_add(kind);      \
	}

TALLY_ALWAYS(tally_cpuid, TALLY_CPUID)
TALLY_ALWAYS(tally_xsetbv, TALLY_XSETBV)
TALLY_ALWAYS(tally_other, TALLY_OTHER)

#endif
