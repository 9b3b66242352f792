/*
 * hv/interrupt/port.c: who may make ports and connections, and what becomes of a connection
 * whose port or partition goes.
 */
#include "hv/interrupt/port.h"
#include "tests/host/fixture/port.h"
#include "tests/host/fixture/test.h"

#define SELF HV_PARTITION_ID_SELF
#define MESSAGE HV_PORT_MESSAGE

static struct vp *root;
static struct partition *child;

static void make(void)
{
	root = fake_root_vp();
	child = port_child(2);
}

/* From the root to the child: connection 1, port 1. */
static void make_pair(void)
{
	make();
	port_pair(child->id, 1, 2);
}

/* ---- Who may ---- */

static const struct {
	u32 code;
	u64 privilege;
} calls[] = {
	{ HVCALL_CREATE_PORT, HV_PRIVILEGE_CREATE_PORT },
	{ HVCALL_CREATE_PORT_2, HV_PRIVILEGE_CREATE_PORT },
	{ HVCALL_DELETE_PORT, HV_PRIVILEGE_CREATE_PORT },
	{ HVCALL_CONNECT_PORT, HV_PRIVILEGE_CONNECT_PORT },
	{ HVCALL_CONNECT_PORT_2, HV_PRIVILEGE_CONNECT_PORT },
	{ HVCALL_DISCONNECT_PORT, HV_PRIVILEGE_CONNECT_PORT },
	{ HVCALL_POST_MESSAGE, HV_PRIVILEGE_POST_MESSAGES },
	{ HVCALL_SIGNAL_EVENT, HV_PRIVILEGE_SIGNAL_EVENTS },
};

static void test_privileges(void **state)
{
	static const u64 all[] = { HV_PRIVILEGE_CREATE_PORT,
		                   HV_PRIVILEGE_CONNECT_PORT,
		                   HV_PRIVILEGE_POST_MESSAGES,
		                   HV_PRIVILEGE_SIGNAL_EVENTS };
	u8 own[256]; /* SELF, and ids that nothing has */
	u64 before;

	(void)state;
	make();
	memset(own, 0xff, sizeof(own));
	before = child->privileges;
	for (u32 k = 0; k <= ARRAY_LEN(all); k++) {
		u64 more = k < ARRAY_LEN(all) ? all[k] : 0;

		assert_ok(guest_set_property(
			child->id, HV_PROPERTY_PRIVILEGE_FLAGS, before | more));
		for (u32 i = 0; i < ARRAY_LEN(calls); i++) {
			enum hv_status status = port_call(
				child->vps[0], calls[i].code, own, sizeof(own));

			assert_int_equal(status == HV_STATUS_ACCESS_DENIED,
			                 more != calls[i].privilege);
		}
	}
	/* The root has them all. */
	for (u32 i = 0; i < ARRAY_LEN(calls); i++)
		assert_int_not_equal(
			root->partition->privileges & calls[i].privilege, 0);
}

/* A child that may make ports makes its own, and nobody else's. */
static void test_child_reaches_no_further_than_itself(void **state)
{
	struct partition *other;
	struct vp *by;

	(void)state;
	make();
	other = port_child(1);
	by = child->vps[1];
	child->privileges |= HV_PRIVILEGE_CREATE_PORT |
	                     HV_PRIVILEGE_CONNECT_PORT;
	assert_ok(port_make(by, SELF, 1, SELF, port_message(2)));
	assert_ok(port_make(by, child->id, 2, child->id, port_message(2)));
	assert_ok(port_join(by, SELF, 1, child->id, 2, MESSAGE));
	assert_int_equal(port_make(by, 1, 1, SELF, port_message(2)),
	                 HV_STATUS_ACCESS_DENIED);
	assert_int_equal(port_make(by, SELF, 3, 1, port_message(2)),
	                 HV_STATUS_ACCESS_DENIED);
	assert_int_equal(port_make(by, other->id, 1, SELF, port_message(2)),
	                 HV_STATUS_ACCESS_DENIED);
	assert_int_equal(port_make(by, 4711, 1, SELF, port_message(2)),
	                 HV_STATUS_ACCESS_DENIED);
	assert_int_equal(port_unmake(by, other->id, 1),
	                 HV_STATUS_ACCESS_DENIED);
	assert_int_equal(port_join(by, SELF, 9, other->id, 1, MESSAGE),
	                 HV_STATUS_ACCESS_DENIED);
	assert_int_equal(port_join(by, 1, 9, SELF, 1, MESSAGE),
	                 HV_STATUS_ACCESS_DENIED);
	assert_int_equal(port_leave(by, 1, 1), HV_STATUS_ACCESS_DENIED);
	assert_int_equal(port_reaches(child, 1, MESSAGE), HV_STATUS_SUCCESS);
}

static void test_partition_states(void **state)
{
	u64 id = 0;

	(void)state;
	make();
	assert_ok(guest_create(&id));
	assert_int_equal(port_make(root, id, 1, SELF, port_message(2)),
	                 HV_STATUS_INVALID_PARTITION_STATE);
	assert_int_equal(port_make(root, SELF, 1, id, port_message(2)),
	                 HV_STATUS_INVALID_PARTITION_STATE);
	assert_int_equal(port_join(root, id, 1, SELF, 1, MESSAGE),
	                 HV_STATUS_INVALID_PARTITION_STATE);
	assert_int_equal(port_unmake(root, id, 1),
	                 HV_STATUS_INVALID_PARTITION_STATE);
	assert_int_equal(port_leave(root, 4711, 1),
	                 HV_STATUS_INVALID_PARTITION_ID);
	assert_int_equal(port_unmake(root, 4711, 1),
	                 HV_STATUS_INVALID_PARTITION_ID);
}

/* ---- What becomes of a connection ---- */

static void test_port_made_anew(void **state)
{
	struct partition *other;

	(void)state;
	make_pair();
	other = port_child(1);
	assert_ok(port_unmake(root, child->id, 1));
	assert_int_equal(port_post(root, 1, 5, 8), HV_STATUS_INVALID_PORT_ID);
	/* For somebody else: not ours, whatever its number. */
	assert_ok(port_make(root, child->id, 1, other->id, port_message(2)));
	assert_int_equal(port_post(root, 1, 5, 8), HV_STATUS_INVALID_PORT_ID);
	assert_ok(port_unmake(root, child->id, 1));
	assert_ok(port_make(root, child->id, 1, SELF, port_event(2, 0, 1)));
	assert_int_equal(port_post(root, 1, 5, 8), HV_STATUS_INVALID_PORT_ID);
	assert_int_equal(port_signal(root, 1, 0),
	                 HV_STATUS_INVALID_CONNECTION_ID);
	/* For us again: the connection holds. */
	assert_ok(port_unmake(root, child->id, 1));
	assert_ok(port_make(root, child->id, 1, SELF, port_message(2)));
	assert_ok(port_reaches(root->partition, 1, MESSAGE));
}

static void test_child_goes(void **state)
{
	u64 id;

	(void)state;
	make_pair();
	id = child->id;
	assert_ok(port_make(root, SELF, 1, id, port_message(2)));
	assert_ok(port_join(root, id, 1, SELF, 1, MESSAGE));
	assert_ok(guest_finalize(id));
	assert_int_equal(port_post(root, 1, 5, 8), HV_STATUS_INVALID_PORT_ID);
	guest_withdraw_all(id);
	assert_ok(guest_delete(id));
	assert_int_equal(port_post(root, 1, 5, 8), HV_STATUS_INVALID_PORT_ID);
	assert_int_equal(port_unmake(root, id, 1),
	                 HV_STATUS_INVALID_PARTITION_ID);
	/* Ids do not come back: a new child is another one. */
	make();
	assert_int_not_equal(child->id, id);
	assert_int_equal(port_join(root, child->id, 1, SELF, 1, MESSAGE),
	                 HV_STATUS_ACCESS_DENIED);
	assert_ok(port_leave(root, SELF, 1));
	assert_ok(port_unmake(root, SELF, 1));
}

/* Nobody knows whose page it is any more: it went back with the rest. */
static void test_pages_come_back(void **state)
{
	u64 id;

	(void)state;
	make_pair();
	id = child->id;
	assert_non_null(child->ports);
	assert_ok(guest_unmap(id, 8));
	guest_destroy(id);
}

static void test_target_vp(void **state)
{
	struct hv_port_info info = port_message(2);
	const struct port *port;
	struct vp *to;

	(void)state;
	make();
	info.target_vp = 1;
	assert_ok(port_make(root, child->id, 1, SELF, info));
	info.target_vp = HV_VP_INDEX_ANY;
	assert_ok(port_make(root, child->id, 2, SELF, info));
	for (u32 i = 1; i <= 2; i++)
		assert_ok(port_join(root, SELF, i, child->id, i, MESSAGE));
	assert_ok(port_reach(root->partition, 1, MESSAGE, &port, &to));
	assert_ptr_equal(to, child->vps[1]);
	assert_ok(port_reach(root->partition, 2, MESSAGE, &port, &to));
	assert_ptr_equal(to, child->vps[0]);
	assert_ok(guest_delete_vp(child->id, 1));
	assert_int_equal(port_post(root, 1, 5, 8), HV_STATUS_INVALID_VP_INDEX);
	assert_ok(guest_create_vp(child->id, 1));
	assert_ok(port_reach(root->partition, 1, MESSAGE, &port, &to));
	assert_ptr_equal(to, child->vps[1]);
	assert_ok(guest_delete_vp(child->id, 0));
	assert_int_equal(port_post(root, 2, 5, 8), HV_STATUS_INVALID_VP_INDEX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_privileges),
		TEST(test_child_reaches_no_further_than_itself),
		TEST(test_partition_states),
		TEST(test_port_made_anew),
		TEST(test_child_goes),
		TEST(test_pages_come_back),
		TEST(test_target_vp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
