/*
 * The table of hypercalls and the dispatcher.
 */
#include "hv/call/hypercall.h"

#include "hv/arch.h"
#include "hv/base/cpu.h"
#include "hv/call/target.h"
#include "hv/run/exit.h"
#include "hv/vp/partition.h"
#include "hv/vp/ready.h"
#include "hv/vp/vp.h"

#define FAST HYPERCALL_FAST
#define REP HYPERCALL_REP
#define BY_PARENT HYPERCALL_BY_PARENT
#define KICKS HYPERCALL_KICKS
#define WAKES HYPERCALL_WAKES
#define CHANGES HYPERCALL_CHANGES
#define FLUSHES HYPERCALL_FLUSHES

#define CREATE HV_PRIVILEGE_CREATE_PARTITIONS
#define POOL HV_PRIVILEGE_ACCESS_MEMORY_POOL
#define ACTIVE BIT(PARTITION_ACTIVE)
#define CHILD .target = HYPERCALL_CHILD
#define ACTIVE_CHILD CHILD, .states = ACTIVE
#define VP_OF(type) \
	ACTIVE_CHILD, .vp_at = offsetof(struct hv_input_##type, vp_index)
#define OWN_AT(type, field)                        \
	.target = HYPERCALL_OWN, .states = ACTIVE, \
	.target_at = offsetof(struct hv_input_##type, field)
#define IN(type) .in = sizeof(struct hv_input_##type)
#define OUT(type) .out = sizeof(struct hv_output_##type)

/* clang-format off */
static const struct hypercall table[] = {
	[HVCALL_CREATE_PARTITION - HVCALL_CREATE_PARTITION] = {
		"CreatePartition", hvcall_create_partition,
		IN(create_partition), OUT(create_partition),
		.privileges = CREATE },
	[HVCALL_INITIALIZE_PARTITION - HVCALL_CREATE_PARTITION] = {
		"InitializePartition", hvcall_initialize_partition,
		IN(partition), .flags = FAST | BY_PARENT, CHILD,
		.states = BIT(PARTITION_UNINITIALIZED) },
	[HVCALL_FINALIZE_PARTITION - HVCALL_CREATE_PARTITION] = {
		"FinalizePartition", hvcall_finalize_partition,
		IN(partition), .flags = FAST | BY_PARENT, CHILD,
		.states = ACTIVE | BIT(PARTITION_FINALIZING) },
	[HVCALL_DELETE_PARTITION - HVCALL_CREATE_PARTITION] = {
		"DeletePartition", hvcall_delete_partition,
		IN(partition), .flags = FAST | BY_PARENT, CHILD,
		.states = BIT(PARTITION_UNINITIALIZED) |
		          BIT(PARTITION_FINALIZED) },
	[HVCALL_GET_PARTITION_PROPERTY - HVCALL_CREATE_PARTITION] = {
		"GetPartitionProperty", hvcall_get_partition_property,
		IN(get_partition_property), OUT(get_partition_property),
		.flags = BY_PARENT, CHILD },
	[HVCALL_SET_PARTITION_PROPERTY - HVCALL_CREATE_PARTITION] = {
		"SetPartitionProperty", hvcall_set_partition_property,
		IN(set_partition_property), .flags = BY_PARENT, CHILD },
	[HVCALL_GET_PARTITION_ID - HVCALL_CREATE_PARTITION] = {
		"GetPartitionId", hvcall_get_partition_id,
		OUT(get_partition_id),
		.privileges = HV_PRIVILEGE_ACCESS_PARTITION_ID },
	[HVCALL_GET_NEXT_CHILD_PARTITION - HVCALL_CREATE_PARTITION] = {
		"GetNextChildPartition", hvcall_get_next_child,
		IN(get_next_child), OUT(get_next_child), .flags = BY_PARENT,
		.target = HYPERCALL_OWN },
	[HVCALL_DEPOSIT_MEMORY - HVCALL_CREATE_PARTITION] = {
		"DepositMemory", hvcall_deposit_memory,
		IN(deposit_memory), .in_rep = 8, .flags = REP,
		.privileges = POOL, .target = HYPERCALL_POOL,
		.states = ACTIVE | BIT(PARTITION_UNINITIALIZED),
		.settle = hvcall_deposit_settle },
	[HVCALL_WITHDRAW_MEMORY - HVCALL_CREATE_PARTITION] = {
		"WithdrawMemory", hvcall_withdraw_memory,
		IN(withdraw_memory), .out_rep = 8, .flags = REP, .turn = 8,
		.privileges = POOL, .target = HYPERCALL_POOL },
	[HVCALL_GET_MEMORY_BALANCE - HVCALL_CREATE_PARTITION] = {
		"GetMemoryBalance", hvcall_get_memory_balance,
		IN(get_memory_balance), OUT(get_memory_balance),
		.privileges = POOL, .target = HYPERCALL_POOL },
	[HVCALL_MAP_GPA_PAGES - HVCALL_CREATE_PARTITION] = {
		"MapGpaPages", hvcall_map_gpa_pages,
		IN(map_gpa_pages), .in_rep = 8,
		.flags = REP | BY_PARENT | CHANGES | FLUSHES,
		.target = HYPERCALL_SPACE, .states = ACTIVE },
	[HVCALL_UNMAP_GPA_PAGES - HVCALL_CREATE_PARTITION] = {
		"UnmapGpaPages", hvcall_unmap_gpa_pages,
		IN(unmap_gpa_pages),
		.flags = REP | BY_PARENT | CHANGES | FLUSHES,
		.target = HYPERCALL_SPACE, .states = ACTIVE },
	[HVCALL_INSTALL_INTERCEPT - HVCALL_CREATE_PARTITION] = {
		"InstallIntercept", hvcall_install_intercept,
		IN(install_intercept), .flags = BY_PARENT, ACTIVE_CHILD },
	[HVCALL_CREATE_VP - HVCALL_CREATE_PARTITION] = {
		"CreateVp", hvcall_create_vp,
		IN(create_vp), .flags = BY_PARENT | CHANGES,
		ACTIVE_CHILD },
	[HVCALL_DELETE_VP - HVCALL_CREATE_PARTITION] = {
		"DeleteVp", hvcall_delete_vp,
		IN(delete_vp), .flags = FAST | BY_PARENT | CHANGES,
		VP_OF(delete_vp) },
	[HVCALL_GET_VP_REGISTERS - HVCALL_CREATE_PARTITION] = {
		"GetVpRegisters", hvcall_get_vp_registers,
		IN(vp_registers), .in_rep = 4, .out_rep = 16,
		.flags = REP | BY_PARENT | KICKS, VP_OF(vp_registers) },
	[HVCALL_SET_VP_REGISTERS - HVCALL_CREATE_PARTITION] = {
		"SetVpRegisters", hvcall_set_vp_registers,
		IN(vp_registers), .in_rep = sizeof(struct hv_register_assoc),
		.flags = REP | BY_PARENT | KICKS | WAKES | CHANGES,
		VP_OF(vp_registers) },
	[HVCALL_READ_GPA - HVCALL_CREATE_PARTITION] = {
		"ReadGpa", hvcall_read_gpa,
		IN(read_gpa), OUT(read_gpa), .flags = BY_PARENT,
		VP_OF(read_gpa) },
	[HVCALL_WRITE_GPA - HVCALL_CREATE_PARTITION] = {
		"WriteGpa", hvcall_write_gpa,
		IN(write_gpa), OUT(write_gpa), .flags = BY_PARENT,
		VP_OF(write_gpa) },
	[HVCALL_ASSERT_VIRTUAL_INTERRUPT_2 - HVCALL_CREATE_PARTITION] = {
		"AssertVirtualInterrupt", hvcall_assert_virtual_interrupt,
		IN(assert_virtual_interrupt), .flags = BY_PARENT | CHANGES,
		ACTIVE_CHILD },
	[HVCALL_CLEAR_VIRTUAL_INTERRUPT - HVCALL_CREATE_PARTITION] = {
		"ClearVirtualInterrupt", hvcall_clear_virtual_interrupt,
		IN(partition), .flags = FAST | BY_PARENT | CHANGES, ACTIVE_CHILD },
	[HVCALL_ASSERT_VIRTUAL_INTERRUPT - HVCALL_CREATE_PARTITION] = {
		"AssertVirtualInterrupt", hvcall_assert_virtual_interrupt,
		IN(assert_virtual_interrupt), .flags = BY_PARENT | CHANGES,
		ACTIVE_CHILD },
	[HVCALL_CREATE_PORT_2 - HVCALL_CREATE_PARTITION] = {
		"CreatePort", hvcall_create_port, IN(create_port),
		OWN_AT(create_port, port_partition),
		.privileges = HV_PRIVILEGE_CREATE_PORT },
	[HVCALL_DELETE_PORT - HVCALL_CREATE_PARTITION] = {
		"DeletePort", hvcall_delete_port, IN(delete_port),
		OWN_AT(delete_port, port_partition),
		.flags = FAST, .privileges = HV_PRIVILEGE_CREATE_PORT },
	[HVCALL_CONNECT_PORT_2 - HVCALL_CREATE_PARTITION] = {
		"ConnectPort", hvcall_connect_port, IN(connect_port),
		OWN_AT(connect_port, connection_partition),
		.privileges = HV_PRIVILEGE_CONNECT_PORT },
	[HVCALL_DISCONNECT_PORT - HVCALL_CREATE_PARTITION] = {
		"DisconnectPort", hvcall_disconnect_port,
		IN(disconnect_port), .flags = FAST,
		OWN_AT(disconnect_port, connection_partition),
		.privileges = HV_PRIVILEGE_CONNECT_PORT },
	[HVCALL_POST_MESSAGE - HVCALL_CREATE_PARTITION] = {
		"PostMessage", hvcall_post_message, IN(post_message),
		.privileges = HV_PRIVILEGE_POST_MESSAGES },
	[HVCALL_SIGNAL_EVENT - HVCALL_CREATE_PARTITION] = {
		"SignalEvent", hvcall_signal_event, IN(signal_event),
		.flags = FAST, .privileges = HV_PRIVILEGE_SIGNAL_EVENTS },
	[HVCALL_CREATE_PORT - HVCALL_CREATE_PARTITION] = {
		"CreatePort", hvcall_create_port, IN(create_port),
		OWN_AT(create_port, port_partition),
		.privileges = HV_PRIVILEGE_CREATE_PORT },
	[HVCALL_CONNECT_PORT - HVCALL_CREATE_PARTITION] = {
		"ConnectPort", hvcall_connect_port, IN(connect_port),
		OWN_AT(connect_port, connection_partition),
		.privileges = HV_PRIVILEGE_CONNECT_PORT },
	[HVCALL_SAVE_PARTITION_STATE - HVCALL_CREATE_PARTITION] = {
		"SavePartitionState", hvcall_save_partition_state,
		IN(save_partition_state), OUT(save_partition_state),
		.flags = BY_PARENT, .target = HYPERCALL_SYSTEM },
	[HVCALL_RESTORE_PARTITION_STATE - HVCALL_CREATE_PARTITION] = {
		"RestorePartitionState", hvcall_restore_partition_state,
		.in = offsetof(struct hv_input_restore_partition_state,
		               restore_data),
		OUT(restore_partition_state), .tail = hvcall_restore_tail,
		.privileges = CREATE, .target = HYPERCALL_SYSTEM },
};

static const struct hypercall read_log = {
	"StasisReadLog", hvcall_read_log, IN(read_log), OUT(read_log),
	.privileges = CREATE,
};
/* clang-format on */

const struct hypercall *hypercall_find(u32 code)
{
	const struct hypercall *row = NULL;

	if (code == HVCALL_STASIS_READ_LOG)
		return &read_log;
	if (code - HVCALL_CREATE_PARTITION < ARRAY_LEN(table))
		row = &table[code - HVCALL_CREATE_PARTITION];
	return row && row->run ? row : NULL;
}

/* The decoded control word and the sizes that follow from it. */
struct decoded {
	const struct hypercall *row;
	bool fast;
	u32 reps;
	u32 start;
	u32 in;   /* bytes of input in guest memory, without a tail */
	u32 tail; /* bytes behind it */
	u32 out;
	u8 *in_page; /* pinned guest memory, NULL: none */
	u8 *out_page;
};

static u32 round8(u32 bytes)
{
	return (bytes + 7) & ~7u;
}

/* Fixed part, then all elements: a list always counts from element 0. */
static u32 block_size(u32 fixed, u32 rep, u32 reps)
{
	return rep ? round8(fixed) + rep * reps : fixed;
}

static enum hv_status decode(u64 control, struct decoded *d)
{
	u32 code = (u32)(control & HV_CONTROL_CODE);
	const struct hypercall *row = hypercall_find(code);

	if (!row)
		return HV_STATUS_INVALID_HYPERCALL_CODE;
	*d = (struct decoded){ .row = row };
	d->fast = control & HV_CONTROL_FAST;
	d->reps = (u32)(control >> HV_CONTROL_REP_COUNT_SHIFT) &
	          HV_CONTROL_REP_MASK;
	d->start = (u32)(control >> HV_CONTROL_REP_START_SHIFT) &
	           HV_CONTROL_REP_MASK;
	if (control & (HV_CONTROL_RSVD | HV_CONTROL_VARHEAD))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (d->fast && !(row->flags & HYPERCALL_FAST))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (row->flags & HYPERCALL_REP) {
		if (d->start >= d->reps)
			return HV_STATUS_INVALID_HYPERCALL_INPUT;
	} else if (d->reps || d->start) {
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	}
	d->in = block_size(row->in, row->in_rep, d->reps);
	d->out = block_size(row->out, row->out_rep, d->reps);
	return HV_STATUS_SUCCESS;
}

/*
 * What a child cannot reach, its parent may map. Apart from pin, which every call
 * goes through: a message needs much of the stack.
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
	arch_copy(input, d->in_page, d->in);
	if (!d->row->tail)
		return EXIT_SKIP;
	d->tail = d->row->tail(input);
	if (call->input % PAGE_SIZE + d->in + d->tail > PAGE_SIZE)
		*status = HV_STATUS_INVALID_ALIGNMENT;
	return EXIT_SKIP;
}

static enum exit_outcome fetch_output(struct vp *vp,
                                      const struct hypercall_registers *call,
                                      struct decoded *d, enum hv_status *status)
{
	u64 in_end = call->input + d->in + d->tail;
	enum exit_outcome outcome;

	*status = HV_STATUS_SUCCESS;
	if (d->out == 0)
		return EXIT_SKIP;
	outcome = pin(vp, call->output, d->out, ARCH_READ | ARCH_WRITE,
	              &d->out_page, status);
	if (outcome == EXIT_SKIP && *status == HV_STATUS_SUCCESS &&
	    d->in_page && call->output < in_end &&
	    call->input < call->output + d->out)
		*status = HV_STATUS_INVALID_PARAMETER; /* D30 */
	return outcome;
}

/* ---- The call ---- */

/* What the row says of a success. Most calls have nothing there: apart from them. */
__attribute__((noinline)) static void note_success(struct hypercall_frame *f,
                                                   const struct hypercall *row)
{
	if ((row->flags & CHANGES) && !f->unchanged)
		partition_changed(f->target);
	if (row->flags & WAKES)
		ready_wake(f->target_vp);
}

static inline enum hv_status run_one(struct hypercall_frame *f,
                                     const struct hypercall *row)
{
	enum hv_status status = row->run(f);

	if ((row->flags & (CHANGES | WAKES)) && status == HV_STATUS_SUCCESS)
		note_success(f, row);
	return status;
}

/* Elements from d->start on; *done counts from element 0. */
static enum hv_status run_reps(struct hypercall_frame *f,
                               const struct decoded *d, u32 *done)
{
	const struct hypercall *row = d->row;
	const u8 *in = f->in;
	u32 last = d->start + (row->turn ? row->turn : HYPERCALL_REPS_A_TURN);
	enum hv_status status = HV_STATUS_SUCCESS;

	if (last > d->reps)
		last = d->reps;
	f->first = d->start;
	for (*done = d->start; *done < last && !f->ends_turn; (*done)++) {
		f->rep = *done;
		f->in_rep = in + round8(row->in) + *done * row->in_rep;
		f->out_rep = d->out_page ? d->out_page + round8(row->out) +
		                                   *done * row->out_rep
		                         : NULL;
		status = run_one(f, row);
		if (status != HV_STATUS_SUCCESS || f->again)
			break;
	}
	if (row->settle && *done > d->start)
		row->settle(f, *done);
	if (row->flags & FLUSHES)
		arch_space_flush(&f->target->space.arch);
	return status;
}

static enum exit_outcome finish(struct hypercall_registers *call,
                                enum hv_status status, u32 reps)
{
	call->result = (u64)status | (u64)reps << HV_RESULT_REPS_SHIFT;
	return EXIT_SKIP;
}

static void set_start(struct hypercall_registers *call, u32 start)
{
	call->control &= ~(HV_CONTROL_REP_MASK << HV_CONTROL_REP_START_SHIFT);
	call->control |= (u64)start << HV_CONTROL_REP_START_SHIFT;
}

static enum exit_outcome run(struct hypercall_registers *call,
                             struct hypercall_frame *f, struct decoded *d)
{
	enum hv_status status;
	u32 done = 0;

	if (d->row->target != HYPERCALL_NOBODY) {
		status = target_find(f, d->row);
		if (status != HV_STATUS_SUCCESS)
			return finish(call, status, d->start);
	}
	if (!(d->row->flags & HYPERCALL_REP)) {
		status = run_one(f, d->row);
		return f->again ? EXIT_AGAIN : finish(call, status, 0);
	}
	status = run_reps(f, d, &done);
	call->is_rep = true;
	set_start(call, done);
	if (status == HV_STATUS_SUCCESS && done < d->reps)
		return EXIT_AGAIN;
	return finish(call, status, done);
}

static enum exit_outcome dispatch(struct vp *vp,
                                  struct hypercall_registers *call)
{
	const struct partition *from = vp->partition;
	struct hypercall_frame f;
	enum exit_outcome outcome;
	enum hv_status status;
	struct decoded d;

	status = decode(call->control, &d);
	if (status != HV_STATUS_SUCCESS)
		return finish(call, status, 0);
	vp->cpu->doing = d.row->name;
	if ((from->privileges & d.row->privileges) != d.row->privileges ||
	    ((d.row->flags & BY_PARENT) && !(from->privileges & CREATE)))
		return finish(call, HV_STATUS_ACCESS_DENIED, 0);
	outcome = fetch_input(vp, call, &d, vp->cpu->input, &status);
	if (outcome == EXIT_SKIP && status == HV_STATUS_SUCCESS)
		outcome = fetch_output(vp, call, &d, &status);
	if (outcome != EXIT_SKIP)
		return outcome;
	if (status != HV_STATUS_SUCCESS)
		return finish(call, status, d.start);
	f = (struct hypercall_frame){
		.vp = vp,
		.from = vp->partition,
		.in = vp->cpu->input,
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
