/*
 * HvSavePartitionState and HvRestorePartitionState (TLFS 2.0a chapter 17, and
 * the decisions D1 to D31 in docs/hypercalls.md).
 */
#include "hv/base/log.h"
#include "hv/call/hypercall.h"
#include "hv/call/target.h"
#include "hv/run/vp_run.h"
#include "hv/stream/context.h"
#include "hv/stream/restore.h"
#include "hv/stream/save.h"
#include "hv/stream/stream.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"
#include "hv/vp/vp_rules.h"

#define FLAGS_KNOWN \
	(HV_SAVE_RESTORE_STATE_START | HV_SAVE_RESTORE_STATE_SUMMARY)

/* No target: the system, for which SUMMARY is a must (D4). */
static enum hv_status check_target(const struct hypercall_frame *f, u32 flags)
{
	if (!f->target && !(flags & HV_SAVE_RESTORE_STATE_SUMMARY))
		return HV_STATUS_INVALID_PARTITION_ID;
	if (flags & ~FLAGS_KNOWN)
		return HV_STATUS_INVALID_PARAMETER;
	if (f->target && f->target->state != PARTITION_ACTIVE)
		return HV_STATUS_INVALID_PARTITION_STATE;
	return HV_STATUS_SUCCESS;
}

/*
 * All state of its VPs is here. False: some processor has one in it, and the call is made
 * again. Of a partition that runs nothing is looked at.
 */
static bool has_vps(struct hypercall_frame *f)
{
	return !f->target || !partition_suspended(f->target) ||
	       target_take_vps(f, f->target);
}

/* By its target, or by who asked for the system: one process each. */
static void end_process(struct hypercall_frame *f, struct partition *target)
{
	if (target)
		context_close(target);
	else
		context_close_system(f->from);
}

/* The open process that a call without START goes on with. */
static enum hv_status resume(struct hypercall_frame *f,
                             struct partition *target, bool restoring,
                             bool summary, struct context **c)
{
	/* By its target: a caller has no handle that it could forge. */
	*c = context_find(f->from, target);
	if (!*c || (*c)->restoring != restoring)
		return HV_STATUS_INVALID_SAVE_RESTORE_STATE;
	/* Half of a stream would be of the state before the change. */
	if (target && target->generation != (*c)->generation) {
		end_process(f, target); /* D10 */
		return HV_STATUS_INVALID_SAVE_RESTORE_STATE;
	}
	return (*c)->summary == summary ? HV_STATUS_SUCCESS
	                                : HV_STATUS_INVALID_PARAMETER; /* D8 */
}

/* What a process is stays as it is from its START on. */
static enum hv_status start(struct hypercall_frame *f, struct partition *target,
                            bool restoring, bool summary, struct context **c)
{
	/* START while a process is open ends that one (D9); its pages are taken again. */
	*c = context_open(f->from, target);
	if (!*c)
		return HV_STATUS_INSUFFICIENT_MEMORY;
	(*c)->restoring = restoring;
	(*c)->summary = summary;
	if (!restoring) {
		/* A summary says nothing of VPs. */
		(*c)->save.validated = summary ? PARTITION_VPS : 0;
		(*c)->stream_id = stream_new_id(target ? target->id : 0);
	}
	return HV_STATUS_SUCCESS;
}

static enum hv_status open_process(struct hypercall_frame *f,
                                   struct partition *target, bool restoring,
                                   u32 flags, struct context **c)
{
	bool summary = flags & HV_SAVE_RESTORE_STATE_SUMMARY;

	/* A summary save looks at nothing that runs. */
	if (target && !(summary && !restoring) && !partition_suspended(target))
		return HV_STATUS_OPERATION_DENIED;
	/* What is half written is no state that could be saved. */
	if (target && !restoring && !summary && target->half_restored)
		return HV_STATUS_INVALID_PARTITION_STATE;
	/* Behind the checks of the target: a refused START leaves an open process. */
	if (!(flags & HV_SAVE_RESTORE_STATE_START))
		return resume(f, target, restoring, summary, c);
	return start(f, target, restoring, summary, c);
}

/*
 * What a parent put together and could not be entered could not be restored
 * either: better said before the first byte. As many VPs as the budget allows.
 */
static enum hv_status validate_vps(struct context *c)
{
	const struct vp_rule *broken;
	struct vp *vp;

	for (; c->save.validated < PARTITION_VPS; c->save.validated++) {
		vp = c->target->vps[c->save.validated];
		if (!vp || !vp->unvalidated)
			continue;
		if (!context_spend(c, CONTEXT_COST_VALIDATE))
			break;
		broken = vp_validate(vp);
		if (!broken)
			continue;
		log_line("partition %u VP %u: not saved: %s", c->target->id,
		         (u64)c->save.validated, broken->what);
		return HV_STATUS_INVALID_VP_STATE;
	}
	return HV_STATUS_SUCCESS;
}

enum hv_status hvcall_save_partition_state(struct hypercall_frame *f)
{
	const struct hv_input_save_partition_state *in = f->in;
	struct hv_output_save_partition_state *out = f->out;
	enum hv_save_restore_result result;
	struct partition *target = f->target;
	struct context *c;
	enum hv_status status;
	u32 count = 0;

	status = check_target(f, in->flags);
	if (status != HV_STATUS_SUCCESS || !has_vps(f))
		return status;
	status = open_process(f, target, false, in->flags, &c);
	if (status != HV_STATUS_SUCCESS)
		return status;
	c->budget = CONTEXT_BUDGET;
	if (c->save.validated < PARTITION_VPS)
		status = validate_vps(c);
	/* An error of the target's state: a process that goes on would meet it again. */
	if (status != HV_STATUS_SUCCESS) {
		end_process(f, target);
		return status;
	}
	/* The first calls may be all checks, and have no data yet. */
	result = HV_STATE_INCOMPLETE;
	if (c->save.validated == PARTITION_VPS)
		result = save_run(c, out->save_data, HV_SAVE_DATA_MAX, &count);
	if (result != HV_STATE_INCOMPLETE)
		end_process(f, target);
	out->save_data_count = count;
	out->save_state = result;
	return HV_STATUS_SUCCESS;
}

/* The block ends where the data do. A count beyond the limit: no data (D7). */
u32 hvcall_restore_tail(const void *in)
{
	/* Of the copy: the caller cannot make it longer behind this check. */
	const struct hv_input_restore_partition_state *head = in;
	u32 count = head->restore_data_count;

	return count <= HV_SAVE_DATA_MAX ? count : 0;
}

enum hv_status hvcall_restore_partition_state(struct hypercall_frame *f)
{
	const struct hv_input_restore_partition_state *in = f->in;
	struct hv_output_restore_partition_state *out = f->out;
	enum hv_save_restore_result result;
	struct partition *target = f->target;
	struct context *c;
	enum hv_status status;
	u32 consumed;

	status = check_target(f, in->flags);
	if (status != HV_STATUS_SUCCESS || !has_vps(f))
		return status;
	/* hvcall_restore_tail has let it pass, with no data. */
	if (in->restore_data_count > HV_SAVE_DATA_MAX)
		return HV_STATUS_INVALID_PARAMETER;
	status = open_process(f, target, true, in->flags, &c);
	if (status != HV_STATUS_SUCCESS)
		return status;
	c->budget = CONTEXT_BUDGET;
	result = restore_run(c, f->tail, in->restore_data_count, &consumed);
	/* A result says what is wrong, the log where: for who made the stream. */
	if (result > HV_STATE_RESTORABLE)
		log_line("restore: partition %u: result %u in chunk %u",
		         target ? target->id : 0, (u64)result, c->sequence);
	if (result != HV_STATE_INCOMPLETE)
		end_process(f, target);
	out->restore_state = result;
	out->restore_data_consumed = consumed;
	return HV_STATUS_SUCCESS;
}
