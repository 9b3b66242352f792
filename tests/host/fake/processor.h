/*
 * What the hardware part, as far as it is compiled for the host, wants of a processor
 * and of the parts that are not: books of it.
 */
#ifndef FAKE_PROCESSOR_H
#define FAKE_PROCESSOR_H

#include "hv/vp/vp.h"

struct fake_processor {
	const struct vp *switched_to; /* the last one */
	const struct partition *crossed_to;
	bool msr_faults; /* MSRs are #GP, whatever they are */
	u64 msr;         /* what any MSR holds that is not */
	u32 msr_writes;
};
extern struct fake_processor fake_processor;

#endif
