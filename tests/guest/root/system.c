/*
 * What an operating system takes for granted in a child, and its parent of us: MSRs that
 * kernels read without a fault handler, pages that it switches on whatever its pool has,
 * the instruction in a message of a device's memory, and time.
 */
#include "parent/memory.h"
#include "parent/uefi/synic.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/processors.h"
#include "tests/guest/lib/saved.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/vendor.h"

#define PAGES 12
#define PORT 0x80
#define STACK 0x3000
#define PLACE 0x5000ull   /* of an overlay, where memory is mapped */
#define FAR 0x30000000ull /* and where no tables are */
#define ROUNDS 101        /* messages */
#define UNITS_IN_MS 10000 /* of reference time */

static struct child child;

static bool create(const u8 *code, u64 size)
{
	if (!child_create(&child, PAGES) || !child_intercept_out(&child, PORT))
		return false;
	child_put(&child, CHILD_CODE, code, size);
	return child_set_long(&child, CHILD_CODE, STACK);
}

/* ---- MSRs ---- */

/* Its parent puts the MSR into RCX at the first OUT: written with ones, then read. */
static const u8 msr_code[] = {
	OUT_EAX(PORT), MOV_EAX(0xffffffff), MOV_EDX(0xffffffff), WRMSR,
	RDMSR,         OUT_EAX(PORT),       JMP_BACK(18),
};

static bool msr_is(u32 msr, u64 want)
{
	u64 rax;

	test_context("MSR", msr);
	return child_run_to_out(&child, PORT, &rax) &&
	       child_set(&child, HV_REGISTER_RCX, msr) &&
	       child_run_to_out(&child, PORT, &rax) &&
	       EXPECT_EQUAL(rax, want) &&
	       EXPECT_EQUAL(child_get(&child, HV_REGISTER_RDX), 0);
}

static void msrs_that_kernels_read(void)
{
	static const struct {
		bool svm;
		u32 msr;
		u32 value;
	} rows[] = {
		{ false, 0x17, 0 },       { false, 0x8b, 0 },
		{ false, 0x1a0, 0x1801 }, { true, 0x8b, 0 },
		{ true, 0xc0010010, 0 },  { true, 0xc0010015, 1u << 24 },
		{ true, 0xc001001f, 0 },  { true, 0xc0010055, 0 },
		{ true, 0xc0010058, 0 },
	};

	MUST(create(msr_code, sizeof(msr_code)));
	for (u32 i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].svm == vendor_is_svm())
			MUST(msr_is(rows[i].msr, rows[i].value));
	child_destroy(&child);
}

/* ---- Pages that it switches on ---- */

static bool empty_pool(void)
{
	u64 available, in_use, page;
	u32 done;

	for (;;) {
		if (!EXPECT_SUCCESS(
			    memory_get_balance(child.id, &available, &in_use)))
			return false;
		if (available == 0)
			return true;
		if (!EXPECT_SUCCESS(memory_withdraw(child.id, &page, 1, &done)))
			return false;
		page_put(page);
		child.deposited--;
	}
}

#define WRITE_MSR(msr, value) \
	MOV_ECX(msr), MOV_EAX((u32)(value)), MOV_EDX(0), WRMSR

static void pages_of_an_empty_pool(void)
{
	/* clang-format off */
	static const u8 code[] = {
		WRITE_MSR(HV_MSR_REFERENCE_TSC, PLACE | 1),
		WRITE_MSR(HV_MSR_SIMP, (PLACE + 0x1000) | 1),
		LOAD_EAX(PLACE), OUT_EAX(PORT),
		WRITE_MSR(HV_MSR_REFERENCE_TSC, FAR | 1),
		LOAD_EAX(FAR), OUT_EAX(PORT),
	};
	/* clang-format on */
	static const u8 load[] = { LOAD_EAX(FAR) };
	struct hv_memory_intercept *m = (void *)child.message.payload;
	u64 sequence;

	MUST(create(code, sizeof(code)) && empty_pool());
	MUST(child_run_to_out(&child, PORT, &sequence));
	EXPECT(sequence != 0 && (u32)sequence != 0xffffffff);
	/* No tables there: its parent is told, and sees to it. */
	MUST(child_run_to(&child, HV_MESSAGE_UNMAPPED_GPA));
	EXPECT_EQUAL(m->gpa, FAR);
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_REFERENCE_TSC), FAR | 1);
	EXPECT(m->instruction_byte_count >= sizeof(load));
	for (u32 i = 0; i < sizeof(load); i++)
		EXPECT_EQUAL(m->instruction_bytes[i], load[i]);
	MUST(child_deposit(&child, CHILD_TABLES));
	MUST(child_run_to_out(&child, PORT, &sequence));
	EXPECT(sequence != 0 && (u32)sequence != 0xffffffff);
	child_destroy(&child);
}

/* ---- Whose the processor is ---- */

static u64 reference_time(void)
{
	return cpu_read_msr(HV_MSR_TIME_REF_COUNT);
}

/* With two processors time may be the host's, which takes one off now and then. */
static u32 tries(void)
{
	return processors_count() > 1 ? 10 : 1;
}

/*
 * A parent that spins: most messages of its child are there in much less than a slice.
 * With two processors each may have to wait for the host to run the other one: some are.
 */
static void a_parent_that_spins(void)
{
	static const u8 code[] = { INC_EAX_64, OUT_EAX(PORT), JMP_BACK(4) };
	const struct hv_message *m;
	u32 soon = 0, rounds = tries() * ROUNDS;
	u32 most = tries() > 1 ? 0 : ROUNDS / 2;
	u64 since;

	MUST(create(code, sizeof(code)));
	synic_setup_polling(test_sim_page());
	for (u32 i = 0; i < rounds && soon <= most; i++) {
		since = reference_time();
		MUST(child_go(&child));
		do {
			insn_pause();
			m = synic_poll(test_sim_page());
		} while (!m && reference_time() - since < 1000 * UNITS_IN_MS);
		MUST(EXPECT(m));
		soon += reference_time() - since < UNITS_IN_MS / 2;
		child.message = *m;
		synic_release(test_sim_page());
		MUST(child_skip(&child));
	}
	EXPECT(soon > most);
	MUST(EXPECT(test_connect()));
	child_destroy(&child);
}

/* A parent that waits in HLT leaves its child nine tenths at least. */
static void a_parent_that_waits(void)
{
	static const u8 code[] = { JMP_SELF };
	u64 since, had = 0, all = 1;

	MUST(create(code, sizeof(code)));
	MUST(child_go(&child));
	for (u32 i = 0; i < tries() && had * 10 < all * 9; i++) {
		since = reference_time();
		had = child_get(&child, HV_REGISTER_VP_RUNTIME);
		while (reference_time() - since < 100 * UNITS_IN_MS)
			insn_sti_hlt();
		all = reference_time() - since;
		had = child_get(&child, HV_REGISTER_VP_RUNTIME) - had;
	}
	test_context("of 100", had * 100 / all);
	EXPECT(had * 10 >= all * 9);
	MUST(child_stop(&child));
	child_destroy(&child);
}

/* ---- Time over a restore ---- */

/* Reference time and TSC, in turns. */
static bool read_clock(struct child *c, u64 *value)
{
	u64 rax;

	if (!child_run_to_out(c, PORT, &rax))
		return false;
	*value = (u32)rax | child_get(c, HV_REGISTER_RDX) << 32;
	return !test_failed();
}

static void pause_for(u64 milliseconds)
{
	u64 since = reference_time();

	while (reference_time() - since < milliseconds * UNITS_IN_MS)
		insn_sti_hlt();
}

/* Whether of so many ms between a save and its restore neither clock counts most. */
static bool clocks_stand_still(u64 milliseconds)
{
	/* clang-format off */
	static const u8 code[] = {
		MOV_ECX(HV_MSR_TIME_REF_COUNT), RDMSR, OUT_EAX(PORT),
		RDTSC, OUT_EAX(PORT), JMP_BACK(13),
	};
	/* clang-format on */
	u64 time[2], tsc[2], paused, ticks;
	struct child target;
	struct saved s;

	if (!create(code, sizeof(code)) || !saved_begin(&s, 64) ||
	    !read_clock(&child, &time[0]) || !read_clock(&child, &tsc[0]) ||
	    !child_stop(&child) || !saved_take(&s, child.id, 0) ||
	    !child_create_like(&target, &child))
		return false;
	paused = reference_time();
	ticks = cpu_read_tsc();
	pause_for(milliseconds);
	ticks = cpu_read_tsc() - ticks;
	paused = reference_time() - paused;
	if (!saved_restore(&s, target.id, 4080))
		return false;
	EXPECT_EQUAL(child_get(&target, HV_REGISTER_TIME_REF_COUNT),
	             child_get(&child, HV_REGISTER_TIME_REF_COUNT));
	if (!child_intercept_out(&target, PORT) ||
	    !read_clock(&target, &time[1]) || !read_clock(&target, &tsc[1]))
		return false;
	EXPECT(time[1] > time[0] && tsc[1] > tsc[0]);
	child_destroy(&target);
	child_destroy(&child);
	saved_end(&s);
	return time[1] - time[0] < paused / 3 * 2 &&
	       tsc[1] - tsc[0] < ticks / 3 * 2;
}

/*
 * Between the save and the restore both clocks of the child stand still, and then both go
 * on (docs/state.md): of 300 ms in between neither counts as much as 200. Where a busy host
 * takes as much off beside that, it cannot of a longer pause.
 */
static void clocks_over_a_restore(void)
{
	u64 pause = 300;
	bool still = clocks_stand_still(pause);

	while (!still && !test_failed() && tries() > 1 && pause < 8000)
		still = clocks_stand_still(pause *= 3);
	EXPECT(still);
}

static const struct test_case cases[] = {
	{ "msrs that kernels read", msrs_that_kernels_read },
	{ "pages of an empty pool", pages_of_an_empty_pool },
	{ "a parent that spins", a_parent_that_spins },
	{ "a parent that waits", a_parent_that_waits },
	{ "clocks over a restore", clocks_over_a_restore },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "system", cases, ARRAY_LEN(cases));
}
