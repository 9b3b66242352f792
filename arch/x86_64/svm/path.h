/*
 * The ways from linear addresses to the pages that they are in, as walks have found them. One
 * is remembered with what lies on it, so that the next walk to the same page compares instead
 * of looking each table up. No hardware in here: unit tests run it.
 */
#ifndef ARCH_SVM_PATH_H
#define ARCH_SVM_PATH_H

#include "arch/x86_64/svm/vmcb.h"
#include "hv/memory/gpa.h"
#include "include/types.h"

#define PATHS 4u      /* by the lowest bits of the page's number */
#define PATH_STEPS 4u /* tables of a walk */

struct path {
	u64 from; /* the linear address of the page, and the mode of the walk */
	u64 cr3;
	u64 changes;               /* of nested tables up to then */
	const u8 *page;            /* NULL: none that we may read */
	const u64 *at[PATH_STEPS]; /* words with the entries, from the top on */
	u64 word[PATH_STEPS];      /* as they were */
};

/* Of a VP, all 0 at first: they lead nowhere. */
struct paths {
	struct path path[PATHS];
};

/*
 * What is remembered of the page with a linear address, by the control registers in the VMCB,
 * and still holds. NULL: path_follow has to look.
 */
const struct path *path_recall(const struct paths *paths, const struct vmcb *v,
                               u64 linear, u64 changes);

/*
 * Where the byte at a linear address is, by the control registers in the VMCB. NULL: it cannot
 * be told. The answer is that of a walk made now (lib/walk.h), also if the guest has changed
 * its tables without telling anybody. `changes`: of nested tables so far, at least 1.
 */
const u8 *path_follow(struct paths *paths, const struct gpa_space *space,
                      const struct vmcb *v, u64 linear, u64 changes);

#endif
