/*
 * hv/vp/intercept.c: installing, asking, removing.
 */
#include "hv/vp/intercept.h"
#include "hv/vp/partition.h"
#include "tests/host/fixture/test.h"

#define BAD HV_STATUS_INVALID_PARAMETER

static enum hv_status install(u64 id, u32 type, u64 parameter, u32 access)
{
	struct hv_input_install_intercept in = { id, access, type, parameter };

	return guest_call(HVCALL_INSTALL_INTERCEPT, &in, sizeof(in), NULL, 0);
}

static void test_what_is_refused(void **state)
{
	static const struct {
		u32 type;
		u64 parameter;
		u32 access;
	} rows[] = {
		{ 0, 0x10000, 1 },    { 0, 1, 4 },
		{ 0, 1, 8 },          { 1, 0, 4 },
		{ 2, 1ull << 32, 4 }, { 2, 0, 1 },
		{ 2, 0, 2 },          { 3, 32, 4 },
		{ 3, 2, 4 },          { 3, 0, 1 },
		{ 4, 0, 1 },          { UINT32_MAX, 0, 0 },
		{ 3, 1ull << 32, 4 },
	};
	u64 id = guest_child(20, 0);

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(install(id, rows[i].type, rows[i].parameter,
		                         rows[i].access),
		                 BAD);
	assert_int_equal(install(1, 0, 1, 1), HV_STATUS_ACCESS_DENIED);
}

static void test_ports(void **state)
{
	u64 id = guest_child(20, 0);
	struct partition *p = guest_partition(id);
	u64 in_use = p->pool.in_use;

	(void)state;
	assert_ok(install(id, 0, 0x3f8, 0));
	assert_int_equal(p->pool.in_use, in_use);
	assert_ok(install(id, 0, 0x3f8, 1));
	assert_ok(install(id, 0, 0x3f9, 2));
	assert_ok(install(id, 0, 0xffff, 3));
	assert_int_equal(p->pool.in_use, in_use + 2);
	assert_true(intercept_has_port(p, 0x3f8, 1, 1));
	assert_false(intercept_has_port(p, 0x3f8, 1, 2));
	assert_true(intercept_has_port(p, 0x3f8, 2, 2));
	assert_true(intercept_has_port(p, 0x3f6, 4, 3));
	assert_false(intercept_has_port(p, 0x3f4, 4, 3));
	assert_true(intercept_has_port(p, 0xfffe, 4, 2));
	/* Ports end at 0xffff, they do not go on at 0. */
	assert_ok(install(id, 0, 0, 3));
	assert_ok(install(id, 0, 0xffff, 0));
	assert_false(intercept_has_port(p, 0xffff, 4, 3));
	assert_ok(install(id, 0, 0x3f8, 0));
	assert_false(intercept_has_port(p, 0x3f8, 1, 3));
	assert_true(intercept_has_port(p, 0x3f9, 1, 2));
	guest_destroy(id);
}

static void test_every_port_is_its_own(void **state)
{
	u64 id = guest_child(20, 0);
	struct partition *p = guest_partition(id);

	(void)state;
	for (u32 port = 0; port < 0x10000; port += 37)
		assert_ok(intercept_install(p, 0, port, 1 + port % 3));
	for (u32 port = 0; port < 0x10000; port++) {
		u32 access = port % 37 ? 0 : 1 + port % 3;

		assert_int_equal(intercept_has_port(p, (u16)port, 1, 1),
		                 access & 1);
		assert_int_equal(intercept_has_port(p, (u16)port, 1, 2),
		                 access >> 1);
	}
}

static void test_dry_pool(void **state)
{
	u64 id = guest_child(1, 0);

	(void)state;
	assert_int_equal(install(id, 0, 1, 1), HV_STATUS_INSUFFICIENT_MEMORY);
	assert_false(intercept_has_port(guest_partition(id), 1, 1, 3));
	guest_deposit(id, 1);
	assert_ok(install(id, 0, 1, 1));
	guest_destroy(id);
}

static void test_cpuid_leaves(void **state)
{
	u64 id = guest_child(20, 0);
	struct partition *p = guest_partition(id);

	(void)state;
	for (u32 i = 0; i < PARTITION_CPUID_INTERCEPTS; i++) {
		assert_ok(install(id, 2, i * 0x1000000, 4));
		assert_ok(install(id, 2, i * 0x1000000, 4));
	}
	assert_int_equal(install(id, 2, 77, 4), HV_STATUS_INSUFFICIENT_MEMORY);
	assert_ok(install(id, 2, 77, 0));
	assert_ok(install(id, 2, 0, 0));
	assert_false(intercept_has_cpuid(p, 0));
	for (u32 i = 1; i < PARTITION_CPUID_INTERCEPTS; i++)
		assert_true(intercept_has_cpuid(p, i * 0x1000000));
	assert_ok(install(id, 2, 77, 4));
	assert_true(intercept_has_cpuid(p, 77));
}

static void test_exceptions_and_msrs(void **state)
{
	u64 id = guest_child(20, 0);
	struct partition *p = guest_partition(id);

	(void)state;
	assert_ok(install(id, 3, 31, 4));
	assert_ok(install(id, 3, 0, 4));
	assert_int_equal(p->exceptions, 0x80000001);
	assert_ok(install(id, 3, 31, 0));
	assert_int_equal(p->exceptions, 1);
	assert_ok(install(id, 1, 0, 3));
	assert_int_equal(p->msr_access, 3);
	assert_ok(install(id, 1, 0, 0));
	assert_int_equal(p->msr_access, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_refused),
		TEST(test_ports),
		TEST(test_every_port_is_its_own),
		TEST(test_dry_pool),
		TEST(test_cpuid_leaves),
		TEST(test_exceptions_and_msrs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
