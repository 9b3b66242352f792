/*
 * hv/call/hvcall_vp.c: the calls around VPs and their registers.
 */
#include "hv/vp/partition.h"
#include "tests/host/fixture/test.h"

static void test_create_takes_no_flags(void **state)
{
	u64 id = guest_child(60, 0);
	struct hv_input_create_vp in;

	(void)state;
	/* Every byte behind the index; subnode_id (16 to 23) is ignored. */
	for (u32 at = 12; at < sizeof(in); at++) {
		bool ignored = at >= 16 && at < 24;

		memset(&in, 0, sizeof(in));
		in.partition_id = id;
		((u8 *)&in)[at] = 1;
		assert_int_equal(
			guest_call(HVCALL_CREATE_VP, &in, sizeof(in), NULL, 0),
			ignored ? HV_STATUS_SUCCESS
				: HV_STATUS_INVALID_PARAMETER);
		if (ignored)
			assert_ok(guest_delete_vp(id, 0));
	}
}

static void test_register_block_is_checked(void **state)
{
	u64 id = guest_child(60, 1);
	struct hv_input_vp_registers in = { .partition_id = id };
	struct hv_register_assoc assoc;
	u32 name = HV_REGISTER_RAX;

	(void)state;
	for (u32 at = 12; at < 16; at++) {
		union hv_register_value v;

		((u8 *)&in)[at] = 1;
		assert_int_equal(guest_rep(HVCALL_GET_VP_REGISTERS, &in, 16,
		                           &name, 4, &v, 16, 1, NULL),
		                 HV_STATUS_INVALID_PARAMETER);
		((u8 *)&in)[at] = 0;
	}
	for (u32 at = 0; at < 3; at++) {
		memset(&assoc, 0, sizeof(assoc));
		assoc.name = name;
		assoc.rsvd_z[at] = 1;
		assert_int_equal(guest_rep(HVCALL_SET_VP_REGISTERS, &in, 16,
		                           &assoc, 32, NULL, 0, 1, NULL),
		                 HV_STATUS_INVALID_PARAMETER);
	}
	for (u32 index = 1; index < 200; index += 63)
		assert_int_equal(guest_set(id, index, name, 0),
		                 HV_STATUS_INVALID_VP_INDEX);
}

/* The elements before the bad one are done, it and the rest are not. */
static void test_list_stops_at_the_first_failure(void **state)
{
	u64 id = guest_child(60, 1);
	struct hv_input_vp_registers in = { .partition_id = id };
	struct hv_register_assoc assoc[4] = {
		{ .name = HV_REGISTER_RAX, .value.reg64 = 1 },
		{ .name = HV_REGISTER_RBX, .value.reg64 = 2 },
		{ .name = HV_REGISTER_CR8, .value.reg64 = 99 },
		{ .name = HV_REGISTER_RCX, .value.reg64 = 3 },
	};
	u32 names[4] = { HV_REGISTER_RAX, HV_REGISTER_RBX, 0x12345,
		         HV_REGISTER_RCX };
	union hv_register_value out[4];
	u32 done;

	(void)state;
	assert_int_equal(guest_rep(HVCALL_SET_VP_REGISTERS, &in, 16, assoc, 128,
	                           NULL, 0, 4, &done),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(done, 2);
	assert_int_equal(guest_get64(id, 0, HV_REGISTER_RBX), 2);
	assert_int_equal(guest_get64(id, 0, HV_REGISTER_RCX), 0);
	assert_int_equal(guest_rep(HVCALL_GET_VP_REGISTERS, &in, 16, names, 16,
	                           out, 64, 4, &done),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(done, 2);
	assert_int_equal(out[1].reg64, 2);
	assert_int_equal(out[2].reg64, 0xcccccccccccccccc);
}

/* The registers of a VP that has executed are those it ran with. */
static void test_registers_of_a_running_vp(void **state)
{
	u64 id = guest_child(60, 1);
	struct vp *vp = guest_partition(id)->vps[0];
	struct vp_state *guest;

	(void)state;
	assert_ok(guest_set(id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0));
	guest = fake_enter(vp);
	guest->rip = 0x1111;
	guest->cr3 = 0x2000;
	assert_int_equal(guest_get64(id, 0, HV_REGISTER_RIP), 0x1111);
	assert_int_equal(guest_get64(id, 0, HV_REGISTER_CR3), 0x2000);
	assert_ok(guest_set(id, 0, HV_REGISTER_RIP, 0x3333));
	assert_int_equal(guest_get64(id, 0, HV_REGISTER_CR3), 0x2000);
	assert_int_equal(fake_enter(vp)->rip, 0x3333);
}

static void test_d10_every_change_is_counted(void **state)
{
	u64 id = guest_child(80, 1), page = guest_page();
	struct partition *p = guest_partition(id);
	u64 before = p->generation;

	(void)state;
	assert_int_equal(guest_get64(id, 0, HV_REGISTER_RAX), 0);
	assert_int_equal(guest_set(id, 0, HV_REGISTER_CR8, 77),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(p->generation, before);
#define CHANGES(call)                                \
	do {                                         \
		before = p->generation;              \
		assert_ok(call);                     \
		assert_true(p->generation > before); \
	} while (0)
	CHANGES(guest_set(id, 0, HV_REGISTER_RAX, 0));
	CHANGES(guest_create_vp(id, 5));
	CHANGES(guest_delete_vp(id, 5));
	CHANGES(guest_map(id, 0, page, 7));
	CHANGES(guest_map(id, 0, page, 1));
	CHANGES(guest_unmap(id, 0));
	CHANGES(guest_set_property(id, HV_PROPERTY_STASIS_SAVE_MEMORY, 1));
	CHANGES(guest_set_property(id, HV_PROPERTY_REFERENCE_TIME, 1));
	CHANGES(guest_call(HVCALL_CLEAR_VIRTUAL_INTERRUPT, &id, sizeof(id),
	                   NULL, 0));
#undef CHANGES
	/* Without VP 0 there is nothing that it could change. */
	assert_ok(guest_delete_vp(id, 0));
	before = p->generation;
	assert_ok(guest_call(HVCALL_CLEAR_VIRTUAL_INTERRUPT, &id, sizeof(id),
	                     NULL, 0));
	assert_int_equal(p->generation, before);
}

/* The hypervisor sets the intercept bit; clearing drops the message. */
static void test_intercept_suspend(void **state)
{
	u64 id = guest_child(60, 1);
	struct vp *vp = guest_partition(id)->vps[0];

	(void)state;
	assert_int_equal(exit_triple_fault(vp), EXIT_SUSPENDED);
	assert_int_equal(guest_get64(id, 0, HV_REGISTER_INTERCEPT_SUSPEND), 1);
	assert_int_equal(guest_set(id, 0, HV_REGISTER_INTERCEPT_SUSPEND, 3),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_ok(guest_set(id, 0, HV_REGISTER_INTERCEPT_SUSPEND, 1));
	assert_true(list_linked(&vp->message_link));
	assert_ok(guest_set(id, 0, HV_REGISTER_INTERCEPT_SUSPEND, 0));
	assert_false(list_linked(&vp->message_link));
	assert_int_equal(vp->message.type, HV_MESSAGE_NONE);
	assert_int_equal(guest_set(id, 0, HV_REGISTER_INTERCEPT_SUSPEND, 1),
	                 HV_STATUS_INVALID_PARAMETER);
}

/* Elements that move a page end the turn, others do not; all are done. */
static void test_a_page_that_moves_ends_the_turn(void **state)
{
	static const u32 names[] = {
		HV_REGISTER_RAX, HV_REGISTER_SIMP,          HV_REGISTER_RBX,
		HV_REGISTER_RCX, HV_REGISTER_SIMP,          HV_REGISTER_SIEFP,
		HV_REGISTER_RDX, HV_REGISTER_REFERENCE_TSC,
	};
	struct hv_register_assoc list[ARRAY_LEN(names)] = { 0 };
	u64 id = guest_child(60, 1);
	struct hv_input_vp_registers in = { .partition_id = id };
	u32 done;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(names); i++) {
		list[i].name = names[i];
		list[i].value.reg64 = ((i + 1ull) << 21) | 1;
	}
	assert_ok(guest_rep(HVCALL_SET_VP_REGISTERS, &in, 16, list,
	                    sizeof(list), NULL, 0, ARRAY_LEN(names), &done));
	assert_int_equal(done, ARRAY_LEN(names));
	assert_int_equal(guest_turns, 4);
	for (u32 i = 0; i < ARRAY_LEN(names); i++)
		if (i != 1)
			assert_int_equal(guest_get64(id, 0, names[i]),
			                 list[i].value.reg64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_create_takes_no_flags),
		TEST(test_register_block_is_checked),
		TEST(test_list_stops_at_the_first_failure),
		TEST(test_registers_of_a_running_vp),
		TEST(test_d10_every_change_is_counted),
		TEST(test_intercept_suspend),
		TEST(test_a_page_that_moves_ends_the_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
