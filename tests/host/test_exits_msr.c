/*
 * arch/x86_64/common/exits_msr.c and root_msr.c: what of an exit is refused, whatever the
 * processor has looked at before it left the guest.
 */
#include "arch/x86_64/common/exits.h"
#include "arch/x86_64/common/root_msr.h"
#include "hv/vp/partition.h"
#include "include/x86.h"
#include "include/x86_apic.h"
#include "include/x86_msr.h"
#include "tests/host/fake/apic.h"
#include "tests/host/fake/processor.h"
#include "tests/host/fake/vendor.h"
#include "tests/host/fixture/test.h"

/* ---- XSETBV ---- */

static struct vp *child;

static enum exit_outcome xsetbv(u64 index, u64 value)
{
	struct exit x = { .vp = child };

	child->state.gpr[VP_RCX] = index;
	child->state.gpr[VP_RAX] = 0xaaaaaaaa00000000 | (u32)value;
	child->state.gpr[VP_RDX] = 0xbbbbbbbb00000000 | value >> 32;
	return exits_xsetbv(&x);
}

/* A child in this mode, with CPL in SS. */
static void enter(u64 cr0, u64 rflags, u64 efer, u32 cpl)
{
	struct vp_state *s;

	child = guest_partition(guest_child(40, 1))->vps[0];
	s = fake_enter(child);
	s->cr0 = cr0;
	s->rflags = RFLAGS_FIXED | rflags;
	s->efer = efer;
	s->segment[VP_SS].attributes =
		(u16)(RIGHTS_DATA_32 | cpl << RIGHTS_DPL_SHIFT);
	child->state.xcr0 = 3;
}

#define PROTECTED (CR0_PE | CR0_ET)

/*
 * SDM volume 2, XSETBV: #GP at CPL 1 to 3. A processor has looked at that before it
 * exits (25.1.1), but not everything that plays one has.
 */
static void test_xsetbv_wants_cpl_0(void **state)
{
	static const struct {
		u64 cr0, rflags, efer;
		u32 first, last; /* CPLs that there are */
	} modes[] = {
		{ PROTECTED, 0, 0, 1, 3 },
		{ PROTECTED | CR0_PG, 0, EFER_LONG, 1, 3 },
		{ PROTECTED, RFLAGS_VM, 0, 3, 3 },
		/* IOPL lets I/O through, not this. */
		{ PROTECTED, 3 << 12, 0, 1, 3 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(modes); i++) {
		for (u32 cpl = modes[i].first; cpl <= modes[i].last; cpl++) {
			enter(modes[i].cr0, modes[i].rflags, modes[i].efer,
			      cpl);
			for (u64 value = 0; value < 8; value++)
				assert_int_equal(xsetbv(0, value),
				                 EXIT_FAULT_GP);
			assert_int_equal(child->state.xcr0, 3);
			fake_exit(child);
		}
	}
	enter(PROTECTED, 0, 0, 0);
	assert_int_equal(xsetbv(0, 7), EXIT_SKIP);
	assert_int_equal(child->state.xcr0, 7);
}

static void test_what_xcr0_takes(void **state)
{
	u64 mine = fake.facts.compat.xcr0;

	(void)state;
	enter(PROTECTED, 0, 0, 0);
	for (u32 i = 0; i < 64; i++) {
		bool has = mine >> i & 1;

		child->state.xcr0 = 3;
		assert_int_equal(xsetbv(0, 1 | BIT(i)),
		                 has ? EXIT_SKIP : EXIT_FAULT_GP);
		assert_int_equal(child->state.xcr0, has ? 1 | BIT(i) : 3);
	}
	/* x87 is always there; and there is one XCR. */
	child->state.xcr0 = 3;
	assert_int_equal(xsetbv(0, mine & ~1ull), EXIT_FAULT_GP);
	assert_int_equal(xsetbv(1, 3), EXIT_FAULT_GP);
	assert_int_equal(xsetbv(0xffffffff, 3), EXIT_FAULT_GP);
	assert_int_equal(child->state.xcr0, 3);
	assert_int_equal(xsetbv(BIT(32), mine), EXIT_SKIP); /* ECX is 0 */
	assert_int_equal(child->state.xcr0, mine);
}

/* ---- The root's IA32_APIC_BASE ---- */

#define ON (LAPIC_BASE_BSP | LAPIC_BASE_ENABLE)

static bool move_apic(u64 page, u64 flags)
{
	u64 before = fake_apic.base, value;
	u32 writes = fake_processor.msr_writes;
	bool done = root_msr_write(fake_root_vp(), MSR_IA32_APIC_BASE,
	                           page | flags);

	/* Not even for a moment. */
	assert_int_equal(fake_processor.msr_writes, writes + done);
	assert_true(root_msr_read(fake_root_vp(), MSR_IA32_APIC_BASE, &value));
	assert_int_equal(value, done ? page | flags : before);
	return done;
}

/* Its registers hide what is under them, from us as well: they stay off all RAM. */
static void test_the_apic_stays_off_ram(void **state)
{
	u64 id = guest_child(40, 1), mapped = guest_page(), own = guest_page();
	u64 deposited = guest_page();
	u64 ram[] = {
		0,
		own << PAGE_SHIFT,
		mapped << PAGE_SHIFT,
		deposited << PAGE_SHIFT,
		fake.reserved_base,
		fake.reserved_base + (FAKE_RESERVED - 1) * PAGE_SIZE,
		fake.ram_bytes - PAGE_SIZE,
		FAKE_HOLE_BASE - PAGE_SIZE,
		FAKE_HOLE_END,
	};
	u64 others[] = { FAKE_HOLE_BASE, fake.ram_bytes, 0xfee00000, 0xfed00000,
		         0x8000000000 };

	(void)state;
	assert_ok(guest_map(id, 0, mapped, 7));
	assert_ok(guest_deposit_page(id, deposited));
	fake_apic.base = LAPIC_BASE_RESET | ON;
	for (u32 i = 0; i < ARRAY_LEN(ram); i++) {
		assert_false(move_apic(ram[i], ON));
		/* Nor in the modes in which it has no page: another may follow. */
		assert_false(move_apic(ram[i], 0));
		assert_false(move_apic(ram[i], ON | LAPIC_BASE_X2APIC));
	}
	for (u32 i = 0; i < ARRAY_LEN(others); i++) {
		assert_true(move_apic(others[i], ON));
		for (u32 k = 0; k < ARRAY_LEN(ram); k++)
			assert_false(move_apic(ram[k], ON));
	}
	/* Where it is its mode is the root's own affair; or the processor's. */
	assert_true(move_apic(0x8000000000, ON | LAPIC_BASE_X2APIC));
	assert_true(move_apic(0x8000000000, 0));
	fake_processor.msr_faults = true;
	assert_false(root_msr_write(fake_root_vp(), MSR_IA32_APIC_BASE,
	                            0x8000000000 | ON));
	fake_processor.msr_faults = false;
}

/* One that firmware has put into RAM stays there, and can leave. */
static void test_an_apic_that_is_in_ram(void **state)
{
	u64 page = guest_page() << PAGE_SHIFT;

	(void)state;
	fake_apic.base = page | ON;
	assert_true(move_apic(page, ON | LAPIC_BASE_X2APIC));
	assert_false(move_apic(page + PAGE_SIZE, ON));
	assert_true(move_apic(LAPIC_BASE_RESET, ON));
	assert_false(move_apic(page, ON));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_xsetbv_wants_cpl_0),
		TEST(test_what_xcr0_takes),
		TEST(test_the_apic_stays_off_ram),
		TEST(test_an_apic_that_is_in_ram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
