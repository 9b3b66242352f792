/*
 * hv/interrupt/synic.c for children: each VP has pages of its own, over whatever the
 * parent has mapped.
 */
#include "hv/interrupt/synic.h"
#include "hv/run/msr.h"
#include "tests/host/fixture/guest_vp.h"
#include "tests/host/fixture/test.h"

#define VPS 4u
#define GPN 0x300ull

static u64 id;
static struct partition *p;

static void make(void)
{
	id = guest_child(120, VPS);
	p = guest_partition(id);
}

static enum msr_result put(u32 vp, u32 msr, u64 value)
{
	return vp_msr_write(p->vps[vp], msr, value);
}

static u64 at(u64 gpn)
{
	return gpn << PAGE_SHIFT | 1;
}

/* What the guest finds there; NULL: nothing. */
static void *seen(u64 gpn)
{
	struct arch_mapping m;

	if (!arch_space_lookup(&p->space.arch, gpa_of_page(gpn), &m))
		return NULL;
	return arch_page(m.page);
}

static void test_each_vp_has_its_own(void **state)
{
	struct hv_message m = { .type = 5 };

	(void)state;
	make();
	for (u32 i = 0; i < VPS; i++) {
		assert_int_equal(put(i, HV_MSR_SCONTROL, 1), MSR_OK);
		assert_int_equal(put(i, HV_MSR_SIMP, at(GPN + i)), MSR_OK);
		assert_int_equal(put(i, HV_MSR_SIEFP, at(GPN + 64 + i)),
		                 MSR_OK);
		assert_int_equal(put(i, HV_MSR_SINT0 + 2, 0x40 + i), MSR_OK);
	}
	for (u32 i = 0; i < VPS; i++) {
		struct arch_mapping map;

		m.payload[0] = i;
		assert_ok(synic_post(p->vps[i], 2, &m));
		assert_ok(synic_signal(p->vps[i], 3, 8 * i));
		assert_int_equal(guest_read_msr(p->vps[i], HV_MSR_SIMP),
		                 at(GPN + i));
		assert_int_equal(guest_read_msr(p->vps[i], HV_MSR_SINT0 + 2),
		                 0x40 + i);
		assert_true(arch_space_lookup(&p->space.arch,
		                              gpa_of_page(GPN + i), &map));
		assert_int_equal(map.rights, ARCH_READ | ARCH_WRITE);
	}
	for (u32 i = 0; i < VPS; i++) {
		const struct hv_message *slots = seen(GPN + i);
		const u8 *flags = seen(GPN + 64 + i);

		for (u32 k = 0; k < HV_SINT_COUNT; k++)
			assert_int_equal(slots[k].type, k == 2 ? 5 : 0);
		assert_int_equal(slots[2].payload[0], i);
		for (u32 k = 0; k < PAGE_SIZE; k++)
			assert_int_equal(flags[k], k == 3 * 256 + i);
	}
}

static void test_values(void **state)
{
	static const u32 pages[] = { HV_MSR_SIMP, HV_MSR_SIEFP };

	(void)state;
	make();
	for (u32 i = 0; i < ARRAY_LEN(pages); i++) {
		u32 msr = pages[i];

		assert_int_equal(guest_read_msr(p->vps[1], msr), 0);
		assert_int_equal(put(1, msr, at(GPN + i) | 0xffe), MSR_OK);
		assert_int_equal(guest_read_msr(p->vps[1], msr), at(GPN + i));
		/* Beyond the space, on or off: nothing changes. */
		assert_int_equal(put(1, msr, gpa_limit() << PAGE_SHIFT | 1),
		                 MSR_FAULT);
		assert_int_equal(put(1, msr, gpa_limit() << PAGE_SHIFT),
		                 MSR_FAULT);
		assert_int_equal(put(1, msr, ~0ull), MSR_FAULT);
		assert_int_equal(guest_read_msr(p->vps[1], msr), at(GPN + i));
		assert_non_null(seen(GPN + i));
		/* The last page is one. */
		assert_int_equal(put(1, msr, at(gpa_limit() - 1 - i)), MSR_OK);
		assert_non_null(seen(gpa_limit() - 1 - i));
		assert_null(seen(GPN + i));
		assert_int_equal(put(1, msr, GPN << PAGE_SHIFT), MSR_OK);
		assert_int_equal(guest_read_msr(p->vps[1], msr),
		                 GPN << PAGE_SHIFT);
		assert_null(seen(GPN));
	}
	assert_int_equal(put(1, HV_MSR_SVERSION, 1), MSR_FAULT);
	assert_int_equal(guest_read_msr(p->vps[1], HV_MSR_SVERSION), 1);
	assert_int_equal(put(1, HV_MSR_SINT0 + 15, 15), MSR_FAULT);
	assert_int_equal(guest_read_msr(p->vps[1], HV_MSR_SINT0 + 15),
	                 HV_SINT_MASKED);
}

/* A page has one overlay: of whichever VP, and whatever kind. */
static void test_two_at_one_place(void **state)
{
	(void)state;
	make();
	assert_int_equal(put(0, HV_MSR_SIMP, at(GPN)), MSR_OK);
	assert_int_equal(put(0, HV_MSR_SIEFP, at(GPN)), MSR_FAULT);
	assert_int_equal(put(1, HV_MSR_SIMP, at(GPN)), MSR_FAULT);
	assert_int_equal(put(1, HV_MSR_REFERENCE_TSC, at(GPN)), MSR_FAULT);
	assert_int_equal(put(1, HV_MSR_GUEST_OS_ID, 1), MSR_OK);
	assert_int_equal(put(1, HV_MSR_HYPERCALL, at(GPN)), MSR_FAULT);
	assert_int_equal(guest_read_msr(p->vps[1], HV_MSR_SIMP), 0);
	/* Once more the same is nothing new. */
	assert_int_equal(put(0, HV_MSR_SIMP, at(GPN)), MSR_OK);
	assert_int_equal(put(0, HV_MSR_SIMP, 0), MSR_OK);
	assert_int_equal(put(1, HV_MSR_SIMP, at(GPN)), MSR_OK);
	assert_ptr_equal(seen(GPN), p->vps[1]->pages[VP_PAGE_SIM]);
}

/* The guest's own page is under it, and is back when it goes. */
static void test_what_is_under(void **state)
{
	u64 first = guest_page(), second = guest_page();

	(void)state;
	make();
	memset(guest_at(first << PAGE_SHIFT), 0x11, PAGE_SIZE);
	memset(guest_at(second << PAGE_SHIFT), 0x22, PAGE_SIZE);
	assert_ok(guest_map(id, GPN, first, 7));
	assert_int_equal(put(2, HV_MSR_SIEFP, at(GPN)), MSR_OK);
	assert_int_equal(((u8 *)seen(GPN))[7], 0);
	assert_null(gpa_pin(&p->space, gpa_of_page(GPN), 8, ARCH_READ));
	/* The parent maps another there, meanwhile. */
	assert_ok(guest_map(id, GPN, second, 7));
	((u8 *)seen(GPN))[7] = 0x99;
	assert_int_equal(put(2, HV_MSR_SIEFP, 0), MSR_OK);
	assert_int_equal(((u8 *)seen(GPN))[7], 0x22);
	/* What the guest wrote into its SIEF page is there still. */
	assert_int_equal(put(2, HV_MSR_SIEFP, at(GPN + 5)), MSR_OK);
	assert_int_equal(((u8 *)seen(GPN + 5))[7], 0x99);
	assert_int_equal(put(2, HV_MSR_SIEFP, at(GPN)), MSR_OK);
	assert_ok(guest_unmap(id, GPN));
	assert_non_null(seen(GPN));
	assert_int_equal(put(2, HV_MSR_SIEFP, 0), MSR_OK);
	assert_null(seen(GPN));
}

/* Places 64 pages apart share a bit of the filter. */
static void test_deleted_vp_takes_its_pages(void **state)
{
	u64 in_use;

	(void)state;
	make();
	for (u32 i = 0; i < VPS; i++) {
		assert_int_equal(put(i, HV_MSR_SIMP, at(GPN + 64 * i)), MSR_OK);
		assert_int_equal(put(i, HV_MSR_SIEFP, at(GPN + 1 + 64 * i)),
		                 MSR_OK);
	}
	in_use = p->pool.in_use;
	assert_ok(guest_delete_vp(id, 1));
	assert_int_equal(p->pool.in_use, in_use - 1 - VP_PAGES);
	for (u32 i = 0; i < VPS; i++) {
		assert_int_equal(gpa_has_overlay(&p->space, GPN + 64 * i),
		                 i != 1);
		assert_int_equal(seen(GPN + 1 + 64 * i) != NULL, i != 1);
	}
	/* A new VP of that index begins with clean pages and none shown. */
	assert_ok(guest_create_vp(id, 1));
	assert_int_equal(guest_read_msr(p->vps[1], HV_MSR_SIMP), 0);
	assert_int_equal(put(1, HV_MSR_SIMP, at(GPN + 64)), MSR_OK);
	for (u32 k = 0; k < PAGE_SIZE; k++)
		assert_int_equal(((u8 *)seen(GPN + 64))[k], 0);
	guest_destroy(id);
}

/* Each of a partition's pages over each other one: not possible (D27), as it was. */
static void test_another_page_is_there(void **state)
{
	static const u32 names[] = { HV_REGISTER_HYPERCALL,
		                     HV_REGISTER_REFERENCE_TSC,
		                     HV_REGISTER_SIMP, HV_REGISTER_SIEFP };

	(void)state;
	make();
	assert_int_equal(guest_set(id, 0, HV_REGISTER_GUEST_OS_ID, 1), 0);
	for (u32 i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(guest_set(id, 0, names[i], at(GPN + i)), 0);
	for (u32 i = 0; i < ARRAY_LEN(names); i++)
		for (u32 k = 0; k < ARRAY_LEN(names); k++)
			assert_int_equal(
				guest_set(id, 0, names[i], at(GPN + k)),
				i == k ? HV_STATUS_SUCCESS
				       : HV_STATUS_INVALID_PARAMETER);
	for (u32 i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(guest_get64(id, 0, names[i]), at(GPN + i));
	guest_destroy(id);
}

/* No memory for the tables of a place far away: it is there, and does not show. */
static void test_no_memory(void **state)
{
	(void)state;
	make();
	assert_int_equal(put(0, HV_MSR_SIMP, at(GPN)), MSR_OK);
	while (p->pool.available > 0)
		assert_non_null(pool_alloc(&p->pool));
	assert_int_equal(put(0, HV_MSR_SIEFP, at(GPN << 18)), MSR_OK);
	assert_int_equal(put(1, HV_MSR_SIMP, at(GPN << 19)), MSR_OK);
	assert_int_equal(guest_read_msr(p->vps[0], HV_MSR_SIEFP),
	                 at(GPN << 18));
	assert_null(seen(GPN << 18));
	assert_ptr_equal(seen(GPN), p->vps[0]->pages[VP_PAGE_SIM]);
	/* Where tables are it shows. */
	assert_int_equal(put(0, HV_MSR_SIEFP, at(GPN + 1)), MSR_OK);
	assert_ptr_equal(seen(GPN + 1), p->vps[0]->pages[VP_PAGE_SIEF]);
	/* With memory the same write finds it. */
	guest_deposit(id, 3);
	assert_int_equal(put(1, HV_MSR_SIMP, at(GPN << 19)), MSR_OK);
	assert_ptr_equal(seen(GPN << 19), p->vps[1]->pages[VP_PAGE_SIM]);
}

/* The parent's calls do not reach into a page of the hypervisor. */
static void test_parent_reads_around_it(void **state)
{
	struct hv_input_read_gpa in = { 0, 0, 8, GPN << PAGE_SHIFT, 0 };
	struct hv_output_read_gpa out;

	(void)state;
	make();
	in.partition_id = id;
	assert_ok(guest_map(id, GPN, guest_page(), 7));
	assert_int_equal(put(3, HV_MSR_SIMP, at(GPN)), MSR_OK);
	assert_ok(guest_call(HVCALL_READ_GPA, &in, sizeof(in), &out,
	                     sizeof(out)));
	assert_int_equal(out.result, HV_ACCESS_GPA_ILLEGAL_OVERLAY);
	assert_int_equal(put(3, HV_MSR_SIMP, 0), MSR_OK);
	assert_ok(guest_call(HVCALL_READ_GPA, &in, sizeof(in), &out,
	                     sizeof(out)));
	assert_int_equal(out.result, HV_ACCESS_GPA_SUCCESS);
}

static void test_privilege(void **state)
{
	u64 value;

	(void)state;
	make();
	p->privileges &= ~HV_PRIVILEGE_ACCESS_SYNIC_MSRS;
	for (u32 msr = HV_MSR_SCONTROL; msr <= HV_MSR_EOM; msr++) {
		assert_int_equal(put(0, msr, 0), MSR_UNKNOWN);
		assert_int_equal(vp_msr_read(p->vps[0], msr, &value),
		                 MSR_UNKNOWN);
	}
	for (u32 i = 0; i < HV_SINT_COUNT; i++)
		assert_int_equal(put(0, HV_MSR_SINT0 + i, 0), MSR_UNKNOWN);
}

/* By its parent, by name: the same, and reserved bits are refused. */
static void test_by_name(void **state)
{
	static const struct {
		u32 name;
		u64 good, bad;
	} rows[] = {
		{ HV_REGISTER_SCONTROL, 1, 2 },
		{ HV_REGISTER_SCONTROL, 0, BIT(63) },
		{ HV_REGISTER_SIEFP, GPN << PAGE_SHIFT | 1, 2 },
		{ HV_REGISTER_SIEFP, 0, 0x800 },
		{ HV_REGISTER_SIMP, GPN << PAGE_SHIFT, BIT(46) },
		{ HV_REGISTER_SIMP, GPN << PAGE_SHIFT | 1, 4 },
		{ HV_REGISTER_SINT0, 0x10, 0x0f },
		{ HV_REGISTER_SINT0 + 1, HV_SINT_MASKED, BIT(19) },
		{ HV_REGISTER_SINT0 + 7, 0x700ff, 0x100 },
		{ HV_REGISTER_SINT0 + 15, 0x200ff, BIT(32) | 0xff },
	};
	union hv_register_value v = { .reg128 = { HV_SINT_MASKED, 1 } };

	(void)state;
	make();
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		assert_ok(guest_set(id, 2, rows[i].name, rows[i].good));
		assert_int_equal(guest_set(id, 2, rows[i].name, rows[i].bad),
		                 HV_STATUS_INVALID_PARAMETER);
		assert_int_equal(guest_get64(id, 2, rows[i].name),
		                 rows[i].good);
		assert_ok(guest_set(id, 2, HV_REGISTER_SIEFP, 0));
	}
	assert_ptr_equal(seen(GPN), p->vps[2]->pages[VP_PAGE_SIM]);
	assert_int_equal(guest_read_msr(p->vps[2], HV_MSR_SINT0 + 7), 0x700ff);
	assert_int_equal(guest_set128(id, 2, HV_REGISTER_SINT0, &v),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(guest_get64(id, 2, HV_REGISTER_SVERSION), 1);
	assert_int_equal(guest_set(id, 2, HV_REGISTER_SVERSION, 1),
	                 HV_STATUS_INVALID_PARAMETER);
}

/* EOM by name is one: what waits comes. */
static void test_eom_by_name(void **state)
{
	struct hv_message m = { .type = 5 };

	(void)state;
	make();
	assert_int_equal(put(0, HV_MSR_SCONTROL, 1), MSR_OK);
	assert_int_equal(put(0, HV_MSR_SIMP, at(GPN)), MSR_OK);
	assert_int_equal(put(0, HV_MSR_SINT0 + 2, 0x40), MSR_OK);
	assert_ok(synic_post(p->vps[0], 2, &m));
	m.type = 6;
	assert_ok(synic_post(p->vps[0], 2, &m));
	((struct hv_message *)seen(GPN))[2].type = HV_MESSAGE_NONE;
	assert_ok(guest_set(id, 0, HV_REGISTER_EOM, 0));
	assert_int_equal(((struct hv_message *)seen(GPN))[2].type, 6);
	assert_int_equal(guest_get64(id, 0, HV_REGISTER_EOM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_vp_has_its_own),
		TEST(test_values),
		TEST(test_two_at_one_place),
		TEST(test_what_is_under),
		TEST(test_deleted_vp_takes_its_pages),
		TEST(test_another_page_is_there),
		TEST(test_no_memory),
		TEST(test_parent_reads_around_it),
		TEST(test_privilege),
		TEST(test_by_name),
		TEST(test_eom_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
