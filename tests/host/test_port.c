/*
 * hv/interrupt/port.c: what ports and connections there can be, and where one leads.
 */
#include "hv/interrupt/port.h"
#include "hv/interrupt/synic.h"
#include "tests/host/fixture/port.h"
#include "tests/host/fixture/test.h"

#define SELF HV_PARTITION_ID_SELF
#define MESSAGE HV_PORT_MESSAGE
#define EVENT HV_PORT_EVENT

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

static void test_there_and_back(void **state)
{
	const struct port *port;
	struct vp *to;

	(void)state;
	make_pair();
	assert_ok(port_reach(root->partition, 1, MESSAGE, &port, &to));
	assert_ptr_equal(to, child->vps[0]);
	assert_int_equal(port->sint, 2);
	/* Ids are a partition's own: the other has neither. */
	assert_int_equal(port_unmake(root, SELF, 1), HV_STATUS_INVALID_PORT_ID);
	assert_int_equal(port_leave(root, child->id, 1),
	                 HV_STATUS_INVALID_CONNECTION_ID);
	assert_ok(port_leave(root, SELF, 1));
	assert_int_equal(port_leave(root, SELF, 1),
	                 HV_STATUS_INVALID_CONNECTION_ID);
	assert_int_equal(port_reaches(root->partition, 1, MESSAGE),
	                 HV_STATUS_INVALID_CONNECTION_ID);
	assert_ok(port_unmake(root, child->id, 1));
	assert_int_equal(port_unmake(root, child->id, 1),
	                 HV_STATUS_INVALID_PORT_ID);
}

static void test_what_a_port_may_be(void **state)
{
	static const struct {
		struct hv_port_info info;
		enum hv_status status;
	} rows[] = {
		{ { 1, 0, 1, 0, 0, 0, 0 }, HV_STATUS_SUCCESS },
		{ { 1, 9, 15, 1, 0, 0, 0 }, HV_STATUS_SUCCESS },
		{ { 1, 0, 1, 63, 0, 0, 0 }, HV_STATUS_SUCCESS },
		{ { 1, 0, 1, HV_VP_INDEX_ANY, 0, 0, 0 }, HV_STATUS_SUCCESS },
		{ { 2, 0, 1, 0, 0, 1, 0 }, HV_STATUS_SUCCESS },
		{ { 2, 0, 1, 0, 0, 2048, 0 }, HV_STATUS_SUCCESS },
		{ { 2, 0, 1, 0, 2047, 1, 0 }, HV_STATUS_SUCCESS },
		{ { 1, 0, 0, 0, 0, 0, 0 }, HV_STATUS_INVALID_PARAMETER },
		{ { 1, 0, 16, 0, 0, 0, 0 }, HV_STATUS_INVALID_PARAMETER },
		{ { 1, 0, 1, 0, 1, 0, 0 }, HV_STATUS_INVALID_PARAMETER },
		{ { 1, 0, 1, 0, 0, 1, 0 }, HV_STATUS_INVALID_PARAMETER },
		{ { 1, 0, 1, 0, 0, 0, 1 }, HV_STATUS_INVALID_PARAMETER },
		{ { 0, 0, 1, 0, 0, 0, 0 }, HV_STATUS_INVALID_PARAMETER },
		{ { 3, 0, 1, 0, 0, 0, 0 }, HV_STATUS_INVALID_PARAMETER },
		{ { 257, 0, 1, 0, 0, 0, 0 }, HV_STATUS_INVALID_PARAMETER },
		{ { 2, 0, 1, 0, 0, 0, 0 }, HV_STATUS_INVALID_PARAMETER },
		{ { 2, 0, 1, 0, 2047, 2, 0 }, HV_STATUS_INVALID_PARAMETER },
		{ { 2, 0, 1, 0, 1, 2048, 0 }, HV_STATUS_INVALID_PARAMETER },
		{ { 2, 0, 1, 0, 65535, 65535, 0 },
		  HV_STATUS_INVALID_PARAMETER },
		{ { 2, 0, 257, 0, 0, 1, 0 }, HV_STATUS_INVALID_PARAMETER },
		{ { 1, 0, 1, 64, 0, 0, 0 }, HV_STATUS_INVALID_VP_INDEX },
		{ { 1, 0, 1, HV_VP_INDEX_SELF, 0, 0, 0 },
		  HV_STATUS_INVALID_VP_INDEX },
	};

	(void)state;
	make();
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(
			port_make(root, child->id, i, SELF, rows[i].info),
			rows[i].status);
		assert_int_equal(port_unmake(root, child->id, i),
		                 rows[i].status == HV_STATUS_SUCCESS
		                         ? HV_STATUS_SUCCESS
		                         : HV_STATUS_INVALID_PORT_ID);
	}
}

static void test_ids(void **state)
{
	(void)state;
	make();
	assert_ok(port_make(root, child->id, 0, SELF, port_message(1)));
	assert_ok(port_make(root, child->id, 0xffffff, SELF, port_message(1)));
	assert_int_equal(
		port_make(root, child->id, 0xffffff, SELF, port_message(1)),
		HV_STATUS_INVALID_PORT_ID);
	assert_int_equal(
		port_make(root, child->id, 0x1000000, SELF, port_message(1)),
		HV_STATUS_INVALID_PORT_ID);
	/* In another partition it is another port. */
	assert_ok(port_make(root, SELF, 0, SELF, port_message(1)));
	assert_ok(port_join(root, SELF, 0, child->id, 0, MESSAGE));
	assert_ok(
		port_join(root, SELF, 0xffffff, child->id, 0xffffff, MESSAGE));
	assert_int_equal(port_join(root, SELF, 0, child->id, 0, MESSAGE),
	                 HV_STATUS_INVALID_CONNECTION_ID);
	assert_int_equal(
		port_join(root, SELF, 0x1000000, child->id, 0, MESSAGE),
		HV_STATUS_INVALID_CONNECTION_ID);
}

static void test_what_a_connection_may_be(void **state)
{
	struct partition *other;

	(void)state;
	make();
	other = port_child(1);
	assert_ok(port_make(root, child->id, 1, other->id, port_message(2)));
	assert_int_equal(port_join(root, other->id, 1, child->id, 2, MESSAGE),
	                 HV_STATUS_INVALID_PORT_ID);
	assert_int_equal(port_join(root, SELF, 1, child->id, 1, MESSAGE),
	                 HV_STATUS_ACCESS_DENIED);
	assert_int_equal(port_join(root, child->id, 1, child->id, 1, MESSAGE),
	                 HV_STATUS_ACCESS_DENIED);
	assert_int_equal(port_join(root, other->id, 1, child->id, 1, EVENT),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(port_join(root, other->id, 1, 4711, 1, MESSAGE),
	                 HV_STATUS_INVALID_PARTITION_ID);
	assert_int_equal(port_join(root, 4711, 1, child->id, 1, MESSAGE),
	                 HV_STATUS_INVALID_PARTITION_ID);
	assert_int_equal(port_reaches(other, 1, MESSAGE),
	                 HV_STATUS_INVALID_CONNECTION_ID);
	assert_ok(port_join(root, other->id, 1, child->id, 1, MESSAGE));
	assert_ok(port_reaches(other, 1, MESSAGE));
	/* What has another type is another thing. */
	assert_int_equal(port_reaches(other, 1, EVENT),
	                 HV_STATUS_INVALID_CONNECTION_ID);
}

static void test_reserved_fields(void **state)
{
	struct hv_input_create_port create = { .port_partition = SELF,
		                               .connection_partition = SELF,
		                               .info = port_message(1) };
	struct hv_input_connect_port connect = { .connection_partition = SELF,
		                                 .port_partition = SELF,
		                                 .info.type = MESSAGE };

	(void)state;
	make();
	create.proximity = 1;
	assert_int_equal(
		port_call(root, HVCALL_CREATE_PORT, &create, sizeof(create)),
		HV_STATUS_INVALID_PARAMETER);
	create.proximity = 0;
	create.padding = create.info.padding = 0xffffffff;
	assert_ok(port_call(root, HVCALL_CREATE_PORT, &create, sizeof(create)));
	connect.proximity = 1ull << 63;
	assert_int_equal(
		port_call(root, HVCALL_CONNECT_PORT, &connect, sizeof(connect)),
		HV_STATUS_INVALID_PARAMETER);
	connect.proximity = 0;
	connect.info.rsvd_z = 1;
	assert_int_equal(
		port_call(root, HVCALL_CONNECT_PORT, &connect, sizeof(connect)),
		HV_STATUS_INVALID_PARAMETER);
	connect.info.rsvd_z = 0;
	connect.padding0 = connect.padding1 = connect.info.padding = 1;
	assert_ok(port_call(root, HVCALL_CONNECT_PORT, &connect,
	                    sizeof(connect)));
}

/* The codes of TLFS 2.0, and blocks in registers. */
static void test_other_forms(void **state)
{
	struct hv_input_create_port create = { .port_partition = SELF,
		                               .port_id = 7,
		                               .connection_partition = SELF,
		                               .info = port_event(3, 0, 8) };
	struct hv_input_connect_port connect = { .connection_partition = SELF,
		                                 .connection_id = 9,
		                                 .port_partition = SELF,
		                                 .port_id = 7,
		                                 .info.type = EVENT };
	u64 result;

	(void)state;
	make();
	assert_ok(
		port_call(root, HVCALL_CREATE_PORT_2, &create, sizeof(create)));
	assert_ok(port_call(root, HVCALL_CONNECT_PORT_2, &connect,
	                    sizeof(connect)));
	result = guest_raw(root, HVCALL_SIGNAL_EVENT | HV_CONTROL_FAST,
	                   9 | 8ull << 32, 0, NULL);
	assert_int_equal(result, HV_STATUS_INVALID_PARAMETER);
	result = guest_raw(root, HVCALL_SIGNAL_EVENT | HV_CONTROL_FAST,
	                   9 | 7ull << 32, 0, NULL);
	assert_int_equal(result, HV_STATUS_INVALID_SYNIC_STATE);
	result = guest_raw(root, HVCALL_DISCONNECT_PORT | HV_CONTROL_FAST, SELF,
	                   9, NULL);
	assert_int_equal(result, HV_STATUS_SUCCESS);
	result = guest_raw(root, HVCALL_DELETE_PORT | HV_CONTROL_FAST, SELF, 7,
	                   NULL);
	assert_int_equal(result, HV_STATUS_SUCCESS);
	result = guest_raw(root, HVCALL_DELETE_PORT | HV_CONTROL_FAST, SELF, 7,
	                   NULL);
	assert_int_equal(result, HV_STATUS_INVALID_PORT_ID);
	/* What does not fit into two registers is not taken from them. */
	result = guest_raw(root, HVCALL_POST_MESSAGE | HV_CONTROL_FAST, 9, 0,
	                   NULL);
	assert_int_equal(result, HV_STATUS_INVALID_HYPERCALL_INPUT);
}

static void test_tables_are_full(void **state)
{
	static const u32 free[] = { PORT_COUNT - 1, PORT_COUNT / 2 };

	(void)state;
	make();
	for (u32 i = 0; i < PORT_COUNT; i++) {
		assert_ok(
			port_make(root, SELF, 100 + i, SELF, port_message(2)));
		assert_ok(port_join(root, SELF, i, SELF, 100 + i, MESSAGE));
	}
	assert_int_equal(port_make(root, SELF, 1, SELF, port_message(2)),
	                 HV_STATUS_NO_RESOURCES);
	assert_int_equal(port_join(root, SELF, 1000, SELF, 100, MESSAGE),
	                 HV_STATUS_NO_RESOURCES);
	/* The last place and one in the middle. */
	for (u32 k = 0; k < ARRAY_LEN(free); k++) {
		u32 i = free[k];

		assert_ok(port_unmake(root, SELF, 100 + i));
		assert_ok(port_leave(root, SELF, i));
		assert_ok(
			port_make(root, SELF, 500 + i, SELF, port_message(2)));
		assert_ok(
			port_join(root, SELF, 500 + i, SELF, 500 + i, MESSAGE));
		assert_ok(port_reaches(root->partition, 500 + i, MESSAGE));
	}
	for (u32 i = 0; i < 30; i++)
		assert_ok(port_reaches(root->partition, i, MESSAGE));
}

/* Each message port has a place with its VP; events need none. */
static void test_no_more_message_ports_than_places(void **state)
{
	struct hv_port_info other = port_message(3);

	(void)state;
	make();
	for (u32 i = 0; i < SYNIC_QUEUE; i++)
		assert_ok(port_make(root, child->id, i, SELF, port_message(2)));
	other.target_vp = HV_VP_INDEX_ANY;
	assert_int_equal(port_make(root, child->id, 100, SELF, other),
	                 HV_STATUS_NO_RESOURCES);
	assert_ok(port_make(root, child->id, 101, SELF, port_event(2, 0, 1)));
	other.target_vp = 1;
	assert_ok(port_make(root, child->id, 102, SELF, other));
	assert_ok(port_unmake(root, child->id, 7));
	assert_ok(port_make(root, child->id, 100, SELF, port_message(2)));
}

static void test_no_memory(void **state)
{
	struct partition *other;

	(void)state;
	make();
	other = port_child(1);
	assert_ok(port_make(root, other->id, 1, child->id, port_message(2)));
	while (child->pool.available > 0)
		assert_non_null(pool_alloc(&child->pool));
	assert_int_equal(port_make(root, child->id, 1, SELF, port_message(2)),
	                 HV_STATUS_INSUFFICIENT_MEMORY);
	assert_int_equal(port_join(root, child->id, 1, other->id, 1, MESSAGE),
	                 HV_STATUS_INSUFFICIENT_MEMORY);
	guest_deposit(child->id, 1);
	assert_ok(port_join(root, child->id, 1, other->id, 1, MESSAGE));
	/* One page holds both tables. */
	assert_ok(port_make(root, child->id, 1, SELF, port_message(2)));
	assert_int_equal(child->pool.available, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_there_and_back),
		TEST(test_what_a_port_may_be),
		TEST(test_ids),
		TEST(test_what_a_connection_may_be),
		TEST(test_reserved_fields),
		TEST(test_other_forms),
		TEST(test_tables_are_full),
		TEST(test_no_more_message_ports_than_places),
		TEST(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
