/*
 * hv/vp/vp.c: creation, deletion, cached and dirty state.
 */
#include "hv/run/cpuid.h"
#include "hv/run/exit.h"
#include "hv/run/vp_run.h"
#include "hv/vp/intercept.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp_confine.h"
#include "tests/host/fixture/test.h"

static struct vp *only_vp(void)
{
	return guest_partition(guest_child(40, 1))->vps[0];
}

static void test_new_vp(void **state)
{
	struct partition *p = guest_partition(guest_child(40, 2));

	(void)state;
	for (u32 i = 0; i < 2; i++) {
		struct vp *vp = p->vps[i];

		assert_int_equal(vp->index, i);
		assert_ptr_equal(vp->partition, p);
		assert_ptr_equal(vp->cpu, &fake.cpu);
		assert_int_equal(vp->explicit_suspend, HV_SUSPENDED);
		assert_true(vp->cached && vp->dirty);
		assert_false(vp->is_root);
		assert_false(vp_runnable(vp));
	}
	assert_int_not_equal(p->vps[0]->vpid, p->vps[1]->vpid);
	assert_int_equal(p->vps[0]->state.activity, 0);
	assert_int_equal(p->vps[1]->state.activity,
	                 HV_ACTIVITY_STARTUP_SUSPEND);
	assert_int_equal(p->vps[0]->state.apic_base, 0xfee00900);
	assert_int_equal(p->vps[1]->state.apic_base, 0xfee00800);
}

/* With every number of pages below what it takes, nothing is left behind. */
static void test_create_in_a_dry_pool(void **state)
{
	u32 need = 1 + VP_PAGES + 1; /* one for all VPs: the reference TSC's */

	(void)state;
	for (u32 n = 0; n <= need; n++) {
		u64 id = guest_child(1 + n, 0);
		struct partition *p = guest_partition(id);

		assert_int_equal(guest_create_vp(id, 0),
		                 n < need ? HV_STATUS_INSUFFICIENT_MEMORY
		                          : HV_STATUS_SUCCESS);
		assert_int_equal(p->vp_count, n == need);
		assert_int_equal(p->pool.in_use, n < need ? 1 : 1 + need);
		guest_destroy(id);
	}
	assert_false(list_linked(&fake.cpu.ready));
}

static void test_d31_indices(void **state)
{
	u64 id = guest_child(900, 0);

	(void)state;
	assert_int_equal(guest_create_vp(id, PARTITION_VPS),
	                 HV_STATUS_INVALID_VP_INDEX);
	assert_int_equal(guest_create_vp(id, HV_VP_INDEX_SELF),
	                 HV_STATUS_INVALID_VP_INDEX);
	for (u32 i = PARTITION_VPS; i > 0; i--)
		assert_ok(guest_create_vp(id, i - 1));
	assert_int_equal(guest_create_vp(id, 3), HV_STATUS_INVALID_VP_INDEX);
	assert_ok(guest_delete_vp(id, 3));
	assert_int_equal(guest_delete_vp(id, 3), HV_STATUS_INVALID_VP_INDEX);
	assert_ok(guest_create_vp(id, 3));
	guest_destroy(id);
}

static void test_state_is_captured_once_and_applied_when_changed(void **state)
{
	struct vp *vp = only_vp();
	struct vp_state *guest = fake_enter(vp);

	(void)state;
	assert_int_equal(fake.applies, 1);
	guest->rip = 0x1234;
	guest->cr3 = 0x5000;
	fake_exit(vp);
	assert_int_equal(vp->cached, VP_PART_OURS);
	assert_int_not_equal(vp->state.rip, 0x1234);
	assert_int_equal(vp_state_read(vp)->rip, 0x1234);
	assert_int_equal(vp->cached, VP_PART_ALL);
	assert_int_equal(vp->dirty, 0);
	/* What was read once is not fetched again. */
	guest->rip = 0x9999;
	assert_int_equal(vp_state_read(vp)->rip, 0x1234);
	fake_enter(vp);
	assert_int_equal(fake.applies, 1);
	fake_exit(vp);
	vp_state_write(vp)->rip = 0x4321;
	assert_int_equal(vp->dirty, VP_PART_ALL);
	guest = fake_enter(vp);
	assert_int_equal(fake.applies, 2);
	assert_int_equal(guest->rip, 0x4321);
	assert_int_equal(guest->cr3, 0x5000);
	fake_exit(vp);
}

#define RIGHTS_OF(index) (offsetof(struct vp_state, segment[index]) + 8)

/* Every field is in one part, and what is asked for is all that is fetched. */
static void test_parts(void **state)
{
	struct vp_state garbage, hardware;
	struct vp *vp = only_vp();
	u32 parts = 0;

	(void)state;
	memset(&hardware, 0x77, sizeof(hardware));
	vp_confine(&hardware, VP_PART_ALL);
	for (u32 part = 1; part < VP_PART_ALL; part <<= 1) {
		*fake_enter(vp) = hardware;
		fake_exit(vp);
		garbage = vp->state;
		vp_state_part(vp, part);
		assert_int_equal(vp->cached,
		                 part | VP_PART_CORE | VP_PART_OURS);
		for (u32 at = 0; at < sizeof(garbage); at += 8) {
			u32 in = vp_state_part_of(at);
			bool is = in & (part | VP_PART_CORE) &
			          ~(u32)VP_PART_OURS;

			parts |= in;
			if (at == RIGHTS_OF(VP_CS) || at == RIGHTS_OF(VP_SS))
				continue; /* half of it is the core's */
			assert_memory_equal(
				(u8 *)&vp->state + at,
				(u8 *)(is ? &hardware : &garbage) + at, 8);
		}
	}
	assert_int_equal(parts, VP_PART_ALL);
}

/* What was changed reaches the hardware, and nothing else does. */
static void test_only_what_was_changed_is_applied(void **state)
{
	struct vp *vp = only_vp();

	(void)state;
	fake_enter(vp)->rip = 0x1000;
	fake_exit(vp);
	vp_state_change(vp, VP_PART_RIP)->rip = 0x2000;
	vp->state.cr3 = vp->state.segment[VP_GS].base = 0xdead;
	vp->state.rflags = 0xdead;
	assert_int_equal(fake_enter(vp)->rip, 0x2000);
	fake_exit(vp);
	assert_int_not_equal(vp_state_read(vp)->cr3, 0xdead);
	assert_int_not_equal(vp->state.segment[VP_GS].base, 0xdead);
	assert_int_not_equal(vp->state.rflags, 0xdead);
}

/* Under another hypervisor what is captured is what an exit costs. */
static void test_exits_capture_little(void **state)
{
	struct exit_io out = { .port = 0x3f8, .size = 1 };
	struct vp *vp = only_vp();
	u64 id = vp->partition->id;
	u32 regs[4];

	(void)state;
	assert_ok(intercept_install(vp->partition, HV_INTERCEPT_TYPE_IO_PORT,
	                            0x3f8, HV_INTERCEPT_ACCESS_WRITE));
	fake_enter(vp)->rip = 0x1000;
	fake_exit(vp);
	fake.captured = 0;
	vp->explicit_suspend = 0;
	exit_halt(vp);
	assert_false(vp_runnable(vp));
	assert_int_equal(fake.captured, VP_PART_CORE);
	vp->state.activity = 0;

	fake_enter(vp);
	fake_exit(vp);
	fake.captured = 0;
	cpuid_answer(vp, 1, 0, regs);
	vp_skip(vp, 2);
	assert_int_equal(fake.captured,
	                 VP_PART_CORE | VP_PART_RIP | VP_PART_PAGING);
	assert_int_equal(vp->dirty, VP_PART_RIP);

	fake_enter(vp);
	fake_exit(vp);
	fake.captured = 0;
	assert_int_equal(exit_io(vp, &out), EXIT_SUSPENDED);
	/* The parent moves RIP on, and the VP may run: nothing more is read. */
	assert_ok(guest_set(id, 0, HV_REGISTER_RIP, 0x1002));
	assert_null(vp_validate(vp));
	assert_int_equal(fake.captured,
	                 VP_PART_CORE | VP_PART_RIP | VP_PART_CODE);
	assert_int_equal(vp->dirty, VP_PART_RIP);
	/* A mode that it sets is held against all that speaks of the mode. */
	assert_ok(guest_set(id, 0, HV_REGISTER_RFLAGS, 0x20002));
	assert_non_null(vp_validate(vp));
	assert_true(fake.captured & VP_PART_SEGMENTS);
}

/* A write to one field must not lose the others, which the hardware has. */
static void test_write_captures_first(void **state)
{
	struct vp *vp = only_vp();

	(void)state;
	fake_enter(vp)->rip = 0x77;
	fake_exit(vp);
	vp_state_write(vp)->rflags = 0x202;
	assert_int_equal(fake_enter(vp)->rip, 0x77);
	fake_exit(vp);
}

static void test_runnable(void **state)
{
	static const struct {
		u64 explicit_suspend, intercept, activity, pending;
		bool runnable;
	} rows[] = {
		{ 0, 0, 0, 0, true },
		{ 1, 0, 0, 0, false },
		{ 0, 1, 0, 0, false },
		{ 0, HV_TLB_FLUSH_INHIBIT, 0, 0, true },
		{ 0, 0, HV_ACTIVITY_HALT_SUSPEND, 0, false },
		{ 0, 0, HV_ACTIVITY_HALT_SUSPEND, 0x200001, true },
		{ 0, 0, HV_ACTIVITY_STARTUP_SUSPEND, 0, false },
		{ 0, 0, HV_ACTIVITY_STARTUP_SUSPEND, 0x200001, false },
		{ 1, 0, HV_ACTIVITY_HALT_SUSPEND, 0x200001, false },
	};
	struct vp *vp = only_vp();

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		vp->explicit_suspend = rows[i].explicit_suspend;
		vp->intercept_suspend = rows[i].intercept;
		vp->state.activity = rows[i].activity;
		vp->state.pending_interruption = rows[i].pending;
		assert_int_equal(vp_runnable(vp), rows[i].runnable);
	}
	vp->explicit_suspend = vp->intercept_suspend = 0;
	vp->state.activity = 0;
	vp->cached = vp->dirty = 0;
	assert_true(vp_runnable(vp));
	assert_int_equal(vp->cached, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_new_vp),
		TEST(test_create_in_a_dry_pool),
		TEST(test_d31_indices),
		TEST(test_state_is_captured_once_and_applied_when_changed),
		TEST(test_parts),
		TEST(test_only_what_was_changed_is_applied),
		TEST(test_exits_capture_little),
		TEST(test_write_captures_first),
		TEST(test_runnable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
