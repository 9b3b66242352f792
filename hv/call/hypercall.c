/*
 * The dispatcher of hypercalls.
 */
#include "hv/call/hypercall.h"

#include "hv/arch.h"
#include "hv/base/cpu.h"
#include "hv/call/target.h"
#include "hv/run/exit.h"
#include "hv/vp/partition.h"
#include "hv/vp/ready.h"
#include "hv/vp/vp.h"

#define REP HYPERCALL_REP
#define CHANGES HYPERCALL_CHANGES
#define WAKES HYPERCALL_WAKES

/* The decoded control word and the sizes that follow from it. */
struct decoded {
	const struct hypercall *row;
	bool fast;
	u32 reps;
	u32 start;
	u32 variable; /* bytes of the variable header */
	u32 in;       /* bytes of input in guest memory, without a tail */
	u32 tail;     /* bytes behind it */
	u32 out;
	u8 *in_page; /* pinned guest memory, NULL: none */
	u8 *out_page;
};

/* ---- The control word (TLFS 3.7) ---- */

static u32 round8(u32 bytes)
{
	return (bytes + 7) & ~7u;
}

/*
 * The fixed part, then all elements: a list always counts from element 0, whatever
 * the start index, so that its place is the same in each turn.
 */
static u32 block_size(u32 fixed, u32 rep, u32 reps)
{
	return rep ? round8(fixed) + rep * reps : fixed;
}

/*
 * The part of a control word that few calls have: a variable header, a list. 0 in all of
 * these bits is a plain call.
 */
static enum hv_status decode_rest(const struct hypercall *row, u64 control,
                                  struct decoded *d)
{
	u32 head = row->in;

	d->variable = ((u32)(control >> HV_CONTROL_VARHEAD_SHIFT) &
	               HV_CONTROL_VARHEAD_MASK) *
	              HV_VARHEAD_UNIT;
	d->reps = (u32)(control >> HV_CONTROL_REP_COUNT_SHIFT) &
	          HV_CONTROL_REP_MASK;
	d->start = (u32)(control >> HV_CONTROL_REP_START_SHIFT) &
	           HV_CONTROL_REP_MASK;
	if ((control & HV_CONTROL_RSVD) || d->variable > row->in_variable ||
	    (d->variable && d->fast))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (row->flags & REP) {
		if (d->start >= d->reps)
			return HV_STATUS_INVALID_HYPERCALL_INPUT;
	} else if (d->reps || d->start) {
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	}
	/* Without a variable part the block may be any number of bytes. */
	if (d->variable)
		head = round8(head) + d->variable;
	d->in = block_size(head, row->in_rep, d->reps);
	d->out = block_size(row->out, row->out_rep, d->reps);
	return HV_STATUS_SUCCESS;
}

/*
 * All that is wrong with a control word is found here, before guest memory is looked
 * at: a caller that is not privileged learns nothing but the form of a call.
 */
static enum hv_status decode(const struct hypercall *row, u64 control,
                             struct decoded *d)
{
	*d = (struct decoded){
		.row = row,
		.fast = control & HV_CONTROL_FAST,
		.in = row->in,
		.out = row->out,
	};
	if (d->fast && !(row->flags & HYPERCALL_FAST))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (control & ~(HV_CONTROL_CODE | HV_CONTROL_FAST))
		return decode_rest(row, control, d);
	return row->flags & REP ? HV_STATUS_INVALID_HYPERCALL_INPUT
	                        : HV_STATUS_SUCCESS;
}

/* ---- The blocks in guest memory ---- */

/*
 * What a child cannot reach, its parent may map: it gets an intercept and the call is
 * made again. Apart from pin, which every call goes through: a message needs much of
 * the stack.
 */
__attribute__((noinline)) static enum exit_outcome not_pinned(struct vp *vp,
                                                              u64 gpa,
                                                              u32 rights)
{
	struct exit_memory m = { .gpa = gpa_of(gpa),
		                 .access = rights & ARCH_WRITE
		                                   ? HV_INTERCEPT_WRITE
		                                   : HV_INTERCEPT_READ };
	struct arch_mapping mapping;

	/* Nobody could map these: the status of pin, INVALID_ALIGNMENT, stays. */
	if (vp->is_root || gpa >> PAGE_SHIFT >= gpa_limit() ||
	    gpa_has_overlay(&vp->partition->space, gpa >> PAGE_SHIFT))
		return EXIT_SKIP;
	m.mapped =
		gpa_lookup(&vp->partition->space, gpa >> PAGE_SHIFT, &mapping);
	return exit_memory(vp, &m);
}

/* Bring a block of guest memory into reach. */
static enum exit_outcome pin(struct vp *vp, u64 gpa, u32 bytes, u32 rights,
                             u8 **page, enum hv_status *status)
{
	*status = HV_STATUS_INVALID_ALIGNMENT;
	if (gpa % 8 || gpa % PAGE_SIZE + bytes > PAGE_SIZE)
		return EXIT_SKIP;
	*page = gpa_pin(&vp->partition->space, gpa_of(gpa), bytes, rights);
	if (!*page)
		return not_pinned(vp, gpa, rights);
	*status = HV_STATUS_SUCCESS;
	return EXIT_SKIP;
}

/*
 * The copied part says how long the tail is: the guest's own word, which it may have
 * changed since, would let the tail run over the page.
 */
static enum hv_status fetch_tail(const struct hypercall_registers *call,
                                 struct decoded *d, u8 *input)
{
	d->tail = d->row->tail(input);
	if (call->input % PAGE_SIZE + d->in + d->tail > PAGE_SIZE)
		return HV_STATUS_INVALID_ALIGNMENT;
	if (d->row->flags & HYPERCALL_COPIES_TAIL)
		arch_copy(input + d->in, d->in_page + d->in, d->tail);
	return HV_STATUS_SUCCESS;
}

static enum exit_outcome fetch_input(struct vp *vp,
                                     const struct hypercall_registers *call,
                                     struct decoded *d, u8 *input,
                                     enum hv_status *status)
{
	u64 fast[2] = { call->input, call->output };
	enum exit_outcome outcome;

	*status = HV_STATUS_SUCCESS;
	if (d->fast) {
		arch_copy(input, fast, sizeof(fast));
		return EXIT_SKIP;
	}
	if (d->in == 0)
		return EXIT_SKIP;
	outcome = pin(vp, call->input, d->in, ARCH_READ, &d->in_page, status);
	if (outcome != EXIT_SKIP || *status != HV_STATUS_SUCCESS)
		return outcome;
	/* Once: other VPs of the guest may write there while we check. */
	arch_copy(input, d->in_page, d->in);
	if (d->row->tail)
		*status = fetch_tail(call, d, input);
	return EXIT_SKIP;
}

/*
 * Pinned before the handler runs: a call whose results cannot be handed out must not
 * have changed anything.
 */
static enum exit_outcome fetch_output(struct vp *vp,
                                      const struct hypercall_registers *call,
                                      struct decoded *d, enum hv_status *status)
{
	enum exit_outcome outcome;

	*status = HV_STATUS_SUCCESS;
	if (d->out == 0)
		return EXIT_SKIP;
	outcome = pin(vp, call->output, d->out, ARCH_READ | ARCH_WRITE,
	              &d->out_page, status);
	if (outcome == EXIT_SKIP && *status == HV_STATUS_SUCCESS &&
	    d->in_page && call->output < call->input + d->in + d->tail &&
	    call->input < call->output + d->out)
		*status = HV_STATUS_INVALID_PARAMETER; /* D30 */
	return outcome;
}

/* ---- The call ---- */

/*
 * What the row says of a success: this is the one place for it. Most calls have nothing
 * there, so it is apart from them.
 */
__attribute__((noinline)) static void note_success(struct hypercall_frame *f)
{
	if ((f->row->flags & CHANGES) && !f->unchanged)
		partition_changed(f->target);
	if (f->row->flags & WAKES)
		ready_wake(f->target_vp);
}

static inline enum hv_status run_one(struct hypercall_frame *f)
{
	enum hv_status status = f->row->run(f);

	if ((f->row->flags & (CHANGES | WAKES)) && status == HV_STATUS_SUCCESS)
		note_success(f);
	return status;
}

/*
 * Behind a turn, and one flush for all of it. Also where an element failed: those before
 * it have changed the space. Where nothing did that a processor can have cached, the
 * flush is none (arch_space_flush).
 */
static inline void end_turn(struct hypercall_frame *f, u32 done)
{
	if (f->row->settle && done > f->first)
		f->row->settle(f, done);
	if (f->row->flags & HYPERCALL_FLUSHES)
		arch_space_flush(&f->target->space.arch);
}

/* Elements from d->start on; *done counts from element 0. */
static enum hv_status run_reps(struct hypercall_frame *f,
                               const struct decoded *d, u32 *done)
{
	const struct hypercall *row = d->row;
	const u8 *list = (const u8 *)f->in + round8(row->in) + d->variable;
	u32 last = d->start + (row->turn ? row->turn : HYPERCALL_REPS_A_TURN);
	enum hv_status status = HV_STATUS_SUCCESS;

	if (last > d->reps)
		last = d->reps;
	f->first = d->start;
	for (*done = d->start; *done < last && !f->ends_turn; (*done)++) {
		f->rep = *done;
		f->in_rep = list + *done * row->in_rep;
		f->out_rep = d->out_page ? d->out_page + round8(row->out) +
		                                   *done * row->out_rep
		                         : NULL;
		status = run_one(f);
		if (status != HV_STATUS_SUCCESS || f->again)
			break;
	}
	end_turn(f, *done);
	return status;
}

static enum exit_outcome finish(struct hypercall_registers *call,
                                enum hv_status status, u32 reps)
{
	call->result = (u64)status | (u64)reps << HV_RESULT_REPS_SHIFT;
	return EXIT_SKIP;
}

/* The caller's own control word says how far a rep call came (TLFS 3.7). */
static void set_start(struct hypercall_registers *call, u32 start)
{
	call->control &= ~(HV_CONTROL_REP_MASK << HV_CONTROL_REP_START_SHIFT);
	call->control |= (u64)start << HV_CONTROL_REP_START_SHIFT;
}

/* A call that is not at its end leaves RIP: interrupts come, then it is made again. */
static enum exit_outcome run(struct hypercall_registers *call,
                             struct hypercall_frame *f, struct decoded *d)
{
	enum hv_status status;
	u32 done = 0;

	if (d->row->target != HYPERCALL_NOBODY) {
		status = target_find(f);
		if (status != HV_STATUS_SUCCESS)
			return finish(call, status, d->start);
		if (f->again)
			return EXIT_AGAIN;
	}
	if (!(d->row->flags & REP)) {
		status = run_one(f);
		end_turn(f, 0);
		return f->again ? EXIT_AGAIN : finish(call, status, 0);
	}
	status = run_reps(f, d, &done);
	call->is_rep = true;
	set_start(call, done);
	if (status == HV_STATUS_SUCCESS && done < d->reps)
		return EXIT_AGAIN;
	return finish(call, status, done);
}

/*
 * Who may call at all. Apart from a row's privileges a parent's calls ask for the one
 * to have children, not for that of each subject.
 */
static bool is_allowed(const struct partition *from,
                       const struct hypercall *row)
{
	u64 needed = row->privileges;

	if (row->flags & HYPERCALL_BY_PARENT)
		needed |= HV_PRIVILEGE_CREATE_PARTITIONS;
	return (from->privileges & needed) == needed;
}

static inline __attribute__((always_inline)) enum exit_outcome dispatch(
	struct vp *vp, struct hypercall_registers *call)
{
	const struct hypercall *row =
		hypercall_find((u32)(call->control & HV_CONTROL_CODE));
	u8 *input = vp->cpu->input;
	struct hypercall_frame f;
	enum exit_outcome outcome;
	enum hv_status status;
	struct decoded d;

	if (!row)
		return finish(call, HV_STATUS_INVALID_HYPERCALL_CODE, 0);
	status = decode(row, call->control, &d);
	if (status != HV_STATUS_SUCCESS)
		return finish(call, status, 0);
	/* For a report, should one of the checks behind this fail. */
	vp->cpu->doing = row->name;
	if (!is_allowed(vp->partition, row))
		return finish(call, HV_STATUS_ACCESS_DENIED, 0);
	outcome = fetch_input(vp, call, &d, input, &status);
	if (outcome == EXIT_SKIP && status == HV_STATUS_SUCCESS)
		outcome = fetch_output(vp, call, &d, &status);
	if (outcome != EXIT_SKIP)
		return outcome;
	if (status != HV_STATUS_SUCCESS)
		return finish(call, status, d.start);
	f = (struct hypercall_frame){
		.row = row,
		.vp = vp,
		.from = vp->partition,
		.in = input,
		.variable_bytes = d.variable,
		.out = d.out_page,
		.tail = d.in_page ? d.in_page + d.in : NULL,
	};
	return run(call, &f, &d);
}

enum exit_outcome hypercall_execute(struct vp *vp,
                                    struct hypercall_registers *call)
{
	enum exit_outcome outcome;

	call->is_rep = false;
	outcome = dispatch(vp, call);
	vp->cpu->doing = NULL;
	return outcome;
}
