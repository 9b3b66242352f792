/*
 * The books of the machine (tests/books), in the image for tests.
 */
#ifndef TALLY_AUDIT_H
#define TALLY_AUDIT_H

#include "tests/books/books.h"

struct cpu;
struct vp;

/*
 * Goes through all of them: what is wrong is said in the report of a failed CHECK.
 * How many pages are the hypervisor's; 0: this machine has more RAM than there is room
 * for.
 */
u64 audit_machine(void);

/* ---- Between its files ---- */

/* All processors, behind the books: pages have their uses. */
void audit_cpus(struct books *b);

/* Of one what is its vendor's (audit_vmx.c, _svm.c). */
void audit_vendor(struct books *b, struct cpu *cpu);

/* NULL, or a VP that is bound to this processor. */
bool audit_is_its_vp(const struct books *b, const struct cpu *cpu,
                     const struct vp *vp);

#endif
