/*
 * The root's accesses to its local APIC, where they exit: with more than one processor, for
 * what starts others (startup.h), or as the vendor wants it for a timer of its own. In xAPIC
 * mode the page is hidden then; in x2APIC mode the MSRs that matter exit.
 */
#ifndef ARCH_ROOT_APIC_H
#define ARCH_ROOT_APIC_H

#include "arch/x86_64/common/exits.h"

/*
 * The page at this place is hidden from the root. One that was hidden earlier need not be
 * given back: nothing is mapped there, and to whoever looks there it comes as a device's
 * (hv/run/exit.c). False: no memory for that.
 */
bool root_apic_hide(u64 base);

/*
 * Before the first entry, of so many processors: where there are others the firmware sends
 * them INIT also when they are entered already. False: as above.
 */
bool root_apic_begin(u32 processors);

/* Hidden again, after anything that may have mapped it; where it cannot be the log says so. */
void root_apic_hide_again(void);

/* Is this an access to the page, and that is hidden? Then it is carried out. */
bool root_apic_is_page(u64 gpa);
enum exit_outcome root_apic_access(struct vp *root, u64 gpa);

/* WRMSR of x2APIC's ICR. False: #GP. */
bool root_apic_write_icr(u64 icr);

#endif
