/*
 * What a restore keeps of a VP in its staging pages until the stream has ended
 * well, and the chunks that are gathered there.
 */
#ifndef HV_CHUNK_VP_H
#define HV_CHUNK_VP_H

#include "hv/stream/chunk.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"

struct chunk_staged {
	struct vp_state state;
	u64 tsc; /* the guest's TSC; an offset is made of it at the end */
	u64 explicit_suspend;
	u64 intercept_suspend;
	struct hv_message message;
	u64 cr8;
	u64 runtime;
	struct stream_vp_apic apic;
	struct stream_vp_synic synic;
};
_Static_assert(sizeof(struct chunk_staged) <= PAGE_SIZE, "a staging page");

static inline struct vp *chunk_vp(const struct context *c)
{
	return c->target->vps[c->vp];
}

static inline struct chunk_staged *chunk_staged_of(const struct vp *vp)
{
	return vp->pages[VP_PAGE_STAGED];
}

/* Restore: the VPs of the stream before one of them, a bit each. */
static inline u64 chunk_vps_before(const struct context *c, u32 index)
{
	return c->restore.vps_seen & (BIT(index) - 1);
}

static inline struct chunk_staged *chunk_staged(const struct context *c)
{
	return chunk_staged_of(chunk_vp(c));
}

/*
 * Of a chunk whose fields have places in struct vp_state: that is all there is to
 * be done for it, or what is left to its own functions comes behind this.
 */
enum chunk_saved chunk_state_save(struct context *c);
enum chunk_verdict chunk_state_check(struct context *c);

/* chunk_vp.c: which VP follows, and its registers. */
enum chunk_saved chunk_vp_save(struct context *c);
enum chunk_verdict chunk_vp_check(struct context *c);
enum chunk_saved chunk_fp_save(struct context *c);
enum chunk_verdict chunk_fp_check(struct context *c);
enum chunk_saved chunk_control_save(struct context *c);
enum chunk_verdict chunk_control_check(struct context *c);
enum chunk_saved chunk_segment_save(struct context *c);
enum chunk_verdict chunk_segment_check(struct context *c);
enum chunk_saved chunk_msrs_save(struct context *c);
enum chunk_verdict chunk_msrs_check(struct context *c);
enum chunk_saved chunk_xsave_save(struct context *c);
enum chunk_verdict chunk_xsave_check(struct context *c);
bool chunk_xsave_needed(const struct context *c);

/* chunk_events.c: what is not a register, or is one of a device. */
enum chunk_saved chunk_events_save(struct context *c);
enum chunk_verdict chunk_events_check(struct context *c);
enum chunk_saved chunk_apic_save(struct context *c);
enum chunk_verdict chunk_apic_check(struct context *c);
enum chunk_saved chunk_synic_save(struct context *c);
enum chunk_verdict chunk_synic_check(struct context *c);
enum chunk_saved chunk_sim_save(struct context *c);
enum chunk_verdict chunk_sim_check(struct context *c);
bool chunk_sim_needed(const struct context *c);
enum chunk_saved chunk_sief_save(struct context *c);
enum chunk_verdict chunk_sief_check(struct context *c);
bool chunk_sief_needed(const struct context *c);
enum chunk_saved chunk_queue_save(struct context *c);
enum chunk_verdict chunk_queue_check(struct context *c);
bool chunk_queue_needed(const struct context *c);
enum chunk_saved chunk_message_save(struct context *c);
enum chunk_verdict chunk_message_check(struct context *c);
bool chunk_message_needed(const struct context *c);
/* Do they fit together, and the registers? */
bool chunk_events_valid(const struct context *c);
void chunk_events_apply(struct vp *vp);

/*
 * All of the VP's state fits this machine and holds together: asked behind its
 * last chunk. What does not is logged.
 */
bool chunk_vp_valid(const struct context *c);

/* The staged state becomes the VP's; but for its time, and its message. */
void chunk_vp_apply(struct vp *vp);

/* All VPs have theirs: its TSC goes on from c->tsc, its message is sent. */
void chunk_vp_resume(const struct context *c, struct vp *vp);

#endif
