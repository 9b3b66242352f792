/*
 * Calls that the TLFS does not have: what the hypervisor has to say of itself.
 */
#include "hv/arch.h"
#include "hv/base/cpu.h"
#include "hv/base/log.h"
#include "hv/call/cost.h"
#include "hv/call/hypercall.h"
#include "hv/vp/vp.h"

#define SLOTS_AT_ONCE 128u /* that a call looks at */
#define PLACES (COUNTER_KINDS * COUNTER_SLOTS)

enum hv_status hvcall_read_log(struct hypercall_frame *f)
{
	const struct hv_input_read_log *in = f->in;
	struct hv_output_read_log *out = f->out;
	u64 position = in->position;

	out->count = log_read(&position, out->data, sizeof(out->data));
	if (out->count == 0 && cost_log())
		out->count = log_read(&position, out->data, sizeof(out->data));
	out->position = position;
	out->rsvd = 0;
	return HV_STATUS_SUCCESS;
}

/* What it is by the numbers of the TLFS, or of the processor's manual. */
static u32 code_of(enum hv_counter_kind kind, u32 slot)
{
	return kind == HV_COUNTER_CALL ? hypercall_of_slot(slot)
	                               : cost_exit_reason(slot);
}

static bool add_row(struct hv_output_get_counters *out,
                    const struct counters *counters, u32 place)
{
	u32 slot = place % COUNTER_SLOTS;
	enum hv_counter_kind kind = place / COUNTER_SLOTS;
	const struct counter *c = &counters->of[kind][slot];

	if (!c->count)
		return true;
	if (out->count == ARRAY_LEN(out->rows))
		return false;
	out->rows[out->count++] =
		(struct hv_counter){ .kind = kind,
		                     .code = code_of(kind, slot),
		                     .count = c->count,
		                     .ticks = c->ticks,
		                     .worst = c->worst };
	return true;
}

enum hv_status hvcall_get_counters(struct hypercall_frame *f)
{
	const struct hv_input_get_counters *in = f->in;
	struct hv_output_get_counters *out = f->out;
	u32 place = in->place, end = place + SLOTS_AT_ONCE;

	if (place >= PLACES)
		return HV_STATUS_INVALID_PARAMETER;
	out->count = 0;
	while (place < end && place < PLACES &&
	       add_row(out, f->target_vp->cpu->counters, place))
		place++;
	out->next = place < PLACES ? place : 0;
	out->vendor = arch_facts()->compat.cpu_vendor;
	out->rsvd = 0;
	return HV_STATUS_SUCCESS;
}
