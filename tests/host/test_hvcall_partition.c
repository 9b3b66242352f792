/*
 * hv/call/hvcall_partition.c: creation flags, properties, ids.
 */
#include "hv/vp/partition.h"
#include "tests/host/fixture/test.h"

#define INVALID HV_STATUS_INVALID_PARAMETER

static void test_create_takes_no_flags(void **state)
{
	struct hv_input_create_partition in;
	u64 out;

	(void)state;
	/* Every 32-bit word but the two that are ignored. */
	for (u32 at = 0; at < sizeof(in) / 4; at++) {
		bool ignored = at == 4 || at == 5;

		memset(&in, 0, sizeof(in));
		((u32 *)(void *)&in)[at] = 1;
		assert_int_equal(guest_call(HVCALL_CREATE_PARTITION, &in,
		                            sizeof(in), &out, sizeof(out)),
		                 ignored ? HV_STATUS_SUCCESS : INVALID);
		if (ignored)
			assert_ok(guest_delete(out));
	}
}

static void test_ids_that_are_no_child(void **state)
{
	static const struct {
		u64 id;
		enum hv_status status;
	} rows[] = {
		{ 0, HV_STATUS_INVALID_PARTITION_ID },
		{ 1, HV_STATUS_ACCESS_DENIED },
		{ HV_PARTITION_ID_SELF, HV_STATUS_ACCESS_DENIED },
		{ 1000, HV_STATUS_INVALID_PARTITION_ID },
	};
	u64 value;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		u64 id = rows[i].id;
		enum hv_status s = rows[i].status;

		assert_int_equal(guest_initialize(id), s);
		assert_int_equal(guest_finalize(id), s);
		assert_int_equal(guest_delete(id), s);
		assert_int_equal(guest_get_property(id, 0x10000, &value), s);
		assert_int_equal(guest_set_property(id, 0x10000, 0), s);
		assert_int_equal(guest_create_vp(id, 0), s);
		assert_int_equal(guest_delete_vp(id, 0), s);
		assert_int_equal(guest_set(id, 0, HV_REGISTER_RAX, 0), s);
	}
}

static void test_properties(void **state)
{
	static const struct {
		u32 code;
		u64 value;
		bool early;
		enum hv_status set;
	} rows[] = {
		{ HV_PROPERTY_PRIVILEGE_FLAGS, 0xa7f, true, 0 },
		{ HV_PROPERTY_REFERENCE_TIME, 0, false, 0 },
		{ HV_PROPERTY_PROCESSOR_VENDOR, 1, true, INVALID },
		{ HV_PROPERTY_PROCESSOR_FEATURES, 0x81ba7 & 0xffff, true,
		  INVALID },
		{ HV_PROPERTY_XSAVE_FEATURES, 7, true, INVALID },
		{ HV_PROPERTY_CLFLUSH_SIZE, 64, true, INVALID },
		{ HV_PROPERTY_STASIS_SAVE_MEMORY, 1, true, 0 },
	};
	u64 id, value;

	(void)state;
	assert_ok(guest_create(&id));
	for (u32 i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(guest_get_property(id, rows[i].code, &value),
		                 rows[i].early
		                         ? HV_STATUS_SUCCESS
		                         : HV_STATUS_INVALID_PARTITION_STATE);
	guest_deposit(id, 4);
	assert_ok(guest_initialize(id));
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		assert_ok(guest_get_property(id, rows[i].code, &value));
		if (rows[i].code != HV_PROPERTY_PROCESSOR_FEATURES)
			assert_int_equal(value, rows[i].value);
		assert_int_equal(guest_set_property(id, rows[i].code, value),
		                 rows[i].set);
	}
	assert_int_equal(guest_get_property(id, 0x12345, &value),
	                 HV_STATUS_UNKNOWN_PROPERTY);
	assert_int_equal(guest_set_property(id, 0x12345, 0),
	                 HV_STATUS_UNKNOWN_PROPERTY);
}

/* Each bit of the feature property says what the CPUID bit says. */
static void test_processor_features(void **state)
{
	static const struct {
		u8 word, bit, property;
	} rows[] = {
		{ STREAM_FEATURE_1_ECX, 0, 0 },
		{ STREAM_FEATURE_1_ECX, 9, 2 },
		{ STREAM_FEATURE_1_ECX, 19, 3 },
		{ STREAM_FEATURE_1_ECX, 20, 4 },
		{ STREAM_FEATURE_1_ECX, 23, 7 },
		{ STREAM_FEATURE_1_ECX, 13, 8 },
		{ STREAM_FEATURE_80000001_ECX, 0, 1 },
		{ STREAM_FEATURE_80000001_ECX, 5, 10 },
		{ STREAM_FEATURE_80000001_EDX, 26, 15 },
	};
	u64 id = guest_child(2, 0), value;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		memset(fake.facts.compat.features, 0, 64);
		fake.facts.compat.features[rows[i].word] = 1u << rows[i].bit;
		assert_ok(guest_get_property(id, HV_PROPERTY_PROCESSOR_FEATURES,
		                             &value));
		assert_int_equal(value, BIT(rows[i].property));
	}
	fake_become(FAKE_NO_XSAVE);
	assert_ok(guest_get_property(id, HV_PROPERTY_XSAVE_FEATURES, &value));
	assert_int_equal(value, 0);
}

static void test_property_ranges(void **state)
{
	u64 id = guest_child(2, 0), value;

	(void)state;
	for (u32 bit = 0; bit < 64; bit++) {
		bool may = (0xf300000a7full >> bit & 1) != 0;

		assert_int_equal(guest_set_property(id,
		                                    HV_PROPERTY_PRIVILEGE_FLAGS,
		                                    BIT(bit)),
		                 may ? HV_STATUS_SUCCESS
		                     : HV_STATUS_PROPERTY_VALUE_OUT_OF_RANGE);
	}
	assert_int_equal(
		guest_set_property(id, HV_PROPERTY_STASIS_SAVE_MEMORY, 2),
		HV_STATUS_PROPERTY_VALUE_OUT_OF_RANGE);
	assert_ok(guest_set_property(id, HV_PROPERTY_STASIS_SAVE_MEMORY, 0));
	assert_ok(
		guest_get_property(id, HV_PROPERTY_STASIS_SAVE_MEMORY, &value));
	assert_int_equal(value, 0);
}

static enum hv_status next_child(u64 parent, u64 previous, u64 *next)
{
	struct hv_input_get_next_child in = { parent, previous };

	return guest_call(HVCALL_GET_NEXT_CHILD_PARTITION, &in, sizeof(in),
	                  next, sizeof(*next));
}

static void test_ids(void **state)
{
	u64 a = guest_child(2, 0), b = guest_child(2, 0), id;

	(void)state;
	assert_ok(guest_call(HVCALL_GET_PARTITION_ID, NULL, 0, &id, 8));
	assert_int_equal(id, 1);
	assert_ok(next_child(HV_PARTITION_ID_SELF, 0, &id));
	assert_int_equal(id, a);
	assert_ok(next_child(1, a, &id));
	assert_int_equal(id, b);
	assert_ok(next_child(1, b, &id));
	assert_int_equal(id, 0);
	assert_ok(next_child(a, 0, &id));
	assert_int_equal(id, 0);
	assert_int_equal(next_child(a, b, &id), HV_STATUS_INVALID_PARTITION_ID);
	assert_int_equal(next_child(55, 0, &id),
	                 HV_STATUS_INVALID_PARTITION_ID);
}

/* One level of children: the privilege alone does not make a parent. */
static void test_child_that_may_create(void **state)
{
	u64 id = guest_child(60, 1), page = guest_page(), next;
	struct vp *vp = guest_partition(id)->vps[0];
	struct hv_input_map_gpa_pages self = { HV_PARTITION_ID_SELF, 0, 7, 0 };
	u8 *block = guest_at(page << PAGE_SHIFT);

	(void)state;
	assert_ok(guest_set_property(id, HV_PROPERTY_PRIVILEGE_FLAGS,
	                             HV_PRIVILEGE_CREATE_PARTITIONS));
	assert_ok(guest_map(id, 1, page, 7));
	memset(block, 0, PAGE_SIZE);
	assert_int_equal(
		guest_raw(vp, HVCALL_CREATE_PARTITION, 0x1000, 0x1800, NULL),
		HV_STATUS_PARTITION_TOO_DEEP);
	assert_ok(next_child(id, 0, &next));
	assert_int_equal(next, 0);
	/* Its own map is its parent's to change. */
	memcpy(block, &self, sizeof(self));
	assert_int_equal(guest_raw(vp, HVCALL_MAP_GPA_PAGES | 1ull << 32,
	                           0x1000, 0, NULL),
	                 HV_STATUS_ACCESS_DENIED);
	guest_destroy(id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_create_takes_no_flags),
		TEST(test_ids_that_are_no_child),
		TEST(test_properties),
		TEST(test_processor_features),
		TEST(test_property_ranges),
		TEST(test_ids),
		TEST(test_child_that_may_create),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
