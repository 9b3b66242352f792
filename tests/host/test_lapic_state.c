/*
 * hv/interrupt/lapic_registers.c: a local APIC by the names of its registers, and as a chunk
 * of a stream.
 */
#include "hv/interrupt/lapic.h"
#include "hv/vp/partition.h"
#include "include/x86_apic.h"
#include "tests/host/fixture/guest_vp.h"
#include "tests/host/fixture/state.h"
#include "tests/host/fixture/test.h"

static u64 id;
static struct vp *vp;

static void make(void)
{
	vp = guest_child_vp(40, 2, &id);
}

static void make_x2apic(void)
{
	make();
	guest_use_x2apic(vp);
}

/* ---- By the parent ---- */

static void test_registers_by_name(void **state)
{
	static const struct {
		u32 name;
		u64 value;
		u64 refused;
	} rows[] = {
		{ 0x08, 0x35, 0x100 },      { 0x0f, 0x1fe, 0x200 },
		{ 0x10, 0x10000, 0x8000 },  { 0x11, 0x80000001, BIT(32) },
		{ 0x18, 0x20000, 1 },       { 0x1f, 5, BIT(40) },
		{ 0x20, 0x40000, 2 },       { 0x27, 9, BIT(63) },
		{ 0x28, 0xe0, 1 },          { 0x30, 0x300004040, 0x1000 },
		{ 0x32, 0x20030, 0x80000 }, { 0x33, 0x10710, 0x1000 },
		{ 0x35, 0x8733, 0x4000 },   { 0x37, 0x44, 0x100 },
		{ 0x38, 77, BIT(32) },      { 0x3e, 0xb, 4 },
	};
	u32 name;

	(void)state;
	make_x2apic();
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		name = HV_REGISTER_APIC_FIRST + rows[i].name;
		assert_ok(guest_set(id, 1, name, rows[i].value));
		assert_int_equal(guest_get64(id, 1, name), rows[i].value);
		assert_int_equal(guest_set(id, 1, name, rows[i].refused),
		                 HV_STATUS_INVALID_PARAMETER);
		assert_int_equal(guest_get64(id, 1, name), rows[i].value);
	}
	/* ICR was stored, not sent. */
	assert_int_equal(guest_partition(id)->vps[0]->lapic.events, 0);
	for (u32 i = 0; i < 3; i++) {
		static const u32 fixed[] = { 0x02, 0x03, 0x0a };

		assert_int_equal(
			guest_set(id, 1, HV_REGISTER_APIC_FIRST + fixed[i], 0),
			HV_STATUS_INVALID_PARAMETER);
	}
	assert_int_equal(guest_get64(id, 1, HV_REGISTER_CR8), 3);
	assert_ok(guest_set(id, 1, HV_REGISTER_CR8, 9));
	assert_int_equal(guest_get64(id, 1, 0x84808), 0x90);
	assert_int_equal(guest_get64(id, 1, 0x8480a), 0x90);
	assert_ok(guest_set(id, 1, HV_REGISTER_TSC_DEADLINE, 0x123));
	assert_int_equal(guest_get64(id, 1, HV_REGISTER_TSC_DEADLINE), 0);
}

static void test_names_that_are_none(void **state)
{
	union hv_register_value v = { .reg128 = { 0, 0 } };
	u32 read = 0, set = 0;

	(void)state;
	make_x2apic();
	for (u32 n = 0x84800; n < 0x84900; n++) {
		read += guest_get(id, 1, n, &v) == HV_STATUS_SUCCESS;
		v.reg64 = 0;
		set += guest_set(id, 1, n, 0) == HV_STATUS_SUCCESS;
	}
	assert_int_equal(read, 41);
	assert_int_equal(set, 37);
	v.reg128[1] = 1;
	assert_int_equal(guest_set128(id, 1, 0x84808, &v),
	                 HV_STATUS_INVALID_PARAMETER);
}

/* ---- The stream's form of it ---- */

static void test_save_and_load(void **state)
{
	struct stream_vp_apic a, b;
	u8 before[LAPIC_PAGE_BYTES];
	u64 seed = 5;

	(void)state;
	make();
	for (u32 round = 0; round < 100; round++) {
		vp->state.apic_base = LAPIC_BASE_RESET | LAPIC_BASE_ENABLE |
		                      (round & 1 ? LAPIC_BASE_X2APIC : 0);
		lapic_follow_base(vp);
		state_fill_apic(vp, &seed);
		memcpy(before, vp->pages[VP_PAGE_APIC], sizeof(before));
		lapic_save(vp, &a);
		assert_true(lapic_valid(&a));
		memset(vp->pages[VP_PAGE_APIC], 0xee, PAGE_SIZE);
		memset(&vp->lapic, 0xee, sizeof(vp->lapic));
		lapic_load(vp, &a);
		assert_memory_equal(before, vp->pages[VP_PAGE_APIC],
		                    sizeof(before));
		lapic_save(vp, &b);
		assert_memory_equal(&a, &b, sizeof(a));
	}
	lapic_save_reset(&a);
	assert_true(lapic_valid(&a));
}

/* Every bit that the page of docs/stream.md does not allow. */
static void test_what_a_stream_may_not_hold(void **state)
{
	struct stream_vp_apic good, bad;
	u8 *bytes = (u8 *)&bad;
	u32 refused = 0;

	(void)state;
	make();
	lapic_save_reset(&good);
	for (u32 bit = 0; bit < sizeof(bad) * 8; bit++) {
		bad = good;
		bytes[bit / 8] ^= (u8)(1u << bit % 8);
		refused += !lapic_valid(&bad);
	}
	/* tpr ldr dfr svr isr tmr irr esr errors icr lvt divide assist events */
	assert_int_equal(refused, 24 + 24 + 28 + 23 + 3 * 16 + 29 + 29 +
	                                  (32 - 16) + (32 - 11) +
	                                  2 * (32 - 12) + 2 * (32 - 14) +
	                                  (32 - 9) + 29 + (11 + 64 - 46) +
	                                  (32 - 21) + 96);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_registers_by_name),
		TEST(test_names_that_are_none),
		TEST(test_save_and_load),
		TEST(test_what_a_stream_may_not_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
