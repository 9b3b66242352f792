/*
 * Address space identifiers: which translations are whose, and when they go (APM
 * volume 2, 15.16). No hardware in here: unit tests run it.
 */
#ifndef ARCH_SVM_ASID_H
#define ARCH_SVM_ASID_H

#include "include/types.h"

/* Of a processor, all 0 at first: the identifiers that it has given out. */
struct asids {
	u64 round; /* all of them, so many times */
	u32 last;  /* in this round */
};

/* Of a VP on its processor, all 0 at first. */
struct asid {
	u64 round; /* of the processor, in which it has got its identifier */
	u64 clean; /* nothing that has gone since then is cached of it */
	u32 number;
};

/*
 * Before an entry: a->number is right, and the value is what TLB_CONTROL has to be.
 * `count` identifiers are there, 0 included, which is the host's; flushes_one: a single one
 * can be flushed. What is cached must not be older than `changes`.
 */
u8 asid_choose(struct asids *of, struct asid *a, u64 changes, u32 count,
               bool flushes_one);

/* What is cached of the VP's linear addresses is not used at its next entry. */
static inline void asid_flush(struct asid *a)
{
	a->clean = 0;
}

#endif
