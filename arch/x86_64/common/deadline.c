/*
 * Times of two clocks that differ by an offset, and turn over at different times.
 */
#include "arch/x86_64/common/deadline.h"

u64 deadline_to_root(u64 deadline, u64 offset)
{
	if (deadline == 0)
		return 0;
	return deadline + offset ? deadline + offset : 1;
}

/*
 * By what is left of it: the root's TSC may be where the processor's has yet to run over,
 * and the other way round. What that does not reach is not the same as none at all.
 */
u64 deadline_to_processor(u64 deadline, u64 offset, u64 now)
{
	u64 root_now = now + offset;
	u64 left = deadline > root_now ? deadline - root_now : 0;

	if (deadline == 0)
		return 0;
	return left < ~now ? now + left : ~0ull - 1;
}
