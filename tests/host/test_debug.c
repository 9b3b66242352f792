/*
 * hv/vp/debug.c: debug exceptions of what the hypervisor carries out, and of single
 * steps whose exception goes to the parent.
 */
#include "hv/run/exit.h"
#include "hv/run/vp_run.h"
#include "hv/vp/debug.h"
#include "tests/host/fixture/child.h"
#include "tests/host/fixture/state.h"
#include "tests/host/fixture/test.h"

#define PENDING_DB 0x10007ull
#define RW(n, condition) ((u64)(condition) << (16 + 4 * (n)))
#define LEN(n, length) ((u64)(length) << (18 + 4 * (n)))
#define LOCAL(n) (1ull << 2 * (n))
#define GLOBAL(n) (2ull << 2 * (n))

enum { EXECUTION, WRITE, PORT, ACCESS };
enum { LEN_1, LEN_2, LEN_8, LEN_4 };

static struct vp *vp;
static struct vp_state *s;

static void make(void)
{
	vp = guest_partition(guest_child(60, 1))->vps[0];
	s = vp_state_write(vp);
	s->cr4 |= CR4_DE;
	s->pending_debug = 0;
}

/* ---- DR6 ---- */

static void test_status(void **state)
{
	static const struct {
		u64 dr6, causes, want;
	} rows[] = {
		{ DR6_FIXED, DEBUG_STEP, 0xffff4ff0 },
		{ DR6_FIXED, BIT(13), 0xffff2ff0 },
		{ DR6_FIXED, DEBUG_ENABLED | 5, 0xffff0ff5 },
		/* B0 to B3 are of this one, the rest stays (17.2.3). */
		{ 0xffff4fff, 2, 0xffff4ff2 },
		{ 0xffff0ff1, DEBUG_STEP, 0xffff4ff0 },
		{ 0xffff8ff0, BIT(13) | 1, 0xffffaff1 },
		/* RTM is clear where it is meant, and set again after. */
		{ DR6_FIXED, BIT(16) | 1, 0xfffe0ff1 },
		{ 0xfffe0ff1, DEBUG_STEP, 0xffff4ff0 },
		/* What a processor has besides is none of a child's. */
		{ 0xffff07f0, BIT(11) | DEBUG_STEP, 0xffff4ff0 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(debug_status(rows[i].dr6, rows[i].causes),
		                 rows[i].want);
}

static void test_what_is_due(void **state)
{
	(void)state;
	assert_false(debug_is_due(0));
	assert_false(debug_is_due(0xf));
	assert_true(debug_is_due(DEBUG_ENABLED | 1));
	assert_true(debug_is_due(DEBUG_STEP));
	assert_true(debug_is_due(BIT(16) | DEBUG_ENABLED));
}

/* ---- Breakpoints ---- */

static u64 at_port(u16 port, u32 size)
{
	s->pending_debug = 0;
	debug_port(vp, port, size);
	return s->pending_debug;
}

static void test_ports(void **state)
{
	(void)state;
	make();
	s->dr[1] = 0x84;
	s->dr7 = 0x400 | LOCAL(1) | RW(1, PORT) | LEN(1, LEN_2);
	assert_int_equal(at_port(0x84, 1), DEBUG_ENABLED | 2);
	assert_int_equal(at_port(0x85, 1), DEBUG_ENABLED | 2);
	assert_int_equal(at_port(0x86, 1), 0);
	assert_int_equal(at_port(0x83, 1), 0);
	assert_int_equal(at_port(0x81, 4), DEBUG_ENABLED | 2);
	assert_int_equal(at_port(0x80, 4), 0);
	/* The address is aligned as LEN has it. */
	s->dr[1] = 0x87;
	s->dr7 = 0x400 | GLOBAL(1) | RW(1, PORT) | LEN(1, LEN_4);
	assert_int_equal(at_port(0x84, 1), DEBUG_ENABLED | 2);
	assert_int_equal(at_port(0x88, 1), 0);
	/* Neither enabled, nor of ports, nor with ports on at all. */
	s->dr7 = 0x400 | LOCAL(0) | RW(1, PORT) | LEN(1, LEN_4);
	assert_int_equal(at_port(0x84, 1), 0);
	s->dr7 = 0x400 | LOCAL(1) | RW(1, ACCESS) | LEN(1, LEN_4);
	assert_int_equal(at_port(0x84, 1), 0);
	s->dr7 = 0x400 | LOCAL(1) | RW(1, PORT) | LEN(1, LEN_4);
	s->cr4 &= ~CR4_DE;
	assert_int_equal(at_port(0x84, 1), 0);
}

static u64 at_data(u64 linear, u32 size, bool write)
{
	s->pending_debug = 0;
	debug_data(vp, linear, size, write);
	return s->pending_debug;
}

static void test_data(void **state)
{
	u64 top = 0xffffffff80000080;

	(void)state;
	make();
	s->dr[0] = s->dr[3] = top;
	s->dr7 = 0x400 | LOCAL(0) | RW(0, WRITE) | LEN(0, LEN_4) | LOCAL(3) |
	         RW(3, ACCESS) | LEN(3, LEN_8);
	assert_int_equal(at_data(top, 4, true), DEBUG_ENABLED | 9);
	assert_int_equal(at_data(top, 4, false), DEBUG_ENABLED | 8);
	assert_int_equal(at_data(top + 4, 4, true), DEBUG_ENABLED | 8);
	assert_int_equal(at_data(top + 7, 1, false), DEBUG_ENABLED | 8);
	assert_int_equal(at_data(top + 8, 4, true), 0);
	assert_int_equal(at_data(top - 4, 4, true), 0);
	assert_int_equal(at_data(top - 4, 8, true), DEBUG_ENABLED | 9);
	/* What waits already is kept. */
	s->pending_debug = DEBUG_STEP;
	debug_data(vp, top, 1, false);
	assert_int_equal(s->pending_debug, DEBUG_STEP | DEBUG_ENABLED | 8);
	s->dr7 = 0x400 | LOCAL(3) | RW(3, EXECUTION);
	assert_int_equal(at_data(top, 1, false), 0);
}

/* ---- HLT ---- */

static void test_a_debug_exception_ends_hlt(void **state)
{
	(void)state;
	make();
	vp->explicit_suspend = 0;
	s->activity = HV_ACTIVITY_HALT_SUSPEND;
	s->rflags = 2;
	assert_false(vp_runnable(vp));
	s->pending_debug = 3; /* of breakpoints that are not enabled */
	assert_false(vp_runnable(vp));
	s->pending_debug = DEBUG_ENABLED | 1;
	assert_true(vp_runnable(vp));
	s->rflags |= RFLAGS_TF;
	s->pending_debug = DEBUG_STEP;
	assert_true(vp_runnable(vp));
	s->activity = HV_ACTIVITY_STARTUP_SUSPEND;
	assert_false(vp_runnable(vp));
}

/* ---- A step over STI, or MOV SS, that its parent is told of ---- */

/*
 * As the processor leaves it: the shadow, TF, and nothing pending, for that was
 * the exit.
 */
static u64 stopped_behind_sti(const struct child_shape *shape, u64 rflags)
{
	u64 id = child_make(shape), seed = 1;
	struct exit_exception e = { .vector = 1, .parameter = DEBUG_STEP };

	vp = guest_partition(id)->vps[0];
	state_set_mode(vp_state_write(vp), STATE_LONG, &seed);
	vp->state.activity = vp->state.pending_interruption = 0;
	vp->explicit_suspend = vp->intercept_suspend = 0;
	s = fake_enter(vp);
	s->rflags = 2 | RFLAGS_IF | rflags;
	s->rip = 0x1001;
	s->interrupt_state = HV_INTERRUPT_STATE_SHADOW;
	s->mov_ss = s->pending_debug = s->pending_interruption = 0;
	s->debugctl = 0;
	assert_int_equal(exit_exception(vp, &e), EXIT_SUSPENDED);
	fake_exit(vp);
	s = &vp->state;
	return id;
}

static u64 step_behind_sti(void)
{
	struct child_shape shape;

	child_shape_small(&shape, 4);
	return stopped_behind_sti(&shape, RFLAGS_TF);
}

static void test_a_step_waits_behind_a_shadow(void **state)
{
	const struct hv_exception_intercept *m;
	struct child_shape shape;

	(void)state;
	step_behind_sti();
	m = (const struct hv_exception_intercept *)vp->message.payload;
	assert_int_equal(m->parameter, DEBUG_STEP);
	assert_int_equal(vp_state_read(vp)->pending_debug, DEBUG_STEP);
	assert_int_equal(s->interrupt_state, HV_INTERRUPT_STATE_SHADOW);
	/* A #DB that is no step leaves nothing. */
	child_shape_small(&shape, 4);
	stopped_behind_sti(&shape, 0);
	assert_int_equal(vp_state_read(vp)->pending_debug, 0);
}

static void test_a_step_handed_on(void **state)
{
	u64 id = step_behind_sti();

	(void)state;
	assert_ok(
		guest_set(id, 0, HV_REGISTER_PENDING_INTERRUPTION, PENDING_DB));
	assert_ok(guest_set(id, 0, HV_REGISTER_INTERCEPT_SUSPEND, 0));
	assert_true(vp_enters(vp));
	assert_int_equal(vp_state_read(vp)->pending_interruption, PENDING_DB);
}

/* It is not told again, and the next one comes by TF. */
static void test_a_step_kept(void **state)
{
	u64 id = step_behind_sti();

	(void)state;
	assert_ok(guest_set(id, 0, HV_REGISTER_INTERCEPT_SUSPEND, 0));
	assert_true(vp_enters(vp));
	vp_state_read(vp);
	assert_int_equal(s->pending_debug, 0);
	assert_int_equal(s->interrupt_state, 0);
	assert_int_equal(s->rflags & RFLAGS_TF, RFLAGS_TF);
}

/* A debugger that is done stepping. */
static void test_the_last_step_kept(void **state)
{
	u64 id = step_behind_sti();

	(void)state;
	assert_ok(guest_set(id, 0, HV_REGISTER_RFLAGS, 2 | RFLAGS_IF));
	assert_ok(guest_set(id, 0, HV_REGISTER_INTERCEPT_SUSPEND, 0));
	assert_true(vp_enters(vp));
	assert_int_equal(vp_state_read(vp)->pending_debug, 0);
}

/* Behind MOV SS a step has not been delivered yet: it goes on waiting. */
static void test_a_step_behind_mov_ss(void **state)
{
	u64 id = step_behind_sti();

	(void)state;
	vp_state_write(vp)->mov_ss = 1;
	assert_ok(guest_set(id, 0, HV_REGISTER_INTERCEPT_SUSPEND, 0));
	assert_true(vp_enters(vp));
	assert_int_equal(vp_state_read(vp)->pending_debug, DEBUG_STEP);
	assert_int_equal(s->interrupt_state, HV_INTERRUPT_STATE_SHADOW);
}

/* Saved while its parent has not answered yet; and answered at the target. */
static void test_a_step_saved(void **state)
{
	struct guest_stream stream = { .data = NULL };
	struct child_shape shape;
	u64 id = step_behind_sti(), target;

	(void)state;
	child_shape_small(&shape, 4);
	assert_ok(guest_set(id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 1));
	guest_save_whole(id, &stream);
	target = child_make_target(&shape);
	guest_restore_whole(target, &stream, HV_SAVE_DATA_MAX);
	guest_stream_free(&stream);
	vp = guest_partition(target)->vps[0];
	s = &vp->state;
	assert_int_equal(vp_state_read(vp)->pending_debug, DEBUG_STEP);
	assert_ok(guest_set(target, 0, HV_REGISTER_INTERCEPT_SUSPEND, 0));
	assert_ok(guest_set(target, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0));
	assert_true(vp_enters(vp));
	assert_int_equal(vp_state_read(vp)->pending_debug, 0);
	assert_int_equal(s->interrupt_state, 0);
}

/* ---- RF ---- */

/* An access that the parent is told of is made again behind it (27.3.3). */
static void test_an_access_is_made_again(void **state)
{
	struct exit_memory e = { .gpa = gpa_of(0x5008),
		                 .access = HV_INTERCEPT_READ };
	const struct hv_memory_intercept *m;

	(void)state;
	make();
	vp->explicit_suspend = 0;
	s->rflags = 2;
	assert_int_equal(exit_memory(vp, &e), EXIT_SUSPENDED);
	m = (const struct hv_memory_intercept *)vp->message.payload;
	assert_int_equal(m->header.rflags, 2 | RFLAGS_RF);
	assert_int_equal(s->rflags, 2 | RFLAGS_RF);
	/* In the middle of a delivery RFLAGS is what will be pushed. */
	make();
	vp->explicit_suspend = 0;
	s->rflags = 2;
	s->pending_interruption = PENDING_DB;
	assert_int_equal(exit_memory(vp, &e), EXIT_SUSPENDED);
	assert_int_equal(s->rflags, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_status),
		TEST(test_what_is_due),
		TEST(test_ports),
		TEST(test_data),
		TEST(test_a_debug_exception_ends_hlt),
		TEST(test_a_step_waits_behind_a_shadow),
		TEST(test_a_step_handed_on),
		TEST(test_a_step_kept),
		TEST(test_the_last_step_kept),
		TEST(test_a_step_behind_mov_ss),
		TEST(test_a_step_saved),
		TEST(test_an_access_is_made_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
