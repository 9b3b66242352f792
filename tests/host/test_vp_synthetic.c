/*
 * hv/run/vp_reg_table.c: registers of the TLFS by name, and what CPUID says of them.
 */
#include "hv/interrupt/lapic.h"
#include "hv/run/cpuid.h"
#include "hv/run/msr.h"
#include "include/x86_apic.h"
#include "tests/host/fixture/guest_vp.h"
#include "tests/host/fixture/test.h"

#define BAD HV_STATUS_INVALID_PARAMETER

static u64 id;
static struct vp *vp, *other;

static void make(void)
{
	id = guest_child(80, 2);
	vp = guest_partition(id)->vps[0];
	other = guest_partition(id)->vps[1];
	lapic_write_page(vp, LAPIC_SVR, 0x1ff);
	lapic_write_page(other, LAPIC_SVR, 0x1ff);
}

static u64 named(u32 name)
{
	return guest_get64(id, 0, name);
}

/* Which register is which MSR. EOM and EOI read as 0. */
static void test_names_and_msrs(void **state)
{
	static const struct {
		u32 name, msr;
		u64 value;
	} rows[] = {
		{ HV_REGISTER_GUEST_OS_ID, HV_MSR_GUEST_OS_ID, 0x8100 },
		{ HV_REGISTER_HYPERCALL, HV_MSR_HYPERCALL, 0x5001 },
		{ HV_REGISTER_ICR, HV_MSR_ICR, 0x1200000000000431 },
		{ HV_REGISTER_TPR, HV_MSR_TPR, 0x57 },
		{ HV_REGISTER_VP_ASSIST_PAGE, HV_MSR_VP_ASSIST_PAGE, 0x6001 },
		{ HV_REGISTER_REFERENCE_TSC, HV_MSR_REFERENCE_TSC, 0x7001 },
		{ HV_REGISTER_SCONTROL, HV_MSR_SCONTROL, 1 },
		{ HV_REGISTER_SIEFP, HV_MSR_SIEFP, 0x8001 },
		{ HV_REGISTER_SIMP, HV_MSR_SIMP, 0x9001 },
		{ HV_REGISTER_SINT0, HV_MSR_SINT0, 0x31 },
		{ HV_REGISTER_SINT0 + 15, HV_MSR_SINT0 + 15, 0x20032 },
	};

	(void)state;
	make();
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_not_equal(named(rows[i].name), rows[i].value);
		assert_ok(guest_set(id, 0, rows[i].name, rows[i].value));
	}
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(guest_read_msr(vp, rows[i].msr),
		                 rows[i].value);
		assert_int_equal(named(rows[i].name), rows[i].value);
	}
}

static void test_stimers(void **state)
{
	u64 config = 3ull << 16 | HV_STIMER_PERIODIC;

	(void)state;
	make();
	for (u32 i = 0; i < HV_STIMERS; i++) {
		u32 name = HV_REGISTER_STIMER0_CONFIG + 2 * i;

		assert_ok(guest_set(id, 0, name, config + (i << 4)));
		assert_ok(guest_set(id, 0, name + 1, 1000 + i));
	}
	for (u32 i = 0; i < HV_STIMERS; i++) {
		u32 name = HV_REGISTER_STIMER0_CONFIG + 2 * i;

		assert_int_equal(named(name), config + (i << 4));
		assert_int_equal(named(name + 1), 1000 + i);
		assert_int_equal(
			guest_read_msr(vp, HV_MSR_STIMER0_CONFIG + 2 * i),
			config + (i << 4));
		assert_int_equal(
			guest_read_msr(vp, HV_MSR_STIMER0_COUNT + 2 * i),
			1000 + i);
		assert_int_equal(vp->stimer[i].due, 0);
		/* Enabled by name it counts, as by MSR. */
		assert_ok(guest_set(id, 0, name, config | HV_STIMER_ENABLE));
		assert_int_equal(vp->stimer[i].due, 1000 + i);
		assert_int_equal(guest_set(id, 0, name, BIT(20)), BAD);
		assert_int_equal(guest_set(id, 0, name, HV_STIMER_DIRECT), BAD);
		assert_int_equal(vp->stimer[i].due, 1000 + i);
		assert_int_equal(other->stimer[i].config, 0);
	}
	assert_int_equal(guest_set(id, 0, HV_REGISTER_STIMER0_CONFIG + 8, 0),
	                 BAD);
}

static void test_what_is_refused(void **state)
{
	static const struct {
		u32 name;
		u64 value;
	} rows[] = {
		{ HV_REGISTER_TPR, 0x100 },
		{ HV_REGISTER_TPR, BIT(63) },
		{ HV_REGISTER_ICR, BIT(12) },
		{ HV_REGISTER_ICR, BIT(20) },
		{ HV_REGISTER_REFERENCE_TSC, 2 },
		{ HV_REGISTER_REFERENCE_TSC, BIT(46) },
		{ HV_REGISTER_VP_RUNTIME, 0 },
		{ HV_REGISTER_SVERSION, 1 },
		{ HV_REGISTER_TIME_REF_COUNT, 0 },
		{ HV_REGISTER_VP_INDEX, 0 },
	};
	static const u32 wide[] = {
		HV_REGISTER_EOI,
		HV_REGISTER_ICR,
		HV_REGISTER_TPR,
		HV_REGISTER_REFERENCE_TSC,
		HV_REGISTER_SINT0,
		HV_REGISTER_SCONTROL,
		HV_REGISTER_SVERSION,
		HV_REGISTER_SIEFP,
		HV_REGISTER_SIMP,
		HV_REGISTER_EOM,
		HV_REGISTER_STIMER0_CONFIG,
		HV_REGISTER_STIMER0_CONFIG + 7,
	};

	(void)state;
	make();
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		u64 before = named(rows[i].name);

		assert_int_equal(guest_set(id, 0, rows[i].name, rows[i].value),
		                 BAD);
		assert_int_equal(named(rows[i].name), before);
	}
	for (u32 i = 0; i < ARRAY_LEN(wide); i++) {
		union hv_register_value v = { .reg128 = { 0x10000, 1 } };

		assert_int_equal(guest_set128(id, 0, wide[i], &v), BAD);
	}
}

/* ---- The local APIC's ---- */

static void test_eoi(void **state)
{
	(void)state;
	make();
	lapic_raise(vp, 0x41, false);
	lapic_raise(vp, 0x62, false);
	lapic_accept(vp, 0x62);
	assert_int_equal(lapic_pending(vp), 0);
	assert_int_equal(named(HV_REGISTER_EOI), 0);
	assert_int_equal(lapic_highest(vp, LAPIC_ISR), 0x62);
	assert_ok(guest_set(id, 0, HV_REGISTER_EOI, 0));
	assert_int_equal(lapic_highest(vp, LAPIC_ISR), 0);
	assert_int_equal(lapic_pending(vp), 0x41);
	/* With nothing in service it does nothing. */
	assert_ok(guest_set(id, 0, HV_REGISTER_EOI, 0xffffffff));
	assert_int_equal(lapic_pending(vp), 0x41);
}

/* A register that is set sends nothing; the guest's own write does. */
static void test_icr(void **state)
{
	u64 to_other = 1ull << 56 | 0x51;

	(void)state;
	make();
	assert_ok(guest_set(id, 0, HV_REGISTER_ICR, to_other));
	assert_int_equal(named(HV_REGISTER_ICR), to_other);
	assert_int_equal(guest_get64(id, 0, HV_REGISTER_APIC_FIRST + 0x30),
	                 to_other);
	assert_int_equal(lapic_highest(other, LAPIC_IRR), 0);
	assert_int_equal(vp_msr_write(vp, HV_MSR_ICR, to_other), MSR_OK);
	assert_int_equal(lapic_highest(other, LAPIC_IRR), 0x51);
}

static void test_tpr(void **state)
{
	(void)state;
	make();
	lapic_raise(vp, 0x41, false);
	assert_ok(guest_set(id, 0, HV_REGISTER_TPR, 0x4f));
	assert_int_equal(named(HV_REGISTER_CR8), 4);
	assert_int_equal(lapic_pending(vp), 0);
	assert_ok(guest_set(id, 0, HV_REGISTER_CR8, 3));
	assert_int_equal(named(HV_REGISTER_TPR), 0x30);
	assert_int_equal(lapic_pending(vp), 0x41);
	assert_int_equal(guest_get64(id, 1, HV_REGISTER_TPR), 0);
}

/* ---- CPUID ---- */

#define ACCESS_FREQUENCIES HV_PRIVILEGE_ACCESS_FREQUENCY_MSRS
#define ACCESS_TIMERS HV_PRIVILEGE_ACCESS_SYNTHETIC_TIMER_MSRS

static void test_features_of_privileges(void **state)
{
	struct partition *p;
	u32 r[4];

	(void)state;
	make();
	p = vp->partition;
	cpuid_answer(vp, HV_CPUID_FEATURES, 0, r);
	assert_int_equal(r[0], 0xa7f); /* bits 0 to 6, 9, 11 */
	assert_int_equal(r[1], 0);
	assert_int_equal(r[2], 0);
	assert_int_equal(r[3], BIT(8) | BIT(19));
	p->privileges &= ~ACCESS_FREQUENCIES;
	cpuid_answer(vp, HV_CPUID_FEATURES, 0, r);
	assert_int_equal(r[3], BIT(19));
	p->privileges &= ~ACCESS_TIMERS;
	p->privileges |= HV_PRIVILEGE_POST_MESSAGES;
	cpuid_answer(vp, HV_CPUID_FEATURES, 0, r);
	assert_int_equal(r[3], 0);
	assert_int_equal(r[1], BIT(4));
}

/* What each system in the root goes by: bit for bit (docs/hypercalls.md). */
static void test_words_of_the_root(void **state)
{
	u32 r[4];

	(void)state;
	make();
	/* The processor's own timers and APIC, and no frequencies; bit 15: its TSC. */
	cpuid_answer(fake_root_vp(), HV_CPUID_FEATURES, 0, r);
	assert_int_equal(r[0], 0x8267); /* bits 0 to 2, 5, 6, 9, 15 */
	assert_int_equal(r[1], 0xf5);   /* bits 0, 2, 4 to 7 */
	assert_int_equal(r[2], 0);
	assert_int_equal(r[3], 0);
	cpuid_answer(fake_root_vp(), HV_CPUID_RECOMMENDATIONS, 0, r);
	assert_int_equal(r[0], BIT(5) | BIT(9));
	assert_int_equal(r[1], 0xffffffff);
	cpuid_answer(vp, HV_CPUID_RECOMMENDATIONS, 0, r);
	assert_int_equal(r[0], 0);
	assert_int_equal(r[1], 0xffffffff);
}

static void test_invariant_control(void **state)
{
	struct vp *root = fake_root_vp();
	u64 value = 1;

	(void)state;
	assert_int_equal(
		vp_msr_read(root, HV_MSR_TSC_INVARIANT_CONTROL, &value),
		MSR_OK);
	assert_int_equal(value, 0);
	assert_int_equal(vp_msr_write(root, HV_MSR_TSC_INVARIANT_CONTROL, 1),
	                 MSR_OK);
	for (u32 i = 1; i < 64; i++)
		assert_int_equal(vp_msr_write(root,
		                              HV_MSR_TSC_INVARIANT_CONTROL,
		                              BIT(i) | 1),
		                 MSR_FAULT);
	assert_int_equal(
		vp_msr_read(root, HV_MSR_TSC_INVARIANT_CONTROL, &value),
		MSR_OK);
	assert_int_equal(value, 1);
	assert_int_equal(vp_msr_write(root, HV_MSR_TSC_INVARIANT_CONTROL, 0),
	                 MSR_OK);
	assert_int_equal(
		vp_msr_read(root, HV_MSR_TSC_INVARIANT_CONTROL, &value),
		MSR_OK);
	assert_int_equal(value, 0);
}

/* What CPUID does not promise is not there. */
static void test_no_timers_without_the_privilege(void **state)
{
	u64 value;

	(void)state;
	make();
	vp->partition->privileges &= ~ACCESS_TIMERS;
	for (u32 i = 0; i < 2 * HV_STIMERS; i++) {
		u32 number = HV_MSR_STIMER0_CONFIG + i;

		assert_int_equal(vp_msr_read(vp, number, &value), MSR_UNKNOWN);
		assert_int_equal(vp_msr_write(vp, number, 0), MSR_UNKNOWN);
		assert_int_equal(vp_msr_read(fake_root_vp(), number, &value),
		                 MSR_UNKNOWN);
	}
	vp->partition->privileges |= ACCESS_TIMERS;
	assert_int_equal(
		vp_msr_read(vp, HV_MSR_STIMER0_CONFIG + 2 * HV_STIMERS, &value),
		MSR_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_names_and_msrs),
		TEST(test_stimers),
		TEST(test_what_is_refused),
		TEST(test_eoi),
		TEST(test_icr),
		TEST(test_tpr),
		TEST(test_features_of_privileges),
		TEST(test_words_of_the_root),
		TEST(test_invariant_control),
		TEST(test_no_timers_without_the_privilege),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
