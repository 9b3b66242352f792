/*
 * What refuses a value has not changed: every MSR that a child can write, and
 * every register that its parent can set, with values of all kinds. Whatever is
 * answered with #GP or INVALID_PARAMETER leaves each byte as it was.
 */
#include "hv/run/exit.h"
#include "hv/run/vp_reg.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp_state.h"
#include "tests/host/fixture/test.h"

#define X2APIC 0xfee00c00ull
#define XAPIC 0xfee00800ull
#define GPN 5ull

static u64 id;
static struct vp *vp;

/* The VP's pages, and that of its partition. */
static struct {
	u8 partition[PAGE_SIZE];
	u8 vp[PAGE_SIZE];
	u8 pages[VP_PAGES][PAGE_SIZE];
} before;

static void make(u64 apic_base)
{
	id = guest_child(60, 1);
	vp = guest_partition(id)->vps[0];
	assert_ok(guest_map(id, GPN, guest_page(), 7));
	assert_ok(guest_set(id, 0, HV_REGISTER_GUEST_OS_ID, 1));
	assert_ok(
		guest_set(id, 0, HV_REGISTER_HYPERCALL, GPN << PAGE_SHIFT | 1));
	assert_ok(guest_set(id, 0, HV_REGISTER_REFERENCE_TSC,
	                    (GPN + 1) << PAGE_SHIFT | 1));
	assert_ok(guest_set(id, 0, HV_REGISTER_APIC_BASE, apic_base));
	assert_ok(guest_set(id, 0, HV_REGISTER_EFER, 0x500));
	assert_ok(guest_set(id, 0, HV_REGISTER_CR0, 0x80000011));
	vp_state_read(vp);
}

static void remember(void)
{
	memcpy(before.partition, vp->partition, sizeof(*vp->partition));
	memcpy(before.vp, vp, sizeof(*vp));
	for (u32 i = 0; i < VP_PAGES; i++)
		if (vp->pages[i])
			memcpy(before.pages[i], vp->pages[i], PAGE_SIZE);
}

static bool is_same(void)
{
	if (memcmp(before.partition, vp->partition, sizeof(*vp->partition)) ||
	    memcmp(before.vp, vp, sizeof(*vp)))
		return false;
	for (u32 i = 0; i < VP_PAGES; i++)
		if (vp->pages[i] &&
		    memcmp(before.pages[i], vp->pages[i], PAGE_SIZE))
			return false;
	return true;
}

/* Single bits, and what is between good and bad for many. */
static u64 value_of(u32 i)
{
	static const u64 others[] = {
		0,
		0xffffffffffffffff,
		0x0606060606060602,
		GPN << PAGE_SHIFT | 1,       /* an overlay is there */
		(GPN + 1) << PAGE_SHIFT | 1, /* and there */
		0xfee00500,
		0xfee00900,
		0xf,
		0x8000000000000001,
		0x0000800000000000,
		0x7fffffffffff,
		0x3fff,
	};

	return i < 64 ? BIT(i) : others[i - 64];
}
#define VALUES (64 + 12)

/* ---- WRMSR ---- */

static u32 refused;

static void write_all(u32 msr)
{
	for (u32 i = 0; i < VALUES; i++) {
		vp->state.gpr[VP_RCX] = msr;
		vp->state.gpr[VP_RAX] = (u32)value_of(i);
		vp->state.gpr[VP_RDX] = value_of(i) >> 32;
		remember();
		if (exit_wrmsr(vp, 2) != EXIT_FAULT_GP)
			continue;
		refused++;
		if (!is_same())
			fail_msg("MSR %x refused %llx and changed", msr,
			         (unsigned long long)value_of(i));
	}
}

/* In a fresh VP for each: what a value that is taken does stays with it. */
static void wrmsr_range(u64 apic_base, u32 first, u32 count)
{
	for (u32 msr = first; msr < first + count; msr++) {
		assert_int_equal(guest_start(&(struct fake_options){ 0 }),
		                 HANDOFF_OK);
		make(apic_base);
		write_all(msr);
		fake_stop();
	}
}

static void test_wrmsr(void **state)
{
	(void)state;
	for (u32 i = 0; i < 2; i++) {
		u64 base = i ? X2APIC : XAPIC;

		refused = 0;
		wrmsr_range(base, 0x10, 1);
		wrmsr_range(base, 0x1b, 1);
		wrmsr_range(base, 0xfe, 1);
		wrmsr_range(base, 0x174, 3);
		wrmsr_range(base, 0x1d9, 1);
		wrmsr_range(base, 0x200, 16);
		wrmsr_range(base, 0x250, 1);
		wrmsr_range(base, 0x258, 2);
		wrmsr_range(base, 0x268, 8);
		wrmsr_range(base, 0x277, 1);
		wrmsr_range(base, 0x2ff, 1);
		wrmsr_range(base, 0x6e0, 1);
		wrmsr_range(base, 0x800, 0x40);
		wrmsr_range(base, 0x40000000, 0x24);
		wrmsr_range(base, 0x40000070, 0x48);
		wrmsr_range(base, 0xc0000080, 5);
		wrmsr_range(base, 0xc0000100, 4);
		assert_true(refused > 5000);
	}
}

/* ---- SetVpRegisters ---- */

static void set_all(u32 name)
{
	for (u32 i = 0; i < 2 * VALUES; i++) {
		/* The upper half is one of 128 bits, or reserved. */
		union hv_register_value v = {
			.reg128 = { value_of(i % VALUES),
			            i < VALUES ? 0 : value_of(i % VALUES) }
		};

		remember();
		if (vp_reg_set(vp, name, &v) == HV_STATUS_SUCCESS)
			continue;
		refused++;
		if (!is_same())
			fail_msg("register %x refused %llx and changed", name,
			         (unsigned long long)v.reg64);
	}
}

static void test_set_registers(void **state)
{
	u32 count;
	const struct vp_reg *rows = vp_reg_table(&count);

	(void)state;
	refused = 0;
	for (u32 i = 0; i < count; i++) {
		assert_int_equal(guest_start(&(struct fake_options){ 0 }),
		                 HANDOFF_OK);
		make(XAPIC);
		for (u32 j = 0; j < rows[i].count; j++) {
			vp_state_read(vp);
			set_all(rows[i].name + j);
		}
		fake_stop();
	}
	assert_true(refused > 5000);
}

/* Of both modes; in x2APIC mode ICR has 64 bits. */
static void test_set_apic_registers(void **state)
{
	(void)state;
	refused = 0;
	for (u32 i = 0; i < 2; i++) {
		assert_int_equal(guest_start(&(struct fake_options){ 0 }),
		                 HANDOFF_OK);
		make(i ? X2APIC : XAPIC);
		for (u32 name = HV_REGISTER_APIC_FIRST;
		     name < HV_REGISTER_APIC_FIRST + 0x40; name++)
			set_all(name);
		fake_stop();
	}
	assert_true(refused > 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrmsr),
		cmocka_unit_test(test_set_registers),
		cmocka_unit_test(test_set_apic_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
