/*
 * arch/x86_64/svm/apic.c: while the timer is the hypervisor's the root finds its APIC as
 * if it had all of it, by the page and by MSRs, on and off.
 */
#include "arch/x86_64/common/root_apic.h"
#include "arch/x86_64/svm/apic.h"
#include "arch/x86_64/svm/timer.h"
#include "hv/memory/pool.h"
#include "hv/vp/partition.h"
#include "include/x86.h"
#include "lib/insn.h"
#include "tests/host/fake/apic.h"
#include "tests/host/fake/processor.h"
#include "tests/host/fake/vendor.h"
#include "tests/host/fixture/test.h"

#define ROOT_VECTOR 0x40u
#define OWN_VECTOR 0xffu
#define FIRST 10000u /* counts of the root's timer */
#define TICKS 2u
#define CODE 0x300000ull
#define CODE_32 0xc09bu /* attributes of CS */
#define ELSEWHERE 0xfed00000ull
#define MASKED ((u32)LAPIC_LVT_MASKED)
#define ON ((u32)LAPIC_SVR_ENABLE)

/* With EDI at the register. */
#define STORE "\x89\x07" /* MOV [EDI], EAX */
#define LOAD "\x8b\x07"  /* MOV EAX, [EDI] */

static struct vp *root;

/* The firmware's timer runs, and has become ours: a child is to end after a while. */
static void begin(void)
{
	root = fake_root()->vps[0];
	fake_apic_reset(TICKS);
	apic_write(LAPIC_DIVIDE, LAPIC_DIVIDE_BY_1);
	apic_write(LAPIC_LVT_TIMER, ROOT_VECTOR);
	apic_write(LAPIC_INITIAL_COUNT, FIRST);
	fake.tsc_step = 1;
	timer_begin();
	fake.tsc_step = 0;
	timer_set(true, 4000);
	assert_true(timer_is_owned());
}

static bool page_is_there(u64 gpa)
{
	struct arch_mapping m;

	return arch_space_lookup(&fake_root()->space.arch, gpa_of(gpa), &m);
}

/* ---- Whose page it is ---- */

static void test_the_page_is_hidden(void **state)
{
	(void)state;
	fake_apic_reset(TICKS);
	assert_true(page_is_there(LAPIC_BASE_RESET));
	assert_false(root_apic_is_page(LAPIC_BASE_RESET));
	begin();
	assert_false(page_is_there(LAPIC_BASE_RESET));
	assert_true(page_is_there(LAPIC_BASE_RESET + PAGE_SIZE));
	assert_true(root_apic_is_page(LAPIC_BASE_RESET + 0x320));
	assert_false(root_apic_is_page(LAPIC_BASE_RESET + PAGE_SIZE));
	/* Where its base says, and in xAPIC mode alone. */
	fake_apic.base = ELSEWHERE | LAPIC_BASE_ENABLE;
	assert_false(root_apic_is_page(LAPIC_BASE_RESET));
	assert_true(root_apic_is_page(ELSEWHERE));
	fake_apic.base |= LAPIC_BASE_X2APIC;
	assert_false(root_apic_is_page(ELSEWHERE));
	fake_apic.base = ELSEWHERE;
	assert_false(root_apic_is_page(ELSEWHERE));
}

static void test_is_it_on(void **state)
{
	(void)state;
	fake_apic_reset(TICKS);
	assert_true(apic_is_on());
	apic_write(LAPIC_SVR, 0xff);
	assert_false(apic_is_on());
	apic_write(LAPIC_SVR, 0xff | ON);
	fake_apic.base = LAPIC_BASE_RESET;
	assert_false(apic_is_on());
	apic_write(LAPIC_IRR + 3 * 16, 1u << 7);
	assert_true(apic_has(LAPIC_IRR, 3 * 32 + 7));
	assert_false(apic_has(LAPIC_IRR, 2 * 32 + 7));
	assert_false(apic_has(LAPIC_IRR, 3 * 32 + 6));
	assert_false(apic_has(LAPIC_ISR, 3 * 32 + 7));
}

/* ---- Accesses to it ---- */

static enum exit_outcome execute(const char *code, u32 offset)
{
	struct vp_state *s = fake_enter(root);

	memset(s, 0, sizeof(*s));
	s->rip = CODE;
	s->cr0 = CR0_PE;
	s->rflags = RFLAGS_FIXED;
	s->segment[VP_CS].attributes = CODE_32;
	s->segment[VP_CS].limit = 0xffffffff;
	memset(guest_at(CODE), 0x90, INSN_MAX);
	memcpy(guest_at(CODE), code, strlen(code));
	fake_exit(root);
	return root_apic_access(root, LAPIC_BASE_RESET + offset);
}

static void store(u32 offset, u32 value)
{
	root->state.gpr[VP_RAX] = value;
	assert_int_equal(execute(STORE, offset), EXIT_AGAIN);
	assert_int_equal(vp_state_part(root, VP_PART_RIP)->rip, CODE + 2);
}

static u32 load(u32 offset)
{
	root->state.gpr[VP_RAX] = 0x5555555555555555;
	assert_int_equal(execute(LOAD, offset), EXIT_AGAIN);
	assert_int_equal(vp_state_part(root, VP_PART_RIP)->rip, CODE + 2);
	assert_int_equal(root->state.gpr[VP_RAX] >> 32, 0);
	return (u32)root->state.gpr[VP_RAX];
}

static void test_most_registers_are_the_apics(void **state)
{
	(void)state;
	begin();
	store(LAPIC_TPR, 0x20);
	assert_int_equal(apic_read(LAPIC_TPR), 0x20);
	apic_write(LAPIC_VERSION, 0x50014);
	assert_int_equal(load(LAPIC_VERSION), 0x50014);
	store(LAPIC_EOI, 0);
	assert_int_equal(fake_apic.ends, 1);
	/* An entry that nobody has masked stays as it was written. */
	store(LAPIC_LVT_LINT0, 0x700);
	assert_int_equal(apic_read(LAPIC_LVT_LINT0), 0x700);
}

static void test_the_timers_are_not(void **state)
{
	(void)state;
	begin();
	assert_int_equal(load(LAPIC_LVT_TIMER), ROOT_VECTOR);
	store(LAPIC_LVT_TIMER, ROOT_VECTOR + 1);
	assert_int_equal(load(LAPIC_LVT_TIMER), ROOT_VECTOR + 1);
	assert_int_equal(apic_read(LAPIC_LVT_TIMER), OWN_VECTOR);
	store(LAPIC_DIVIDE, 3);
	assert_int_equal(load(LAPIC_DIVIDE), 3);
	assert_int_equal(apic_read(LAPIC_DIVIDE), LAPIC_DIVIDE_BY_1);
}

/* A read may be of a part; what writes reads the register first where it has to. */
static void test_other_instructions(void **state)
{
	(void)state;
	begin();
	apic_write(LAPIC_ESR, 0x12345678);
	assert_int_equal(execute("\x0f\xb6\x07", LAPIC_ESR + 1), EXIT_AGAIN);
	assert_int_equal(root->state.gpr[VP_RAX], 0x56); /* MOVZX, a byte */
	assert_int_equal(execute("\x0f\xb7\x07", LAPIC_ESR + 2), EXIT_AGAIN);
	assert_int_equal(root->state.gpr[VP_RAX], 0x1234);
	root->state.gpr[VP_RAX] = 0xff;
	assert_int_equal(execute("\x31\x07", LAPIC_ESR), EXIT_AGAIN); /* XOR */
	assert_int_equal(apic_read(LAPIC_ESR), 0x12345687);
	assert_int_equal(execute("\xc7\x07\x78\x56\x34\x12", LAPIC_ESR),
	                 EXIT_AGAIN);
	assert_int_equal(apic_read(LAPIC_ESR), 0x12345678);
	assert_int_equal(vp_state_part(root, VP_PART_RIP)->rip, CODE + 6);
	/* TEST: flags, and no write. */
	root->state.gpr[VP_RAX] = 0x80000001;
	fake_apic.ends = 0;
	apic_write(LAPIC_EOI, 0);
	assert_int_equal(execute("\x85\x07", LAPIC_EOI), EXIT_AGAIN);
	assert_true(vp_state_part(root, VP_PART_CORE)->rflags & RFLAGS_ZF);
	assert_int_equal(fake_apic.ends, 1);
	/* Flags are applied where they are others, and only there. */
	assert_true(root->dirty & VP_PART_CORE);
	load(LAPIC_ESR);
	assert_int_equal(root->dirty & VP_PART_CORE, 0);
}

/* #GP, and nothing is done. */
static void test_what_is_not_known(void **state)
{
	static const struct {
		const char *code;
		u32 offset;
	} rows[] = {
		{ "\x66\x89\x07", LAPIC_TPR }, /* 16 bits written */
		{ "\x88\x07", LAPIC_TPR },     /* 8 */
		{ LOAD, LAPIC_TPR + 1 },       /* over the end of it */
		{ "\x0f\xb7\x07", LAPIC_TPR + 3 },
		{ STORE, LAPIC_TPR + 2 },
		{ "\xff\x37", LAPIC_TPR },     /* PUSH [EDI] */
		{ "\x0f\x10\x07", LAPIC_TPR }, /* MOVUPS */
		{ "\xf4", LAPIC_TPR },
	};

	(void)state;
	begin();
	apic_write(LAPIC_TPR, 0x30);
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		u64 log = guest_log_end();

		root->state.gpr[VP_RAX] = 0x1234;
		assert_int_equal(execute(rows[i].code, rows[i].offset),
		                 EXIT_FAULT_GP);
		assert_int_equal(apic_read(LAPIC_TPR), 0x30);
		assert_int_equal(root->state.gpr[VP_RAX], 0x1234);
		assert_int_equal(vp_state_part(root, VP_PART_RIP)->rip, CODE);
		assert_true(guest_log_end() > log);
	}
}

/* ---- SVR ---- */

/* It looks off to the root: but there would be no time for anybody if it were. */
static void test_off_by_svr(void **state)
{
	static const u32 entries[] = { LAPIC_LVT_THERMAL, LAPIC_LVT_PERF,
		                       LAPIC_LVT_LINT0, LAPIC_LVT_LINT1,
		                       LAPIC_LVT_ERROR };

	(void)state;
	begin();
	for (u32 i = 0; i < ARRAY_LEN(entries); i++)
		apic_write(entries[i], 0x400 + i);
	store(LAPIC_SVR, 0xf0);
	assert_int_equal(apic_read(LAPIC_SVR), 0xf0 | ON);
	assert_int_equal(load(LAPIC_SVR), 0xf0);
	assert_int_equal(load(LAPIC_LVT_TIMER), ROOT_VECTOR | MASKED);
	assert_int_equal(apic_read(LAPIC_LVT_TIMER), OWN_VECTOR);
	for (u32 i = 0; i < ARRAY_LEN(entries); i++) {
		assert_int_equal(load(entries[i]), (0x400 + i) | MASKED);
		/* Nobody unmasks one now. */
		store(entries[i], 0x500 + i);
		assert_int_equal(apic_read(entries[i]), (0x500 + i) | MASKED);
	}
	store(LAPIC_LVT_TIMER, ROOT_VECTOR);
	assert_int_equal(load(LAPIC_LVT_TIMER), ROOT_VECTOR | MASKED);
	/* What is beside them is written as it is. */
	store(LAPIC_ICR_HIGH, 5);
	store(LAPIC_INITIAL_COUNT, 5);
	assert_int_equal(load(LAPIC_ICR_HIGH), 5);
	assert_int_equal(load(LAPIC_INITIAL_COUNT), 5);

	store(LAPIC_SVR, 0xff | ON);
	assert_int_equal(load(LAPIC_SVR), 0xff | ON);
	assert_int_equal(load(LAPIC_LVT_ERROR), 0x504 | MASKED);
	store(LAPIC_LVT_ERROR, 0x22);
	assert_int_equal(apic_read(LAPIC_LVT_ERROR), 0x22);
	store(LAPIC_LVT_TIMER, ROOT_VECTOR);
	assert_int_equal(load(LAPIC_LVT_TIMER), ROOT_VECTOR);
}

/* ---- x2APIC mode ---- */

static enum exit_outcome write_msr(u32 msr, u64 value)
{
	struct exit x = { .vp = root };
	enum exit_outcome outcome;

	root->state.gpr[VP_RCX] = msr;
	root->state.gpr[VP_RAX] = (u32)value;
	root->state.gpr[VP_RDX] = value >> 32;
	assert_true(apic_write_msr(&x, msr, value, &outcome));
	return outcome;
}

static u64 read_msr(u32 msr)
{
	u64 value = 0;

	assert_true(apic_read_msr(root, msr, &value));
	return value;
}

static void assert_not_ours(u32 msr)
{
	struct exit x = { .vp = root };
	enum exit_outcome outcome;
	u64 value;

	assert_false(apic_read_msr(root, msr, &value));
	assert_false(apic_write_msr(&x, msr, 0, &outcome));
}

static void test_msrs(void **state)
{
	(void)state;
	begin();
	/* In xAPIC mode they are #GP by the processor. */
	assert_not_ours(LAPIC_MSR(LAPIC_LVT_TIMER));
	fake_apic.base |= LAPIC_BASE_X2APIC;
	assert_not_ours(LAPIC_MSR(LAPIC_TPR));
	assert_not_ours(LAPIC_MSR(LAPIC_LVT_LINT0));
	assert_int_equal(read_msr(LAPIC_MSR(LAPIC_LVT_TIMER)), ROOT_VECTOR);
	assert_int_equal(write_msr(LAPIC_MSR(LAPIC_LVT_TIMER), 0x55),
	                 EXIT_SKIP);
	assert_int_equal(read_msr(LAPIC_MSR(LAPIC_LVT_TIMER)), 0x55);
	assert_int_equal(apic_read(LAPIC_LVT_TIMER), OWN_VECTOR);
	/* Reserved bits, and what is only read. */
	assert_int_equal(write_msr(LAPIC_MSR(LAPIC_LVT_TIMER), BIT(32)),
	                 EXIT_FAULT_GP);
	assert_int_equal(write_msr(LAPIC_MSR(LAPIC_CURRENT_COUNT), 1),
	                 EXIT_FAULT_GP);
	assert_int_equal(write_msr(LAPIC_MSR(LAPIC_SVR), 0x2000),
	                 EXIT_FAULT_GP);
	assert_int_equal(write_msr(LAPIC_MSR(LAPIC_SVR), BIT(32)),
	                 EXIT_FAULT_GP);
	assert_int_equal(write_msr(LAPIC_MSR(LAPIC_SVR), 0x1000), EXIT_SKIP);
	assert_int_equal(read_msr(LAPIC_MSR(LAPIC_SVR)), 0x1000);
	assert_int_equal(apic_read(LAPIC_SVR), 0x1000 | ON);
	timer_lose();
	assert_not_ours(LAPIC_MSR(LAPIC_LVT_TIMER));
}

/* ---- The base ---- */

static void test_the_page_moves(void **state)
{
	const u64 on = LAPIC_BASE_ENABLE;

	(void)state;
	begin();
	assert_int_equal(write_msr(MSR_IA32_APIC_BASE, ELSEWHERE | on),
	                 EXIT_SKIP);
	assert_int_equal(fake_apic.base, ELSEWHERE | on);
	assert_false(page_is_there(ELSEWHERE));
	assert_true(timer_is_owned() && root_apic_is_page(ELSEWHERE));
	/* Not over memory: that is refused, and nothing changes. */
	assert_int_equal(write_msr(MSR_IA32_APIC_BASE, CODE | on),
	                 EXIT_FAULT_GP);
	assert_int_equal(fake_apic.base, ELSEWHERE | on);
	assert_true(page_is_there(CODE));
	/* Into the mode without a page no page is hidden. */
	assert_int_equal(
		write_msr(MSR_IA32_APIC_BASE,
	                  (ELSEWHERE + PAGE_SIZE) | on | LAPIC_BASE_X2APIC),
		EXIT_SKIP);
	assert_true(page_is_there(ELSEWHERE + PAGE_SIZE));
	assert_true(timer_is_owned());
}

/* Switched off there it has no timer, and what SVR had been made to look like is over. */
static void test_off_by_its_base(void **state)
{
	(void)state;
	begin();
	store(LAPIC_SVR, 0xf0);
	assert_int_equal(write_msr(MSR_IA32_APIC_BASE, LAPIC_BASE_RESET),
	                 EXIT_SKIP);
	assert_false(timer_is_owned());
	fake_apic.base |= LAPIC_BASE_ENABLE;
	timer_set(true, 1000);
	assert_int_equal(load(LAPIC_SVR), 0xf0 | ON);
}

static void test_no_memory_to_hide_it(void **state)
{
	const u64 elsewhere = LAPIC_BASE_RESET - (3ull << 30);

	for (u32 off = 0; off < 2; off++) {
		begin();
		if (off)
			store(LAPIC_SVR, 0xf0);
		while (fake_root()->pool.available)
			pool_alloc(&fake_root()->pool);
		/* Where there is no page of it at all, nothing is needed. */
		apic_watch_again();
		assert_true(timer_is_owned());
		assert_true(page_is_there(elsewhere));
		fake_apic.base = elsewhere | LAPIC_BASE_ENABLE;
		apic_watch_again();
		assert_false(timer_is_owned());
		assert_int_equal(apic_read(LAPIC_SVR) & ON, off ? 0 : ON);
		assert_int_equal(apic_read(LAPIC_LVT_TIMER) & 0xff,
		                 ROOT_VECTOR);
		fake_teardown(state);
		guest_setup(state);
	}
}

/* ---- Deadlines ---- */

static void test_deadlines(void **state)
{
	(void)state;
	root = fake_root()->vps[0];
	assert_not_ours(MSR_IA32_TSC_DEADLINE);
	begin();
	store(LAPIC_LVT_TIMER, ROOT_VECTOR | LAPIC_LVT_DEADLINE);
	assert_true(fake_vendor_exits(true, MSR_IA32_TSC_DEADLINE, false));
	root->state.tsc_offset = 50;
	assert_int_equal(write_msr(MSR_IA32_TSC_DEADLINE, fake.tsc + 1050),
	                 EXIT_SKIP);
	assert_int_equal(read_msr(MSR_IA32_TSC_DEADLINE), fake.tsc + 1050);
	/* The root's TSC moves; what it had set is a value of that, and stays. */
	apic_tsc_moved(50, 0);
	assert_true(fake_vendor_exits(true, MSR_IA32_TSC_DEADLINE, true));
	root->state.tsc_offset = 0;
	assert_int_equal(read_msr(MSR_IA32_TSC_DEADLINE), fake.tsc + 1050);
	fake.tsc += 1049;
	assert_int_equal(read_msr(MSR_IA32_TSC_DEADLINE), fake.tsc + 1);
	assert_int_equal(fake.interrupts, 0);
	fake.tsc += 1;
	assert_int_equal(read_msr(MSR_IA32_TSC_DEADLINE), 0);
	assert_int_equal(fake.interrupts, 1);
	assert_int_equal(fake.interrupt_vector, ROOT_VECTOR);
	/* Of a timer that is not ours the processor has it. */
	timer_lose();
	apic_tsc_moved(0, 0);
	assert_false(fake_vendor_exits(true, MSR_IA32_TSC_DEADLINE, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_page_is_hidden),
		TEST(test_is_it_on),
		TEST(test_most_registers_are_the_apics),
		TEST(test_the_timers_are_not),
		TEST(test_other_instructions),
		TEST(test_what_is_not_known),
		TEST(test_off_by_svr),
		TEST(test_msrs),
		TEST(test_the_page_moves),
		TEST(test_off_by_its_base),
		TEST(test_no_memory_to_hide_it),
		TEST(test_deadlines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
