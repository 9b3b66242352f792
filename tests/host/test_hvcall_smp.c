/*
 * hv/call/target.c: calls about a VP that another processor has in it. They are made again
 * until that has let it go; what the caller asked with stays as it is.
 */
#include "arch/x86_64/common/exits.h"
#include "hv/call/hypercall.h"
#include "hv/run/vp_run.h"
#include "hv/vp/partition.h"
#include "include/tlfs_save.h"
#include "include/x86.h"
#include "tests/host/fake/others.h"
#include "tests/host/fixture/guest_vp.h"
#include "tests/host/fixture/test.h"

#define REP(n) ((u64)(n) << HV_CONTROL_REP_COUNT_SHIFT)
#define HOLD 400000u /* 200 microseconds of the fake's 2 GHz */

static u64 id;
static struct partition *p;
static struct vp *vp; /* runs on the other one */
static struct vp_state *guest;
static struct cpu *other;

static int set_up(void **state)
{
	if (guest_setup(state) != 0)
		return -1;
	other = fake_processor_add(7);
	id = guest_child(100, 1);
	p = guest_partition(id);
	vp = p->vps[0];
	assert_ptr_equal(vp->cpu, other);
	vp->explicit_suspend = 0;
	guest = fake_run_on(vp, other);
	guest->rip = 0x1111;
	guest->dr[0] = 0x2222;
	fake_others.sent_count = 0;
	return 0;
}

/* ---- One turn of a call ---- */

static struct hypercall_registers call;

static enum exit_outcome turn(void)
{
	const struct hypercall_registers before = call;
	enum exit_outcome outcome = hypercall_execute(fake_root_vp(), &call);

	/* Nothing has been done: all of it is to be asked for again. */
	if (outcome == EXIT_AGAIN && memcmp(&before, &call, sizeof(call)) != 0)
		fail_msg("registers of the caller were changed");
	return outcome;
}

static void begin(u64 control, const void *in, u32 size)
{
	memcpy(guest_at(GUEST_INPUT), in, size);
	call = (struct hypercall_registers){ .control = control,
		                             .input = GUEST_INPUT,
		                             .output = GUEST_OUTPUT };
}

static void begin_get(u32 name)
{
	struct {
		struct hv_input_vp_registers in;
		u32 name;
	} block = { { .partition_id = id }, name };

	begin(HVCALL_GET_VP_REGISTERS | REP(1), &block, sizeof(block));
}

static void begin_set(u32 name, u64 value)
{
	struct {
		struct hv_input_vp_registers in;
		struct hv_register_assoc assoc;
	} block = { { .partition_id = id }, { .name = name } };

	/* All 16 bytes of it are looked at. */
	block.assoc.value.reg128[0] = value;
	begin(HVCALL_SET_VP_REGISTERS | REP(1), &block, sizeof(block));
}

static u64 got(void)
{
	return *(const u64 *)(const void *)guest_at(GUEST_OUTPUT);
}

/* Not yet: the VP is kept where it is, does not run, and its processor is told. */
static void is_held(void)
{
	assert_int_equal(vp->hold_end, fake.tsc + HOLD);
	assert_true(list_linked(&vp->asked) && vp->in_processor);
	assert_false(vp_runnable(vp));
	assert_int_equal(cpu_arch(other)->kicked, 1);
}

static void is_free(void)
{
	assert_int_equal(vp->hold_end, 0);
	assert_true(vp_runnable(vp));
	assert_true(list_linked(&vp->ready));
}

/* ---- Registers ---- */

static void test_get_registers(void **state)
{
	(void)state;
	begin_get(HV_REGISTER_RIP);
	assert_int_equal(turn(), EXIT_AGAIN);
	is_held();
	assert_int_equal(fake_others.sent_count, 1);
	/* Once more before that has happened. */
	assert_int_equal(turn(), EXIT_AGAIN);
	assert_int_equal(fake_others.sent_count, 1);
	assert_int_equal(fake.captured & VP_PART_CORE, 0);
	fake_processor_comes(other);
	assert_ptr_equal(other->current, other->root);
	assert_false(list_linked(&vp->ready));
	assert_int_equal(turn(), EXIT_SKIP);
	assert_int_equal(call.result, REP(1));
	assert_int_equal(got(), 0x1111);
	is_free();
	/* Those that were in the processor itself were left here. */
	begin_get(HV_REGISTER_DR0);
	assert_int_equal(turn(), EXIT_SKIP);
	assert_int_equal(got(), 0x2222);
	/* It goes on, there. */
	assert_int_equal(cpu_arch(other)->kicked, 1);
	other->root_halted = true;
	fake_processor_comes(other);
	assert_ptr_equal(other->current, vp);
}

static void test_set_registers(void **state)
{
	u64 generation = p->generation;

	(void)state;
	begin_set(HV_REGISTER_RIP, 0x3333);
	assert_int_equal(turn(), EXIT_AGAIN);
	is_held();
	assert_int_equal(guest->rip, 0x1111);
	assert_int_equal(vp->dirty | vp->unvalidated, 0);
	assert_int_equal(p->generation, generation);
	fake_processor_comes(other);
	assert_int_equal(turn(), EXIT_SKIP);
	assert_int_equal(call.result, REP(1));
	is_free();
	other->root_halted = true;
	fake_processor_comes(other);
	assert_ptr_equal(other->current, vp);
	assert_int_equal(guest->rip, 0x3333);
}

/* In the middle of a list: what was done is not done again. */
static void test_a_list_goes_on(void **state)
{
	struct {
		struct hv_input_vp_registers in;
		u32 names[40];
	} block = { { .partition_id = id }, { 0 } };

	(void)state;
	for (u32 i = 0; i < 40; i++)
		block.names[i] = HV_REGISTER_RIP;
	begin(HVCALL_GET_VP_REGISTERS | REP(40) |
	              32ull << HV_CONTROL_REP_START_SHIFT,
	      &block, sizeof(block));
	assert_int_equal(turn(), EXIT_AGAIN);
	is_held();
	fake_processor_comes(other);
	assert_int_equal(turn(), EXIT_SKIP);
	assert_int_equal(call.result, REP(40));
}

/* By the instruction: RIP and the registers are the caller's as they were. */
static void test_the_caller_calls_again(void **state)
{
	struct vp *root = fake_root_vp();
	struct exit x = { .vp = root };
	struct vp_state *s, before;

	(void)state;
	root->cached = root->dirty = VP_PART_ALL;
	s = vp_state_write(root);
	s->rip = 0x7000;
	s->cr0 = CR0_PE | CR0_PG;
	s->efer = EFER_LME | EFER_LMA;
	s->rflags = RFLAGS_FIXED;
	s->segment[VP_CS].attributes = 0xa09b;
	s->segment[VP_SS].attributes = 0xc093;
	arch_vp_apply(root);
	root->dirty = 0;
	begin_get(HV_REGISTER_RIP);
	s->gpr[VP_RCX] = call.control;
	s->gpr[VP_RDX] = call.input;
	s->gpr[8] = call.output;
	s->gpr[VP_RAX] = 0x5a;
	before = *s;
	assert_int_equal(exits_call(&x), EXIT_AGAIN);
	assert_memory_equal(s->gpr, before.gpr, sizeof(s->gpr));
	assert_int_equal(s->rip, 0x7000);
	fake_processor_comes(other);
	assert_int_equal(exits_call(&x), EXIT_SKIP);
	assert_int_equal(s->gpr[VP_RAX], REP(1));
	assert_int_equal(got(), 0x1111);
}

/* ---- The hold ---- */

static void test_a_hold_has_an_end(void **state)
{
	(void)state;
	begin_get(HV_REGISTER_RIP);
	assert_int_equal(turn(), EXIT_AGAIN);
	fake_processor_comes(other);
	fake.tsc += HOLD - 1;
	assert_false(vp_runnable(vp));
	fake.tsc++;
	assert_true(vp_runnable(vp));
	/* Nobody has come back: its processor finds it, without being told. */
	other->root_halted = true;
	fake_processor_comes(other);
	assert_ptr_equal(other->current, vp);
	assert_true(vp->in_processor);
	/* Who comes now asks anew. */
	assert_int_equal(turn(), EXIT_AGAIN);
	is_held();
}

/* What was not held is not woken: it sleeps on. */
static void test_who_is_not_held_is_not_woken(void **state)
{
	(void)state;
	begin_get(HV_REGISTER_RIP);
	assert_int_equal(turn(), EXIT_AGAIN);
	fake_processor_comes(other);
	vp->hold_end = 0;
	vp->state.activity = HV_ACTIVITY_HALT_SUSPEND;
	assert_int_equal(turn(), EXIT_SKIP);
	assert_false(list_linked(&vp->ready));
}

/* A call that is only about its memory, or of a VP that is none, asks for nobody. */
static void test_calls_that_need_no_vp(void **state)
{
	struct hv_input_read_gpa in = { .partition_id = id, .byte_count = 8 };
	struct hv_input_delete_vp gone = { id, 1, 0 };

	(void)state;
	begin(HVCALL_READ_GPA, &in, sizeof(in));
	assert_int_equal(turn(), EXIT_SKIP);
	begin(HVCALL_DELETE_VP, &gone, sizeof(gone));
	assert_int_equal(turn(), EXIT_SKIP);
	assert_int_equal(call.result, HV_STATUS_INVALID_VP_INDEX);
	assert_int_equal(vp->hold_end, 0);
	assert_int_equal(fake_others.sent_count, 0);
}

/* What is changed is not in hardware: it is stopped, and that is enough. */
static void test_a_vp_that_is_only_stopped(void **state)
{
	(void)state;
	begin(HVCALL_CLEAR_VIRTUAL_INTERRUPT, &id, sizeof(id));
	assert_int_equal(turn(), EXIT_SKIP);
	assert_int_equal(call.result, HV_STATUS_SUCCESS);
	assert_int_equal(fake_others.sent_count, 1);
	assert_false(cpu_arch(other)->in_guest);
	assert_int_equal(vp->hold_end, 0);
	assert_true(vp->in_processor);
}

/* ---- Its end ---- */

static void test_delete(void **state)
{
	struct hv_input_delete_vp in = { id, 0, 0 };

	(void)state;
	begin(HVCALL_DELETE_VP, &in, sizeof(in));
	assert_int_equal(turn(), EXIT_AGAIN);
	is_held();
	assert_ptr_equal(p->vps[0], vp);
	fake_processor_comes(other);
	assert_int_equal(turn(), EXIT_SKIP);
	assert_int_equal(call.result, HV_STATUS_SUCCESS);
	assert_null(p->vps[0]);
	assert_int_equal(other->vps, 0);
	assert_false(list_linked(&other->asked) || list_linked(&other->ready));
}

/* While it is asked for: the other one does not find what is gone. */
static void test_deleted_while_it_is_asked_for(void **state)
{
	struct hv_input_delete_vp in = { id, 0, 0 };

	(void)state;
	begin(HVCALL_DELETE_VP, &in, sizeof(in));
	assert_int_equal(turn(), EXIT_AGAIN);
	fake_exit(vp);
	vp->in_processor = false;
	assert_int_equal(turn(), EXIT_SKIP);
	assert_false(list_linked(&other->asked));
}

/* What the other one has yet to see to: it may be about all that finalizing frees. */
static void last_exit(void)
{
	guest_write_msr(vp, HV_MSR_GUEST_OS_ID, 0x1234);
	guest_write_msr(vp, HV_MSR_HYPERCALL, 0x5001);
	guest_write_msr(vp, HV_MSR_REFERENCE_TSC, 0x6001);
}

static void test_finalize(void **state)
{
	u64 available, in_use;
	u32 turns = 0;

	(void)state;
	begin(HVCALL_FINALIZE_PARTITION, &id, sizeof(id));
	for (; turns < 5; turns++)
		assert_int_equal(turn(), EXIT_AGAIN);
	/* It has stopped, and nothing is freed before it is let go. */
	assert_int_equal(p->state, PARTITION_ACTIVE);
	assert_ptr_equal(p->vps[0], vp);
	assert_true(vp_is_suspended(vp) && list_linked(&vp->asked));
	assert_false(cpu_arch(other)->in_guest);
	last_exit();
	fake_processor_comes(other);
	while (turn() == EXIT_AGAIN)
		assert_true(turns++ < 100);
	assert_int_equal(call.result, HV_STATUS_SUCCESS);
	assert_int_equal(p->vp_count, 0);
	assert_int_equal(other->vps, 0);
	assert_ok(guest_balance(id, &available, &in_use));
	assert_int_equal(in_use, 0);
	assert_int_equal(guest_withdraw_all(id), available);
	assert_ok(guest_delete(id));
}

/* ---- Save and restore ---- */

static void begin_save(void)
{
	const struct hv_input_save_partition_state in = {
		id, HV_SAVE_RESTORE_STATE_START, 0
	};

	begin(HVCALL_SAVE_PARTITION_STATE, &in, sizeof(in));
}

static const struct hv_output_save_partition_state *saved(void)
{
	return (const void *)guest_at(GUEST_OUTPUT);
}

/* Of a partition that runs nothing is looked at, and nobody is held. */
static void test_save_of_one_that_runs(void **state)
{
	(void)state;
	begin_save();
	assert_int_equal(turn(), EXIT_SKIP);
	assert_int_not_equal(call.result, HV_STATUS_SUCCESS);
	assert_int_equal(vp->hold_end, 0);
	assert_int_equal(fake_others.sent_count, 0);
	assert_true(cpu_arch(other)->in_guest);
}

static void test_save(void **state)
{
	struct vp *second;

	(void)state;
	/* One of each processor, and both have run. */
	assert_ok(guest_create_vp(id, 1));
	second = p->vps[1];
	assert_ptr_equal(second->cpu, &fake.cpu);
	second->in_processor = true;
	vp->explicit_suspend = HV_SUSPENDED;
	begin_save();
	memset(guest_at(GUEST_OUTPUT), 0xcc, 8);
	assert_int_equal(turn(), EXIT_AGAIN);
	assert_true(list_linked(&vp->asked));
	assert_int_equal(saved()->save_data_count, 0xcccccccc);
	assert_int_equal(second->hold_end, 0);
	fake_processor_comes(other);
	assert_int_equal(turn(), EXIT_SKIP);
	assert_int_equal(call.result, HV_STATUS_SUCCESS);
	assert_int_equal(vp->hold_end, 0);
	assert_true(saved()->save_data_count > 0);
}

/* Two processors have to let go: both are asked at once. */
static void test_save_asks_all(void **state)
{
	struct cpu *third = fake_processor_add(9);
	struct vp *second;

	(void)state;
	assert_ok(guest_create_vp(id, 1));
	second = p->vps[1];
	fake_run_on(second, third);
	vp->explicit_suspend = second->explicit_suspend = HV_SUSPENDED;
	begin_save();
	assert_int_equal(turn(), EXIT_AGAIN);
	assert_true(list_linked(&vp->asked) && list_linked(&second->asked));
	fake_processor_comes(third);
	assert_int_equal(turn(), EXIT_AGAIN);
	/* One is here already: suspended, it stays without a hold. */
	assert_int_equal(second->hold_end, 0);
	assert_true(vp->hold_end > 0);
	fake_processor_comes(other);
	assert_int_equal(turn(), EXIT_SKIP);
	assert_int_equal(call.result, HV_STATUS_SUCCESS);
	assert_int_equal(vp->hold_end | second->hold_end, 0);
}

static void test_restore(void **state)
{
	struct hv_input_restore_partition_state in = {
		.partition_id = id, .flags = HV_SAVE_RESTORE_STATE_START
	};

	(void)state;
	vp->explicit_suspend = HV_SUSPENDED;
	begin(HVCALL_RESTORE_PARTITION_STATE, &in, 16);
	assert_int_equal(turn(), EXIT_AGAIN);
	assert_true(list_linked(&vp->asked));
	fake_processor_comes(other);
	assert_int_equal(turn(), EXIT_SKIP);
	assert_int_equal(vp->hold_end, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_get_registers),
		CASE(test_set_registers),
		CASE(test_a_list_goes_on),
		CASE(test_the_caller_calls_again),
		CASE(test_a_hold_has_an_end),
		CASE(test_who_is_not_held_is_not_woken),
		CASE(test_calls_that_need_no_vp),
		CASE(test_a_vp_that_is_only_stopped),
		CASE(test_delete),
		CASE(test_deleted_while_it_is_asked_for),
		CASE(test_finalize),
		CASE(test_save_of_one_that_runs),
		CASE(test_save),
		CASE(test_save_asks_all),
		CASE(test_restore),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
