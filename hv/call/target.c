/*
 * Whom a call is about.
 */
#include "hv/call/target.h"

#include "hv/arch.h"
#include "hv/interrupt/port.h"
#include "hv/stream/beside.h"
#include "hv/vp/partition.h"
#include "hv/vp/ready.h"
#include "hv/vp/vp.h"

static bool is_own(const struct hypercall_frame *f, u64 id)
{
	return id == HV_PARTITION_ID_SELF || id == f->from->id;
}

/* Only the direct parent: a grandchild is its parent's business alone (D5). */
static enum hv_status find_child(const struct hypercall_frame *f, u64 id,
                                 struct partition **p)
{
	return partition_find_child(f->from, id, p);
}

/* Its own id needs no privilege to have children; any other is a child's or nobody's. */
static enum hv_status find_own(const struct hypercall_frame *f, u64 id,
                               struct partition **p)
{
	*p = f->from;
	return is_own(f, id) ? HV_STATUS_SUCCESS : find_child(f, id, p);
}

/* The root's pool is what all others come from; a child's is its parent's to fill. */
static enum hv_status find_pool(const struct hypercall_frame *f, u64 id,
                                struct partition **p)
{
	return f->from->parent ? find_child(f, id, p) : find_own(f, id, p);
}

/*
 * The root's own map is the identity and stays it: S1 22.4 takes these calls
 * from it, and "operation denied" says why.
 */
static enum hv_status find_space(const struct hypercall_frame *f, u64 id,
                                 struct partition **p)
{
	if (is_own(f, id))
		return f->from->parent ? HV_STATUS_ACCESS_DENIED
		                       : HV_STATUS_OPERATION_DENIED;
	return find_child(f, id, p);
}

/* Id 0 is a target without a partition: the handler has its summary (D4). */
static enum hv_status find_system(const struct hypercall_frame *f, u64 id,
                                  struct partition **p)
{
	return id == HV_PARTITION_ID_INVALID ? HV_STATUS_SUCCESS
	                                     : find_child(f, id, p);
}

enum hv_status target_find_own(const struct hypercall_frame *f, u64 id,
                               struct partition **p)
{
	enum hv_status status = find_own(f, id, p);

	if (status != HV_STATUS_SUCCESS)
		return status;
	return (*p)->state == PARTITION_ACTIVE
	               ? HV_STATUS_SUCCESS
	               : HV_STATUS_INVALID_PARTITION_STATE;
}

/* Somebody takes it and is done: it goes on where it runs. */
static void end_hold(struct vp *vp)
{
	if (!vp->hold_end)
		return;
	vp->hold_end = 0;
	ready_wake(vp);
}

/* Of what is not in hardware the handler changes something. */
static void stop_vp(struct hypercall_frame *f, struct vp *vp)
{
	f->target_vp = vp;
	if (vp && (f->row->flags & HYPERCALL_KICKS))
		arch_vp_kick(vp);
}

/*
 * The frame's VP. It stands still from here on, if the call is about more than its
 * existence: a handler reads and changes what would be in a processor otherwise. Where
 * that is another one the call is made again, until that has let it go.
 */
static void take_vp(struct hypercall_frame *f, struct vp *vp)
{
	f->target_vp = vp;
	if (!(f->row->flags & HYPERCALL_KICKS))
		return;
	f->again = !arch_vp_take(vp);
	if (!f->again)
		end_hold(vp);
}

/* It is suspended: none of those that are taken goes on before the last one is. */
bool target_take_vps(struct hypercall_frame *f, struct partition *p)
{
	for (u32 i = 0, left = p->vp_count; left > 0; i++) {
		if (!p->vps[i])
			continue;
		left--;
		if (arch_vp_take(p->vps[i]))
			end_hold(p->vps[i]);
		else
			f->again = true;
	}
	return !f->again;
}

static enum hv_status find_vp(struct hypercall_frame *f)
{
	/* Of the copy, which is 8-aligned with all fields (tlfs.h). */
	u32 index = *(const u32 *)((const u8 *)f->in + f->row->vp_at);

	if (index >= PARTITION_VPS || !f->target->vps[index])
		return HV_STATUS_INVALID_VP_INDEX;
	take_vp(f, f->target->vps[index]);
	return HV_STATUS_SUCCESS;
}

/* Memory is at work on without the lock: the target's, or some that the call could take. */
static bool has_to_wait(const struct hypercall_frame *f)
{
	if (!(f->row->flags & HYPERCALL_BESIDE) && beside_hinders())
		return true;
	return f->target && f->target->beside;
}

/* Apart from the dispatcher, whose path without a target is short. */
__attribute__((noinline)) enum hv_status target_find(struct hypercall_frame *f)
{
	static enum hv_status (*const find[])(const struct hypercall_frame *f,
	                                      u64 id, struct partition **p) = {
		[HYPERCALL_CHILD] = find_child,
		[HYPERCALL_OWN] = find_own,
		[HYPERCALL_POOL] = find_pool,
		[HYPERCALL_SPACE] = find_space,
		[HYPERCALL_SYSTEM] = find_system,
	};
	const struct hypercall *row = f->row;
	enum hv_status status;

	status = find[row->target](
		f, *(const u64 *)((const u8 *)f->in + row->target_at),
		&f->target);
	if (status != HV_STATUS_SUCCESS)
		return status;
	if (has_to_wait(f)) {
		f->again = true;
		return HV_STATUS_SUCCESS;
	}
	/* The state before the VP: one that is not active has none to ask for. */
	if (row->states && !(row->states & BIT(f->target->state)))
		return HV_STATUS_INVALID_PARTITION_STATE;
	if (row->flags & HYPERCALL_FIRST_VP)
		stop_vp(f, partition_first_vp(f->target));
	return row->vp_at ? find_vp(f) : HV_STATUS_SUCCESS;
}

enum hv_status target_find_receiver(struct hypercall_frame *f, u32 connection,
                                    u32 type, const struct port **port)
{
	struct vp *to;
	enum hv_status status =
		port_reach(f->from, connection, type, port, &to);

	if (status != HV_STATUS_SUCCESS)
		return status;
	f->target = to->partition;
	stop_vp(f, to);
	return HV_STATUS_SUCCESS;
}
