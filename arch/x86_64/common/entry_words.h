/*
 * Words for what a state is, for the rules that it obeys (entry_rules.c).
 */
#ifndef ARCH_ENTRY_WORDS_H
#define ARCH_ENTRY_WORDS_H

#include "hv/vp/vp_state.h"
#include "include/x86.h"

static inline bool long_mode(const struct vp_state *s)
{
	return s->efer & EFER_LMA;
}

static inline bool protected_mode(const struct vp_state *s)
{
	return s->cr0 & CR0_PE;
}

static inline bool v86(const struct vp_state *s)
{
	return s->rflags & RFLAGS_VM;
}

static inline u32 type(const struct hv_segment *g)
{
	return g->attributes & 0xfu;
}

static inline bool is_memory(const struct hv_segment *g)
{
	return g->attributes & BIT(4);
}

static inline u32 dpl(const struct hv_segment *g)
{
	return g->attributes >> 5 & 3u;
}

/* P clear: the segment is unusable, and no rule but CS's and TR's is for it. */
static inline bool usable(const struct hv_segment *g)
{
	return g->attributes & BIT(7);
}

static inline bool below_4g(u64 value)
{
	return value >> 32 == 0;
}

static inline bool halted(const struct vp_state *s)
{
	return s->activity & HV_ACTIVITY_HALT_SUSPEND;
}

static inline bool shadow(const struct vp_state *s)
{
	return s->interrupt_state & HV_INTERRUPT_STATE_SHADOW;
}

static inline bool pending(const struct vp_state *s)
{
	return s->pending_interruption & HV_PENDING_INTERRUPTION;
}

static inline bool pending_is(const struct vp_state *s, u32 kind)
{
	return pending(s) &&
	       (s->pending_interruption >> HV_PENDING_TYPE_SHIFT & 7) == kind;
}

static inline u32 pending_vector(const struct vp_state *s)
{
	return (u32)(s->pending_interruption >> HV_PENDING_VECTOR_SHIFT) & 0xff;
}

/* Does it hold for every segment of [first, last] that is usable? */
static inline bool each(const struct vp_state *s, u32 first, u32 last,
                        bool (*holds)(const struct hv_segment *g))
{
	for (u32 i = first; i <= last; i++)
		if (usable(&s->segment[i]) && !holds(&s->segment[i]))
			return false;
	return true;
}

#endif
