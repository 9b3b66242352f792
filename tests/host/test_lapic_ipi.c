/*
 * hv/interrupt/lapic_ipi.c: who gets an interrupt, INIT and SIPI; and the parent's own.
 */
#include "hv/interrupt/lapic.h"
#include "hv/run/sched.h"
#include "hv/run/vp_reg.h"
#include "hv/run/vp_run.h"
#include "hv/vp/partition.h"
#include "hv/vp/ready.h"
#include "include/x86_apic.h"
#include "tests/host/fake/others.h"
#include "tests/host/fixture/test.h"

#define VPS 6u
#define VECTOR 0x55u
#define NMI 0x400u
#define INIT 0x500u
#define SIPI 0x600u
#define LOWEST 0x100u
#define LOGICAL 0x800u
#define ASSERT 0x4000u
#define LEVEL 0x8000u
#define SELF 0x40000u
#define ALL 0x80000u
#define OTHERS 0xc0000u

static u64 id;
static struct vp **vps;

static void make(bool x2apic)
{
	id = guest_child(100, VPS);
	vps = guest_partition(id)->vps;
	for (u32 i = 0; i < VPS; i++) {
		if (x2apic)
			assert_true(lapic_write_base(
				vps[i],
				vps[i]->state.apic_base | LAPIC_BASE_X2APIC));
		*vp_apic_register(vps[i], LAPIC_SVR) = 0x1ff;
	}
}

/* Sends, and answers which VPs have `vector` now; it is taken away again. */
static u32 reached(u32 from, u64 icr)
{
	u32 set = 0;

	if (lapic_mode(vps[from]) == LAPIC_X2APIC) {
		assert_true(lapic_write_msr(vps[from], 0x830, icr));
	} else {
		lapic_write_page(vps[from], LAPIC_ICR_HIGH,
		                 (u32)(icr >> 32) << 24);
		lapic_write_page(vps[from], LAPIC_ICR, (u32)icr);
	}
	for (u32 i = 0; i < VPS; i++) {
		u8 vector = lapic_highest(vps[i], LAPIC_IRR);

		if (!vector)
			continue;
		assert_int_equal(vector, (u8)icr);
		set |= 1u << i;
		*vp_apic_register(vps[i], LAPIC_IRR + vector / 32u * 16) = 0;
	}
	return set;
}

static u64 to(u64 destination)
{
	return destination << 32 | VECTOR;
}

static void test_physical_and_shorthands(void **state)
{
	(void)state;
	for (u32 x2apic = 0; x2apic < 2; x2apic++) {
		make(x2apic);
		for (u32 i = 0; i < VPS; i++)
			assert_int_equal(reached(1, to(i)), 1u << i);
		assert_int_equal(reached(1, to(VPS)), 0);
		assert_int_equal(reached(1, to(0xff)), x2apic ? 0 : 0x3f);
		if (x2apic)
			assert_int_equal(reached(1, to(0xffffffff)), 0x3f);
		assert_int_equal(reached(4, SELF | VECTOR), 0x10);
		assert_int_equal(reached(4, ALL | VECTOR), 0x3f);
		assert_int_equal(reached(4, OTHERS | VECTOR), 0x2f);
		guest_destroy(id);
	}
}

static void set_logical(u32 dfr, const u8 *ldr)
{
	for (u32 i = 0; i < VPS; i++) {
		lapic_write_page(vps[i], LAPIC_DFR, dfr);
		lapic_write_page(vps[i], LAPIC_LDR, (u32)ldr[i] << 24);
	}
}

static void test_logical_flat(void **state)
{
	static const u8 ldr[VPS] = { 1, 2, 4, 8, 0x10, 0x30 };

	(void)state;
	make(false);
	set_logical(0xffffffff, ldr);
	assert_int_equal(reached(0, LOGICAL | to(5)), 5);
	assert_int_equal(reached(0, LOGICAL | to(0x10)), 0x30);
	assert_int_equal(reached(0, LOGICAL | to(0x20)), 0x20);
	assert_int_equal(reached(0, LOGICAL | to(0x80)), 0);
	assert_int_equal(reached(0, LOGICAL | to(0xff)), 0x3f);
}

static void test_logical_cluster(void **state)
{
	static const u8 ldr[VPS] = { 0x01, 0x02, 0x04, 0x11, 0x12, 0x18 };

	(void)state;
	make(false);
	set_logical(0, ldr);
	assert_int_equal(reached(0, LOGICAL | to(0x03)), 3);
	assert_int_equal(reached(0, LOGICAL | to(0x1b)), 0x38);
	assert_int_equal(reached(0, LOGICAL | to(0x21)), 0);
	assert_int_equal(reached(0, LOGICAL | to(0xff)), 0x3f);
}

static void test_logical_x2apic(void **state)
{
	(void)state;
	make(true);
	assert_int_equal(reached(0, LOGICAL | to(0x15)), 0x15);
	assert_int_equal(reached(0, LOGICAL | to(0x10015)), 0);
	assert_int_equal(reached(0, LOGICAL | to(0xffffffff)), 0x3f);
}

static void test_lowest_priority(void **state)
{
	(void)state;
	make(true);
	for (u32 i = 0; i < VPS; i++)
		lapic_set_tpr(vps[i], 0x80 - 0x10 * i);
	assert_int_equal(reached(0, LOGICAL | LOWEST | to(0xf)), 8);
	lapic_set_tpr(vps[1], 0x10);
	assert_int_equal(reached(0, LOGICAL | LOWEST | to(0xf)), 2);
	/* One that is off by software is not asked. */
	*vp_apic_register(vps[1], LAPIC_SVR) = 0xff;
	assert_int_equal(reached(0, LOGICAL | LOWEST | to(0xf)), 8);
}

static void test_who_is_off_gets_nothing(void **state)
{
	(void)state;
	make(false);
	assert_true(lapic_write_base(vps[3], 0xfee00000));
	*vp_apic_register(vps[2], LAPIC_SVR) = 0xff;
	assert_int_equal(reached(0, ALL | VECTOR), 0x33);
	reached(0, OTHERS | NMI);
	assert_int_equal(vps[2]->lapic.events, STREAM_APIC_NMI);
	assert_int_equal(vps[3]->lapic.events, 0);
}

/* Every combination of mode, shorthand, level and trigger is taken. */
static void test_combinations(void **state)
{
	(void)state;
	make(true);
	for (u32 mode = 0; mode < 8; mode++) {
		for (u32 rest = 0; rest < 16; rest++) {
			u32 shorthand = rest << 16 & OTHERS;
			u32 level = rest << 14 & (ASSERT | LEVEL);
			bool fits = shorthand == 0 || shorthand == OTHERS;
			u32 events = 0;

			assert_true(lapic_write_msr(vps[0], 0x830,
			                            shorthand | level |
			                                    mode << 8 | to(1)));
			fits &= mode == 4 || mode == 6 ||
			        (mode == 5 && level != LEVEL);
			if (fits)
				events = mode == 4   ? STREAM_APIC_NMI
				         : mode == 5 ? STREAM_APIC_INIT
				                     : STREAM_APIC_SIPI |
				                               VECTOR << 8;
			assert_int_equal(vps[1]->lapic.events, events);
			vps[1]->lapic.events = vps[0]->lapic.events = 0;
		}
	}
	assert_int_equal(vps[0]->lapic.errors, 0);
	for (u32 i = 0; i < VPS; i++)
		*vp_apic_register(vps[i], LAPIC_IRR + VECTOR / 32 * 16) = 0;
	assert_int_equal(reached(0, 0x10f), 0);
	assert_int_equal(vps[0]->lapic.errors, 0x20); /* send illegal vector */
}

/* The other VP is stopped before anything of it changes. */
static void test_kick(void **state)
{
	(void)state;
	make(true);
	for (u32 i = 1; i < VPS; i++)
		fake_run_on(vps[i], fake_processor_add(10 + i));
	fake_others.sent_count = 0;
	assert_int_equal(reached(0, OTHERS | VECTOR), 0x3e);
	assert_int_equal(fake_others.sent_count, VPS - 1);
	for (u32 i = 1; i < VPS; i++)
		assert_false(cpu_arch(vps[i]->cpu)->in_guest);
}

/* ---- INIT and SIPI ---- */

static void run(u32 i)
{
	vps[i]->explicit_suspend = 0;
	vp_update(vps[i]);
}

static void test_startup(void **state)
{
	const struct vp_state *s;

	(void)state;
	make(true);
	run(2);
	assert_false(vp_runnable(vps[2]));
	reached(0, INIT | ASSERT | to(2));
	reached(0, SIPI | to(2));
	run(2);
	s = vp_state_read(vps[2]);
	assert_true(vp_runnable(vps[2]));
	assert_int_equal(s->segment[VP_CS].base, VECTOR << 12);
	assert_int_equal(s->segment[VP_CS].selector, VECTOR << 8);
	assert_int_equal(s->rip, 0);
	assert_int_equal(lapic_mode(vps[2]), LAPIC_X2APIC);
	/* The second one finds nobody waiting. */
	vp_state_write(vps[2])->rip = 0x77;
	assert_true(lapic_write_msr(vps[0], 0x830, SIPI | 2ull << 32 | 0x99));
	run(2);
	assert_int_equal(s->rip, 0x77);
	assert_int_equal(vps[2]->lapic.events, 0);
}

/* INIT: registers and APIC anew; MSRs, TSC, extended state stay. */
static void test_init_keeps(void **state)
{
	struct vp_state old;
	struct vp_state *s;

	(void)state;
	make(true);
	s = vp_state_write(vps[0]);
	s->cr0 = 0x80000031;
	s->cr3 = 0x5000;
	s->efer = 0x500;
	s->lstar = 0x1234;
	s->mtrr_def_type = 0xc06;
	s->sysenter_cs = 8;
	s->xcr0 = 7;
	s->dr7 = 0x455;
	s->pending_interruption = 0x300001;
	s->interrupt_state = 3;
	s->gpr[VP_RBX] = 5;
	vp_xsave(vps[0])->legacy.xmm[3][1] = 0x33;
	lapic_raise(vps[0], 0x99, false);
	vps[0]->lapic.events |= STREAM_APIC_NMI;
	old = *s;
	assert_true(lapic_write_msr(vps[1], 0x830, INIT));
	run(0);
	assert_int_equal(s->rip, 0xfff0);
	assert_int_equal(s->segment[VP_CS].base, 0xffff0000);
	assert_int_equal(s->cr0, 0x10); /* CD and NW as they were: clear */
	assert_int_equal(s->cr3 | s->efer | s->gpr[VP_RBX], 0);
	assert_int_equal(s->dr7, 0x400);
	assert_int_equal(s->pending_interruption | s->interrupt_state, 0);
	assert_int_equal(s->activity, 0); /* the boot processor goes on */
	assert_int_equal(s->lstar, 0x1234);
	assert_int_equal(s->mtrr_def_type, 0xc06);
	assert_int_equal(s->sysenter_cs, 8);
	assert_int_equal(s->xcr0, 7);
	assert_int_equal(s->apic_base, old.apic_base);
	assert_int_equal(s->tsc_offset, old.tsc_offset);
	assert_int_equal(vp_xsave(vps[0])->legacy.xmm[3][1], 0x33);
	assert_int_equal(lapic_highest(vps[0], LAPIC_IRR), 0);
	assert_int_equal(*vp_apic_register(vps[0], LAPIC_SVR), 0xff);
	assert_int_equal(vps[0]->lapic.events, 0);
	assert_true(vp_reg_all_valid(s, vp_xsave(vps[0])));
}

/* While its parent works on an intercept, INIT waits. */
static void test_init_waits_for_the_parent(void **state)
{
	(void)state;
	make(true);
	run(1);
	vp_state_write(vps[1])->activity = 0;
	vp_state_write(vps[1])->rip = 0x123;
	vps[1]->intercept_suspend = HV_SUSPENDED;
	reached(0, INIT | to(1));
	sched_next(&fake.cpu, SCHED_GO_ON);
	assert_int_equal(vps[1]->state.rip, 0x123);
	vps[1]->intercept_suspend = 0;
	ready_wake(vps[1]);
	sched_next(&fake.cpu, SCHED_GO_ON);
	assert_int_equal(vps[1]->state.rip, 0xfff0);
	assert_int_equal(vps[1]->state.activity, HV_ACTIVITY_STARTUP_SUSPEND);
}

/* What is on its way is saved and comes back. */
static void test_in_flight(void **state)
{
	struct guest_stream s = { .data = NULL };
	u32 result;

	(void)state;
	make(true);
	reached(0, INIT | to(3));
	reached(0, SIPI | to(3));
	reached(0, NMI | to(4));
	assert_true(lapic_write_msr(vps[0], 0x830, to(5)));
	assert_ok(guest_save(id, 0, &s, &result));
	id = guest_child(100, VPS);
	vps = guest_partition(id)->vps;
	guest_restore_whole(id, &s, 4080);
	guest_stream_free(&s);
	run(3);
	assert_int_equal(vps[3]->state.segment[VP_CS].base, VECTOR << 12);
	assert_true(lapic_nmi_pending(vps[4]));
	assert_int_equal(lapic_pending(vps[5]), VECTOR);
}

/* ---- AssertVirtualInterrupt, ClearVirtualInterrupt ---- */

static enum hv_status assert_interrupt(u32 type, u32 flags, u64 destination,
                                       u32 vector)
{
	struct hv_input_assert_virtual_interrupt in = {
		id, type, flags, destination, vector, 0, { 0, 0, 0 }
	};

	return guest_call(HVCALL_ASSERT_VIRTUAL_INTERRUPT, &in, sizeof(in),
	                  NULL, 0);
}

static enum hv_status clear_interrupt(void)
{
	return guest_call(HVCALL_CLEAR_VIRTUAL_INTERRUPT, &id, sizeof(id), NULL,
	                  0);
}

static void test_assert(void **state)
{
	(void)state;
	make(true);
	assert_ok(assert_interrupt(HV_INTERRUPT_FIXED, 0, 2, 0x44));
	assert_int_equal(lapic_pending(vps[2]), 0x44);
	assert_int_equal(lapic_highest(vps[2], LAPIC_TMR), 0);
	assert_ok(assert_interrupt(HV_INTERRUPT_FIXED,
	                           HV_INTERRUPT_LEVEL | HV_INTERRUPT_LOGICAL,
	                           0x18, 0x45));
	assert_int_equal(lapic_pending(vps[3]), 0x45);
	assert_int_equal(lapic_highest(vps[4], LAPIC_TMR), 0x45);
	assert_ok(assert_interrupt(HV_INTERRUPT_NMI, 0, 0xff, 0));
	for (u32 i = 0; i < VPS; i++)
		assert_true(lapic_nmi_pending(vps[i]));
	assert_ok(assert_interrupt(HV_INTERRUPT_INIT, 0, 1, 0));
	assert_ok(assert_interrupt(HV_INTERRUPT_SIPI, 0, 1, 7));
	run(1);
	assert_int_equal(vps[1]->state.segment[VP_CS].base, 0x7000);
	assert_ok(assert_interrupt(HV_INTERRUPT_LOWEST_PRIORITY,
	                           HV_INTERRUPT_LOGICAL, 0x21, 0x46));
	assert_int_equal(lapic_pending(vps[0]), 0x46);
}

static void test_assert_refused(void **state)
{
	static const struct {
		u32 type, flags;
		u64 destination;
		u32 vector;
	} rows[] = {
		{ HV_INTERRUPT_FIXED, 0, 0, 15 },
		{ HV_INTERRUPT_FIXED, 0, 0, 256 },
		{ HV_INTERRUPT_FIXED, 4, 0, 32 },
		{ HV_INTERRUPT_FIXED, 0, BIT(32), 32 },
		{ HV_INTERRUPT_EXTINT, 0, 0, 3 },
		{ 2, 0, 0, 32 },
		{ 3, 0, 0, 32 },
		{ 8, 0, 0, 32 },
	};

	(void)state;
	make(true);
	for (u32 i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(assert_interrupt(rows[i].type, rows[i].flags,
		                                  rows[i].destination,
		                                  rows[i].vector),
		                 HV_STATUS_INVALID_PARAMETER);
	assert_ok(guest_finalize(id));
	assert_int_equal(assert_interrupt(0, 0, 0, 32),
	                 HV_STATUS_INVALID_PARTITION_STATE);
	assert_int_equal(clear_interrupt(), HV_STATUS_INVALID_PARTITION_STATE);
}

/* One external interrupt at a time, past TPR, where LINT0 lets it through. */
static void test_external(void **state)
{
	(void)state;
	make(true);
	assert_ok(clear_interrupt());
	assert_ok(assert_interrupt(HV_INTERRUPT_EXTINT, 0, 0, 0x21));
	assert_int_equal(clear_interrupt(), HV_STATUS_NOT_ACKNOWLEDGED);
	assert_int_equal(lapic_pending(vps[0]), 0); /* LINT0 is masked */
	assert_true(lapic_write_msr(vps[0], 0x835, 0x700));
	lapic_set_tpr(vps[0], 0xff);
	assert_int_equal(lapic_pending(vps[0]), 0x21);
	lapic_accept(vps[0], 0x21);
	assert_int_equal(lapic_highest(vps[0], LAPIC_ISR), 0);
	assert_int_equal(lapic_pending(vps[0]), 0);
	assert_int_equal(assert_interrupt(HV_INTERRUPT_EXTINT, 0, 0, 0x22),
	                 HV_STATUS_ACKNOWLEDGED);
	assert_ok(clear_interrupt());
	assert_ok(assert_interrupt(HV_INTERRUPT_EXTINT, 0, 0, 0x22));
	/* With the APIC off it comes as on a processor without one. */
	assert_true(lapic_write_base(vps[0], 0xfee00100));
	assert_int_equal(lapic_pending(vps[0]), 0x22);
}

/* An open save does not survive what changes the state (D10). */
static void test_assert_ends_a_save(void **state)
{
	struct guest_stream s = { .data = NULL };
	u32 result;

	(void)state;
	make(true);
	assert_ok(guest_save_call(id, GUEST_START, &s, &result));
	assert_ok(assert_interrupt(HV_INTERRUPT_FIXED, 0, 2, 0x44));
	assert_int_equal(guest_save_call(id, 0, &s, &result),
	                 HV_STATUS_INVALID_SAVE_RESTORE_STATE);
	guest_stream_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_physical_and_shorthands),
		TEST(test_logical_flat),
		TEST(test_logical_cluster),
		TEST(test_logical_x2apic),
		TEST(test_lowest_priority),
		TEST(test_who_is_off_gets_nothing),
		TEST(test_combinations),
		TEST(test_kick),
		TEST(test_startup),
		TEST(test_init_keeps),
		TEST(test_init_waits_for_the_parent),
		TEST(test_in_flight),
		TEST(test_assert),
		TEST(test_assert_refused),
		TEST(test_external),
		TEST(test_assert_ends_a_save),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
