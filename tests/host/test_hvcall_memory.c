/*
 * hv/call/hvcall_memory.c: pools, GPA space, ReadGpa and WriteGpa.
 */
#include "hv/memory/frame.h"
#include "hv/memory/gpa.h"
#include "hv/run/msr.h"
#include "hv/vp/partition.h"
#include "tests/host/fixture/test.h"

static void test_d29_what_can_be_deposited(void **state)
{
	u64 id = guest_child(8, 0), page = guest_page(), mapped = guest_page();

	(void)state;
	assert_int_equal(guest_deposit_page(id, 0), HV_STATUS_OPERATION_DENIED);
	assert_int_equal(guest_deposit_page(id, fake.reserved_base >> 12),
	                 HV_STATUS_OPERATION_DENIED);
	assert_int_equal(guest_deposit_page(id, FAKE_HOLE_BASE >> 12),
	                 HV_STATUS_OPERATION_DENIED);
	assert_int_equal(guest_deposit_page(id, fake.ram_bytes >> 12),
	                 HV_STATUS_OPERATION_DENIED);
	assert_int_equal(guest_deposit_page(id, UINT64_MAX),
	                 HV_STATUS_OPERATION_DENIED);
	assert_int_equal(guest_deposit_page(id, gpa_limit() + page),
	                 HV_STATUS_OPERATION_DENIED);
	assert_ok(guest_deposit_page(id, page));
	assert_int_equal(guest_deposit_page(id, page),
	                 HV_STATUS_OPERATION_DENIED);
	assert_ok(guest_map(id, 5, mapped, 0));
	assert_int_equal(guest_deposit_page(id, mapped),
	                 HV_STATUS_OBJECT_IN_USE);
	assert_ok(guest_unmap(id, 5));
	assert_ok(guest_deposit_page(id, mapped));
	page = guest_page();
	assert_int_equal(vp_msr_write(fake_root_vp(), HV_MSR_SIMP,
	                              page << PAGE_SHIFT | 1),
	                 MSR_OK);
	assert_int_equal(guest_deposit_page(id, page), HV_STATUS_OBJECT_IN_USE);
	assert_int_equal(guest_map(id, 5, page, 7), HV_STATUS_OPERATION_DENIED);
}

static void test_deposited_page_vanishes_and_comes_back_zero(void **state)
{
	u64 page = guest_page(), back;
	struct arch_mapping m;
	u32 flushes;

	(void)state;
	memset(guest_at(page << PAGE_SHIFT), 0x5a, PAGE_SIZE);
	flushes = fake.flushes;
	assert_ok(guest_deposit_page(HV_PARTITION_ID_SELF, page));
	assert_true(fake.flushes > flushes);
	assert_false(arch_space_lookup(&fake_root()->space.arch,
	                               gpa_of_page(page), &m));
	assert_null(gpa_pin(&fake_root()->space, gpa_of_page(page), 8, 1));
	assert_ok(guest_withdraw_page(1, &back));
	assert_int_equal(back, page);
	assert_int_equal(frame_owner(hpa_of_page(page)), FRAME_ROOT);
	for (u32 i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(guest_at(page << PAGE_SHIFT)[i], 0);
	assert_int_equal(guest_withdraw_page(1, &back), HV_STATUS_NO_RESOURCES);
}

/* A page that comes back under an overlay is seen when that goes away. */
static void test_withdrawn_under_an_overlay(void **state)
{
	struct vp *root = fake_root_vp();
	u64 page = guest_page(), back;
	struct arch_mapping m;

	(void)state;
	assert_ok(guest_deposit_page(HV_PARTITION_ID_SELF, page));
	assert_int_equal(vp_msr_write(root, HV_MSR_GUEST_OS_ID, 1), MSR_OK);
	assert_int_equal(
		vp_msr_write(root, HV_MSR_HYPERCALL, page << PAGE_SHIFT | 1),
		MSR_OK);
	assert_ok(guest_withdraw_page(1, &back));
	assert_int_equal(back, page);
	assert_true(arch_space_lookup(&fake_root()->space.arch,
	                              gpa_of_page(page), &m));
	assert_int_not_equal(m.page.v, page << PAGE_SHIFT);
	assert_int_equal(vp_msr_write(root, HV_MSR_HYPERCALL, 0), MSR_OK);
	assert_true(arch_space_lookup(&fake_root()->space.arch,
	                              gpa_of_page(page), &m));
	assert_int_equal(m.page.v, page << PAGE_SHIFT);
	assert_int_equal(m.rights, 7);
}

static void test_pool_ids(void **state)
{
	u64 page = guest_page(), a, b;

	(void)state;
	assert_int_equal(guest_deposit_page(77, page),
	                 HV_STATUS_INVALID_PARTITION_ID);
	assert_int_equal(guest_withdraw_page(77, &a),
	                 HV_STATUS_INVALID_PARTITION_ID);
	assert_int_equal(guest_balance(0, &a, &b),
	                 HV_STATUS_INVALID_PARTITION_ID);
	assert_ok(guest_balance(HV_PARTITION_ID_SELF, &a, &b));
	assert_int_equal(a, fake_root()->pool.available);
	assert_int_equal(b, fake_root()->pool.in_use);
}

static void test_proximity_is_refused(void **state)
{
	struct hv_input_get_memory_balance in = { 1, 1 };
	struct hv_output_get_memory_balance out;

	(void)state;
	assert_int_equal(guest_call(HVCALL_GET_MEMORY_BALANCE, &in, sizeof(in),
	                            &out, sizeof(out)),
	                 HV_STATUS_INVALID_PARAMETER);
}

static void test_map_statuses(void **state)
{
	u64 id = guest_child(20, 0), page = guest_page();
	struct partition *p = guest_partition(id);

	(void)state;
	assert_int_equal(guest_map(1, 0, page, 7), HV_STATUS_OPERATION_DENIED);
	assert_int_equal(guest_map(HV_PARTITION_ID_SELF, 0, page, 7),
	                 HV_STATUS_OPERATION_DENIED);
	assert_int_equal(guest_unmap(1, 0), HV_STATUS_OPERATION_DENIED);
	assert_int_equal(guest_map(99, 0, page, 7),
	                 HV_STATUS_INVALID_PARTITION_ID);
	assert_int_equal(guest_map(id, 0, page, 2),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(guest_map(id, gpa_limit(), page, 7),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(guest_map(id, UINT64_MAX, page, 7),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(guest_map(id, 0, gpa_limit(), 7),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(guest_map(id, 0, fake.reserved_base >> 12, 7),
	                 HV_STATUS_OPERATION_DENIED);
	assert_int_equal(guest_map(id, 0, FAKE_HOLE_BASE >> 12, 7),
	                 HV_STATUS_OPERATION_DENIED);
	assert_int_equal(p->space.mapped, 0);
	assert_ok(guest_map(id, gpa_limit() - 1, page, 7));
	assert_int_equal(guest_unmap(id, gpa_limit()),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_ok(guest_unmap(id, gpa_limit() - 1));
}

/* A list that runs past the end of the space, and one that wraps. */
static void test_map_list(void **state)
{
	u64 id = guest_child(20, 0);
	struct hv_input_map_gpa_pages in = { id, gpa_limit() - 2, 7, 0 };
	u64 list[4] = { 0x300, 0x301, 0x302, 0x303 };
	u32 done;

	(void)state;
	assert_int_equal(guest_rep(HVCALL_MAP_GPA_PAGES, &in, sizeof(in), list,
	                           32, NULL, 0, 4, &done),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(done, 2);
	in.target_gpa_base = UINT64_MAX;
	assert_int_equal(guest_rep(HVCALL_MAP_GPA_PAGES, &in, sizeof(in), list,
	                           32, NULL, 0, 4, &done),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(done, 0);
}

/* A call that is gone on with at element 1 must not come out at page 0. */
static void test_map_list_that_wraps_in_the_middle(void **state)
{
	u64 id = guest_child(20, 0), page = guest_page();
	struct hv_input_map_gpa_pages in = { id, UINT64_MAX, 7, 0 };
	u64 control = HVCALL_MAP_GPA_PAGES | 2ull << 32 | 1ull << 48;
	struct arch_mapping m;

	(void)state;
	memcpy(guest_at(GUEST_INPUT), &in, sizeof(in));
	for (u32 i = 0; i < 2; i++)
		memcpy(guest_at(GUEST_INPUT) + sizeof(in) + 8 * i, &page, 8);
	assert_int_equal(
		guest_raw(fake_root_vp(), control, GUEST_INPUT, 0, NULL),
		HV_STATUS_INVALID_PARAMETER | 1ull << 32);
	assert_false(gpa_lookup(&guest_partition(id)->space, 0, &m));
	assert_ok(guest_map(id, 0, page, 7));
	in.map_flags = 0;
	memcpy(guest_at(GUEST_INPUT), &in, sizeof(in));
	control += HVCALL_UNMAP_GPA_PAGES - HVCALL_MAP_GPA_PAGES;
	assert_int_equal(
		guest_raw(fake_root_vp(), control, GUEST_INPUT, 0, NULL),
		HV_STATUS_INVALID_PARAMETER | 1ull << 32);
	assert_true(gpa_lookup(&guest_partition(id)->space, 0, &m));
}

static void test_unmap_takes_no_flags(void **state)
{
	u64 id = guest_child(20, 0);
	struct hv_input_unmap_gpa_pages in = { id, 0, 1, 0 };

	(void)state;
	assert_int_equal(guest_rep(HVCALL_UNMAP_GPA_PAGES, &in, sizeof(in),
	                           NULL, 0, NULL, 0, 1, NULL),
	                 HV_STATUS_INVALID_PARAMETER);
}

static enum hv_status read_gpa(u64 id, u32 vp, u64 gpa, u32 bytes,
                               struct hv_output_read_gpa *out)
{
	struct hv_input_read_gpa in = { id, vp, bytes, gpa, 0 };

	return guest_call(HVCALL_READ_GPA, &in, sizeof(in), out, sizeof(*out));
}

static u32 write_gpa(u64 id, u64 gpa, u32 bytes, u8 value)
{
	struct hv_input_write_gpa in = { id, 0, bytes, gpa, 0, { 0 } };
	struct hv_output_write_gpa out;

	memset(in.data, value, 16);
	assert_ok(guest_call(HVCALL_WRITE_GPA, &in, sizeof(in), &out,
	                     sizeof(out)));
	assert_int_equal(out.rsvd, 0);
	return out.result;
}

static void test_read_and_write_gpa(void **state)
{
	u64 id = guest_child(40, 1), page = guest_page();
	u8 *bytes = guest_at(page << PAGE_SHIFT);
	struct hv_output_read_gpa out;

	(void)state;
	memset(bytes, 0x11, PAGE_SIZE);
	assert_ok(guest_map(id, 2, page, 3));
	for (u32 n = 1; n <= 16; n++) {
		assert_int_equal(write_gpa(id, 0x3000 - n, n, (u8)n), 0);
		assert_ok(read_gpa(id, 0, 0x3000 - n, n, &out));
		assert_int_equal(out.result, HV_ACCESS_GPA_SUCCESS);
		for (u32 i = 0; i < 16; i++)
			assert_int_equal(out.data[i], i < n ? n : 0);
	}
	assert_int_equal(bytes[PAGE_SIZE - 17], 0x11);
	assert_int_equal(read_gpa(id, 0, 0x2ff1, 16, &out),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(read_gpa(id, 0, 0x2000, 17, &out),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(read_gpa(id, 0, 0x2000, 0, &out),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(read_gpa(id, 0, gpa_limit() << 12, 1, &out),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(read_gpa(id, 1, 0x2000, 1, &out),
	                 HV_STATUS_INVALID_VP_INDEX);
	assert_int_equal(read_gpa(id, PARTITION_VPS, 0x2000, 1, &out),
	                 HV_STATUS_INVALID_VP_INDEX);
	assert_int_equal(read_gpa(id, UINT32_MAX, 0x2000, 1, &out),
	                 HV_STATUS_INVALID_VP_INDEX);
	assert_int_equal(read_gpa(1, 0, 0x2000, 1, &out),
	                 HV_STATUS_ACCESS_DENIED);
}

static void test_gpa_access_to_no_active_child(void **state)
{
	struct hv_input_write_gpa in = { 0, 0, 1, 0x2000, 0, { 0 } };
	struct hv_output_write_gpa written;
	struct hv_output_read_gpa out;

	(void)state;
	assert_ok(guest_create(&in.partition_id));
	assert_int_equal(read_gpa(in.partition_id, 0, 0x2000, 1, &out),
	                 HV_STATUS_INVALID_PARTITION_STATE);
	assert_int_equal(guest_call(HVCALL_WRITE_GPA, &in, sizeof(in), &written,
	                            sizeof(written)),
	                 HV_STATUS_INVALID_PARTITION_STATE);
}

static void test_results_of_gpa_access(void **state)
{
	u64 id = guest_child(40, 1), page = guest_page();
	struct hv_output_read_gpa out;

	(void)state;
	assert_ok(read_gpa(id, 0, 0x9000, 4, &out));
	assert_int_equal(out.result, HV_ACCESS_GPA_UNMAPPED);
	assert_int_equal(write_gpa(id, 0x9000, 4, 1), HV_ACCESS_GPA_UNMAPPED);
	assert_ok(guest_map(id, 9, page, 1));
	assert_int_equal(write_gpa(id, 0x9000, 4, 1),
	                 HV_ACCESS_GPA_WRITE_INTERCEPT);
	assert_ok(guest_map(id, 9, page, HV_MAP_GPA_NO_ACCESS));
	assert_ok(read_gpa(id, 0, 0x9000, 4, &out));
	assert_int_equal(out.result, HV_ACCESS_GPA_READ_INTERCEPT);
	assert_ok(guest_set(id, 0, HV_REGISTER_GUEST_OS_ID, 1));
	assert_ok(guest_set(id, 0, HV_REGISTER_HYPERCALL, 0x9001));
	assert_ok(read_gpa(id, 0, 0x9000, 4, &out));
	assert_int_equal(out.result, HV_ACCESS_GPA_ILLEGAL_OVERLAY);
	assert_int_equal(write_gpa(id, 0x9000, 4, 1),
	                 HV_ACCESS_GPA_ILLEGAL_OVERLAY);
}

/*
 * Whatever the number of pages is that a child is given, its life begins or
 * stops somewhere, and nothing is lost.
 */
static void test_life_with_n_pages(void **state)
{
	u64 source = guest_page();
	u32 whole = 0;

	(void)state;
	for (u32 n = 0; n < 30; n++) {
		struct hv_input_install_intercept in = { 0, 1, 0, 0x60 };
		u64 id;
		bool ok;

		assert_ok(guest_create(&id));
		guest_deposit(id, n);
		in.partition_id = id;
		ok = guest_initialize(id) == HV_STATUS_SUCCESS &&
		     guest_create_vp(id, 0) == HV_STATUS_SUCCESS &&
		     guest_map(id, 1ull << 26, source, 7) ==
		             HV_STATUS_SUCCESS &&
		     guest_call(HVCALL_INSTALL_INTERCEPT, &in, sizeof(in), NULL,
		                0) == HV_STATUS_SUCCESS &&
		     guest_set(id, 0, HV_REGISTER_GUEST_OS_ID, 1) ==
		             HV_STATUS_SUCCESS &&
		     guest_set(id, 0, HV_REGISTER_HYPERCALL, 0x1001) ==
		             HV_STATUS_SUCCESS;
		whole += ok;
		assert_true(!ok || n > 12);
		if (n == 0)
			assert_ok(guest_delete(id));
		else
			guest_destroy(id);
		assert_int_equal(frame_mappings(hpa_of_page(source)), 0);
	}
	assert_in_range(whole, 10, 17);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_d29_what_can_be_deposited),
		TEST(test_deposited_page_vanishes_and_comes_back_zero),
		TEST(test_withdrawn_under_an_overlay),
		TEST(test_pool_ids),
		TEST(test_proximity_is_refused),
		TEST(test_map_statuses),
		TEST(test_map_list),
		TEST(test_map_list_that_wraps_in_the_middle),
		TEST(test_unmap_takes_no_flags),
		TEST(test_read_and_write_gpa),
		TEST(test_gpa_access_to_no_active_child),
		TEST(test_results_of_gpa_access),
		TEST(test_life_with_n_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
