/*
 * arch/x86_64/common/startup.c and root_apic.c: INIT, SIPI and NMI of the root's processors to
 * each other, and what becomes of one that gets them.
 */
#include "arch/x86_64/common/enter.h"
#include "arch/x86_64/common/root_apic.h"
#include "arch/x86_64/common/root_msr.h"
#include "arch/x86_64/common/startup.h"
#include "hv/run/vp_run.h"
#include "hv/vp/partition.h"
#include "include/x86.h"
#include "lib/insn.h"
#include "tests/host/fake/apic.h"
#include "tests/host/fake/others.h"
#include "tests/host/fake/processor.h"
#include "tests/host/fake/vendor.h"
#include "tests/host/fixture/test.h"

/* ICR (SDM 10.6.1). */
#define FIXED 0x40u
#define LOWEST 0x100u
#define SMI 0x200u
#define NMI 0x400u
#define INIT 0x500u
#define SIPI 0x600u
#define LOGICAL 0x800u
#define ASSERT 0x4000u
#define LEVEL 0x8000u
#define SELF 0x40000u
#define ALL 0x80000u
#define OTHERS 0xc0000u

#define PAGE 0x9au /* where a SIPI starts them */
#define TICKS 2u
#define CODE 0x300000ull
#define CODE_32 0xc09bu

/* By index: numbers that are no indices, two of a cluster and one of another. */
static const u32 ids[] = { 0x12, 0x15, 0x27 };
#define COUNT 3u
static struct cpu *cpus[COUNT];

static int set_up(void **state)
{
	struct vp *root;

	if (guest_setup(state) != 0)
		return -1;
	fake_apic_reset(TICKS);
	root = fake_root_vp();
	root->cached = root->dirty = VP_PART_ALL;
	cpus[0] = &fake.cpu;
	cpu_arch(cpus[0])->apic_id = ids[0];
	for (u32 i = 1; i < COUNT; i++)
		cpus[i] = fake_processor_add(ids[i]);
	return root_apic_begin(COUNT) ? 0 : -1;
}

static int tear_down(void **state)
{
	root_apic_begin(1);
	return fake_teardown(state);
}

/* ---- Who is meant ---- */

/* Who has got an NMI, as a set of indices; it is taken away again. */
static u32 reached(void)
{
	u32 set = 0;

	for (u32 i = 0; i < COUNT; i++) {
		struct cpu_arch *a = cpu_arch(cpus[i]);

		set |= (u32)a->nmi_pending << i;
		/* Who is not this one leaves its guest for it. */
		assert_int_equal(a->kicked, a->nmi_pending && i != 0);
		a->nmi_pending = false;
		a->kicked = 0;
	}
	fake_others.sent_count = 0;
	return set;
}

static void test_destinations(void **state)
{
	static const struct {
		bool x2apic;
		u32 to;
		u32 low;
		u32 set;
	} rows[] = {
		/* By the number, which is 8 bits or 32. */
		{ false, 0x12, 0, 1 },
		{ false, 0x15, 0, 2 },
		{ false, 0x27, 0, 4 },
		{ false, 1, 0, 0 },
		{ false, 0xff, 0, 7 },
		{ true, 0x15, 0, 2 },
		{ true, 0x27, 0, 4 },
		{ true, 0x115, 0, 0 },
		{ true, 0xff, 0, 0 },
		{ true, 0xffffffff, 0, 7 },
		/* A shorthand, wherever the destination is. */
		{ false, 0x27, SELF, 1 },
		{ false, 0x27, ALL, 7 },
		{ false, 0x12, OTHERS, 6 },
		{ true, 0x27, SELF, 1 },
		{ true, 0xffffffff, SELF, 1 },
		{ true, 0, ALL, 7 },
		{ true, 0xffffffff, OTHERS, 6 },
		/* Clusters of 16 (10.12.10.2): 1 has the bits 2 and 5, 2 has 7. */
		{ true, 0x10024, LOGICAL, 3 },
		{ true, 0x10020, LOGICAL, 2 },
		{ true, 0x1ffdb, LOGICAL, 0 },
		{ true, 0x20080, LOGICAL, 4 },
		{ true, 0x2ff7f, LOGICAL, 0 },
		{ true, 0x300a4, LOGICAL, 0 },
		{ true, 0xffffffff, LOGICAL, 7 },
		{ true, 0x15, LOGICAL, 0 },
		/* xAPIC's is what software has written to each APIC. */
		{ false, 0x12, LOGICAL, 0 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		u64 high = rows[i].x2apic ? (u64)rows[i].to << 32
		                          : (u64)rows[i].to << 56;
		bool carried = startup_sent(high | NMI | ASSERT | rows[i].low,
		                            rows[i].x2apic);
		u32 set = reached();

		if (set != rows[i].set || carried != (set != 0))
			fail_msg("row %u: %x", i, set);
	}
}

/* Not what x2APIC's would be: who is meant only the APICs know. */
static void test_logical_in_xapic_mode(void **state)
{
	(void)state;
	cpu_arch(cpus[1])->apic_id = 2;
	assert_true(startup_sent(4ull << 32 | LOGICAL | NMI, true));
	assert_int_equal(reached(), 2);
	assert_false(startup_sent(4ull << 56 | LOGICAL | NMI, false));
	assert_int_equal(reached(), 0);
}

/* In xAPIC mode what is below the destination is reserved. */
static void test_reserved_bits(void **state)
{
	(void)state;
	assert_true(startup_sent(0x15ffffffull << 32 | NMI, false));
	assert_int_equal(reached(), 2);
}

/* ---- What is carried ---- */

static u64 to(u32 index, u32 low)
{
	return (u64)ids[index] << 32 | low;
}

static u32 events(u32 index)
{
	u32 set = cpus[index]->root->lapic.events;

	cpus[index]->root->lapic.events = 0;
	return set;
}

static void test_what_is_carried(void **state)
{
	(void)state;
	assert_true(startup_sent(to(1, INIT | ASSERT), true));
	assert_int_equal(events(1), 2); /* as in a stream: INIT */
	assert_true(startup_sent(to(1, INIT | ASSERT | LEVEL), true));
	assert_int_equal(events(1), 2);
	assert_true(startup_sent(to(1, INIT), true));
	assert_int_equal(events(1), 2);
	assert_true(startup_sent(to(1, SIPI | ASSERT | PAGE), true));
	assert_int_equal(events(1), 4 | PAGE << 8);
	assert_int_equal(events(0) | events(2), 0);
	/* The processor leaves its guest for it, and looks. */
	assert_int_equal(cpu_arch(cpus[1])->kicked, 1);
	assert_false(cpu_arch(cpus[1])->in_guest);
	assert_false(cpu_arch(cpus[1])->quiet);
	assert_int_equal(cpu_arch(cpus[2])->kicked, 0);
	assert_false(cpu_arch(cpus[1])->nmi_pending);
}

/* That synchronizes arbitration ids, to all, and is nothing any more. */
static void test_a_deassertion(void **state)
{
	(void)state;
	assert_true(startup_sent(to(1, INIT | LEVEL), true));
	assert_true(startup_sent(INIT | LEVEL | ALL, false));
	assert_int_equal(events(0) | events(1) | events(2), 0);
	assert_int_equal(fake_others.sent_count, 0);
}

/* Fixed, lowest priority, SMI, ExtINT: the APIC does it. */
static void test_what_is_not_carried(void **state)
{
	static const u32 modes[] = { FIXED, LOWEST, SMI, 0x300, 0x700 };

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(modes); i++) {
		assert_false(startup_sent(to(1, modes[i] | ASSERT), true));
		assert_false(startup_sent(modes[i] | ASSERT | OTHERS, false));
	}
	assert_int_equal(events(0) | events(1) | events(2), 0);
	assert_int_equal(reached(), 0);
	assert_int_equal(fake_others.sent_count, 0);
}

/* One that the firmware still has gets what the firmware sends it. */
static void test_nobody_of_ours_is_meant(void **state)
{
	(void)state;
	assert_false(startup_sent(99ull << 32 | INIT | ASSERT, true));
	assert_false(startup_sent(99ull << 56 | SIPI | PAGE, false));
	assert_false(startup_sent(99ull << 32 | NMI, true));
	assert_int_equal(events(0) | events(1) | events(2), 0);
}

static void init_all(void *unused)
{
	(void)unused;
	startup_sent(INIT | ASSERT | ALL, true);
}

static void init_others(void *unused)
{
	(void)unused;
	startup_sent(INIT | ASSERT | OTHERS, true);
}

/* An INIT of its own resets the machine. */
static void test_an_init_of_ones_own(void **state)
{
	(void)state;
	assert_true(fake_fails_check(init_all, NULL));
	assert_false(fake_fails_check(init_others, NULL));
}

/* ---- The root's ICR ---- */

static void store(u32 offset, u32 value)
{
	struct vp *root = fake_root_vp();
	struct vp_state *s = fake_enter(root);

	memset(s, 0, sizeof(*s));
	s->rip = CODE;
	s->cr0 = CR0_PE;
	s->rflags = RFLAGS_FIXED;
	s->segment[VP_CS].attributes = CODE_32;
	s->segment[VP_CS].limit = 0xffffffff;
	memset(guest_at(CODE), 0x90, INSN_MAX);
	memcpy(guest_at(CODE), "\x89\x07", 2); /* MOV [EDI], EAX */
	fake_exit(root);
	root->state.gpr[VP_RAX] = value;
	assert_true(root_apic_is_page(LAPIC_BASE_RESET + offset));
	assert_int_equal(root_apic_access(root, LAPIC_BASE_RESET + offset),
	                 EXIT_AGAIN);
}

static void test_by_the_page(void **state)
{
	(void)state;
	store(LAPIC_ICR_HIGH, ids[1] << 24);
	assert_int_equal(apic_read(LAPIC_ICR_HIGH), ids[1] << 24);
	store(LAPIC_ICR, SIPI | PAGE);
	assert_int_equal(events(1), 4 | PAGE << 8);
	/* It is sent by nobody else. */
	assert_int_equal(apic_read(LAPIC_ICR), 0);
	/* All others go to the APIC, as do other registers. */
	store(LAPIC_ICR, FIXED | ASSERT);
	assert_int_equal(apic_read(LAPIC_ICR), FIXED | ASSERT);
	store(LAPIC_ICR_HIGH, INIT);
	store(LAPIC_TPR, INIT);
	assert_int_equal(apic_read(LAPIC_TPR), INIT);
	assert_int_equal(events(0) | events(1) | events(2), 0);
}

static void test_by_the_msr(void **state)
{
	struct vp *root = fake_root_vp();

	(void)state;
	assert_true(root_msr_write(root, 0x830, to(1, SIPI | PAGE)));
	assert_int_equal(events(1), 4 | PAGE << 8);
	assert_int_equal(fake_processor.msr_writes, 0);
	assert_true(root_msr_write(root, 0x830, to(1, FIXED)));
	assert_int_equal(fake_processor.msr_writes, 1);
	assert_int_equal(fake_processor.msr, to(1, FIXED));
	/* What the APIC would not take is #GP. */
	fake_processor.msr_faults = true;
	assert_false(root_msr_write(root, 0x830, to(1, FIXED)));
	fake_processor.msr_faults = false;
}

static bool page_is_there(u64 gpa)
{
	struct arch_mapping m;

	return arch_space_lookup(&fake_root()->space.arch, gpa_of(gpa), &m);
}

/* It is the root's own where there is nobody else. */
static void test_who_has_others_is_watched(void **state)
{
	(void)state;
	assert_false(page_is_there(LAPIC_BASE_RESET));
	assert_true(root_apic_is_page(LAPIC_BASE_RESET + LAPIC_ICR));
	root_msr_init(&fake.cpu, 1);
	assert_false(fake_vendor_exits(true, 0x830, true));
	root_msr_init(&fake.cpu, 2);
	assert_true(fake_vendor_exits(true, 0x830, true));
	assert_false(fake_vendor_exits(true, 0x830, false));
	root_apic_begin(1);
	assert_false(root_apic_is_page(LAPIC_BASE_RESET + LAPIC_ICR));
	/* In x2APIC mode there is no page. */
	root_apic_begin(2);
	fake_apic.base |= LAPIC_BASE_X2APIC;
	assert_false(root_apic_is_page(LAPIC_BASE_RESET + LAPIC_ICR));
}

/* Where it goes it is hidden, and switched off it could not be reached. */
static void test_the_base(void **state)
{
	const u64 elsewhere = 0xfed00000, on = LAPIC_BASE_ENABLE;
	struct vp *root = fake_root_vp();

	(void)state;
	assert_true(page_is_there(elsewhere));
	assert_true(root_msr_write(root, MSR_IA32_APIC_BASE, elsewhere | on));
	assert_false(page_is_there(elsewhere));
	assert_true(root_apic_is_page(elsewhere));
	assert_false(root_msr_write(root, MSR_IA32_APIC_BASE, elsewhere));
	assert_int_equal(fake_apic.base, elsewhere | on);
	assert_true(root_msr_write(root, MSR_IA32_APIC_BASE,
	                           elsewhere | on | LAPIC_BASE_X2APIC));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_destinations),
		CASE(test_logical_in_xapic_mode),
		CASE(test_reserved_bits),
		CASE(test_what_is_carried),
		CASE(test_a_deassertion),
		CASE(test_what_is_not_carried),
		CASE(test_nobody_of_ours_is_meant),
		CASE(test_an_init_of_ones_own),
		CASE(test_by_the_page),
		CASE(test_by_the_msr),
		CASE(test_who_has_others_is_watched),
		CASE(test_the_base),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
