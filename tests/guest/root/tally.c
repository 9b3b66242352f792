/*
 * What exits cost under another hypervisor: exits to it, as the counters of a
 * build for tests count them (tests/tally, docs/testing.md).
 */
#include "tests/guest/lib/tally.h"

#include "parent/hvcall.h"
#include "parent/memory.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/test.h"

#define ROUNDS 20
#define PAGES 8
#define BATCH 32
#define BATCH_GPN 0x100
#define POOL 40 /* for the tables of a map, and a deposit */
#define PORT 0x80
#define LET_RUN 20000      /* TSC ticks: until the child halts again */
#define SPIN_TICKS 3000000 /* many slices, or some: ticks differ */
#define SPINS 50
#define NMI_GATE (2 * 4)
#define NMI_HANDLER 0x1200

enum exit_reason { EXIT_CPUID = 10, EXIT_HLT = 12, EXIT_VMCALL = 18 };
enum { EXIT_IO = 30, EXIT_TIMER = 52 };

#define OUT_OF_CHILD(reason) ((reason) | TALLY_FROM_CHILD)
#define INTO_CHILD(reason) ((reason) | TALLY_TO_CHILD)

enum row {
	NULL_CALL,
	CPUID_0,
	CPUID_1,
	CPUID_7,
	CHILD_HLT,
	CHILD_OUT,
	CHILD_TIMER,
	WORLD_SWITCH,
	MAP,
	MAP_AGAIN,
	UNMAP,
	DEPOSIT,
	ROWS
};

/*
 * The one place for the bounds: exits, and flushes (INVEPT) of 32 pages. `goal`
 * is where they shall get to, `most` where they are.
 */
static const struct {
	const char *name;
	u32 most;
	u32 goal;
} bounds[ROWS] = {
	[NULL_CALL] = { "null-call", 1, 1 },
	[CPUID_0] = { "cpuid-0", 2, 2 },
	[CPUID_1] = { "cpuid-1", 2, 2 },
	[CPUID_7] = { "cpuid-7", 2, 2 },
	[CHILD_HLT] = { "child-hlt-and-back", 40, 40 },
	[CHILD_OUT] = { "child-out-and-back", 40, 40 },
	[CHILD_TIMER] = { "child-timer-and-back", 40, 40 },
	[WORLD_SWITCH] = { "world-switch", 8, 8 },
	[MAP] = { "flushes-map-32", 0, 0 },
	[MAP_AGAIN] = { "flushes-map-again-32", 1, 1 },
	[UNMAP] = { "flushes-unmap-32", 1, 1 },
	[DEPOSIT] = { "flushes-deposit-32", 1, 1 },
};

static struct child child;

/* Interrupts of the firmware's would count as well. */
static void begin(void)
{
	insn_cli();
	tally_reset();
}

static void end(void)
{
	insn_sti();
}

static void check(enum row row, u64 figure)
{
	serial_print("TALLY %s %u, goal %u\r\n", bounds[row].name, figure,
	             (u64)bounds[row].goal);
	EXPECT(figure <= bounds[row].most);
}

/* ---- The root's own exits ---- */

static void null_call(void)
{
	begin();
	for (u32 i = 0; i < ROUNDS; i++)
		EXPECT_SUCCESS(hvcall_simple(HVCALL_GET_PARTITION_ID));
	end();
	tally_say("a null call", EXIT_VMCALL);
	EXPECT_EQUAL(tally_ask(EXIT_VMCALL, TALLY_COUNT), ROUNDS);
	check(NULL_CALL, tally_ask(EXIT_VMCALL, TALLY_MOST));
}

static void cpuid(enum row row, u32 leaf, const char *name)
{
	begin();
	for (u32 i = 0; i < ROUNDS; i++)
		cpu_cpuid(leaf);
	tally_say(name, EXIT_CPUID);
	EXPECT_EQUAL(tally_ask(EXIT_CPUID, TALLY_COUNT), ROUNDS);
	check(row, tally_ask(EXIT_CPUID, TALLY_MOST));
	end();
}

static void cpuid_0(void)
{
	cpuid(CPUID_0, 0, "CPUID leaf 0");
}

static void cpuid_1(void)
{
	cpuid(CPUID_1, 1, "CPUID leaf 1");
}

static void cpuid_7(void)
{
	cpuid(CPUID_7, 7, "CPUID leaf 7");
}

/* ---- A child's exits, and the way back ---- */

/* Ways into a child, whatever the root left with; *most: the dearest. */
static u64 ways_back(u64 *most)
{
	u64 count = 0, turns;

	*most = 0;
	for (u32 reason = 0; reason < TALLY_REASONS; reason++) {
		turns = tally_ask(INTO_CHILD(reason), TALLY_COUNT);
		if (!turns)
			continue;
		tally_say("back", INTO_CHILD(reason));
		count += turns;
		if (tally_ask(INTO_CHILD(reason), TALLY_MOST) > *most)
			*most = tally_ask(INTO_CHILD(reason), TALLY_MOST);
	}
	return count;
}

/*
 * The dearest way out of the child and the dearest back into it, together. The
 * trips have what the root did in between as well.
 */
static void check_trip(enum row row, u32 reason)
{
	u64 back;

	tally_say("out", OUT_OF_CHILD(reason));
	EXPECT(tally_ask(OUT_OF_CHILD(reason), TALLY_COUNT) >= ROUNDS);
	EXPECT(ways_back(&back) >= ROUNDS);
	tally_say("trips", TALLY_TRIP + reason);
	check(row, tally_ask(OUT_OF_CHILD(reason), TALLY_MOST) + back);
}

/*
 * Lets the child run until it has left so often for the reason. An interrupt of the root's
 * may end a run before it has begun.
 */
static bool run_until_left(u32 reason, u64 count, u64 ticks)
{
	u64 left = 0;

	for (u32 i = 0; i < SPINS && left < count; i++) {
		child_let_run(ticks);
		left = tally_ask(OUT_OF_CHILD(reason), TALLY_COUNT);
	}
	return EXPECT(left >= count);
}

static bool wake(void)
{
	struct hv_input_assert_virtual_interrupt *in =
		hvcall_input_zeroed(sizeof(*in));

	in->partition_id = child.id;
	in->type = HV_INTERRUPT_NMI;
	return EXPECT_SUCCESS(hvcall_simple(HVCALL_ASSERT_VIRTUAL_INTERRUPT));
}

/* In real mode: it halts, and its parent wakes it by an NMI. */
static void child_hlt(void)
{
	static const u8 code[] = { HLT, JMP_BACK(1) };
	static const u8 gate[] = { LE16(NMI_HANDLER), LE16(0) };
	static const u8 handler[] = { IRET };

	MUST(child_create(&child, PAGES));
	CHILD_PUT_CODE(&child, code);
	child_put(&child, NMI_GATE, gate, sizeof(gate));
	child_put(&child, NMI_HANDLER, handler, sizeof(handler));
	MUST(child_set_real(&child, CHILD_CODE) && child_go(&child));
	child_let_run(LET_RUN);
	begin();
	end();
	for (u32 i = 1; i <= ROUNDS; i++)
		MUST(wake() && run_until_left(EXIT_HLT, i, LET_RUN));
	MUST(child_stop(&child));
	check_trip(CHILD_HLT, EXIT_HLT);
	child_destroy(&child);
}

static void child_out(void)
{
	static const u8 code[] = { INC_EAX_64, OUT_EAX(PORT), JMP_BACK(4) };
	u64 rax, first = 0;

	MUST(child_create(&child, PAGES) && child_intercept_out(&child, PORT));
	CHILD_PUT_CODE(&child, code);
	MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
	MUST(child_run_to_out(&child, PORT, &first));
	begin();
	end();
	for (u32 i = 1; i <= ROUNDS; i++) {
		MUST(child_run_to_out(&child, PORT, &rax));
		EXPECT_EQUAL(rax, first + i);
	}
	check_trip(CHILD_OUT, EXIT_IO);
	child_destroy(&child);
}

/* The root halts and the child spins: a slice, a look, a slice. */
static bool spin(void)
{
	static const u8 code[] = { JMP_SELF };

	if (!child_create(&child, PAGES))
		return false;
	CHILD_PUT_CODE(&child, code);
	if (!child_set_long(&child, CHILD_CODE, CHILD_CODE) ||
	    !child_go(&child))
		return false;
	child_let_run(LET_RUN);
	begin();
	end();
	return run_until_left(EXIT_TIMER, ROUNDS, SPIN_TICKS) &&
	       child_stop(&child);
}

static void child_timer(void)
{
	MUST(spin());
	check_trip(CHILD_TIMER, EXIT_TIMER);
	child_destroy(&child);
}

static void world_switch(void)
{
	MUST(spin());
	tally_say("world switches", TALLY_SWITCH);
	EXPECT(tally_ask(TALLY_SWITCH, TALLY_COUNT) >= ROUNDS);
	check(WORLD_SWITCH, tally_ask(TALLY_SWITCH, TALLY_MOST));
	child_destroy(&child);
}

/* ---- Flushes ---- */

static void check_flushes(enum row row, const char *name)
{
	end();
	tally_say(name, TALLY_ALL);
	check(row, tally_ask(TALLY_ALL, TALLY_OF_KIND + TALLY_INVEPT));
}

static bool map(u64 source, u32 flags)
{
	return EXPECT_SUCCESS(memory_map(
		child.id, BATCH_GPN, source >> PAGE_SHIFT, BATCH, flags, NULL));
}

static void map_and_unmap(void)
{
	u64 source;

	MUST(child_create(&child, PAGES) && child_deposit(&child, POOL));
	source = page_run(BATCH);
	MUST(EXPECT(source));
	begin();
	map(source, CHILD_RWX);
	check_flushes(MAP, "32 pages mapped");
	begin();
	map(source, HV_MAP_GPA_READABLE);
	check_flushes(MAP_AGAIN, "32 pages mapped read-only");
	begin();
	EXPECT_SUCCESS(memory_unmap(child.id, BATCH_GPN, BATCH));
	check_flushes(UNMAP, "32 pages unmapped");
	page_run_free(source, BATCH);
	child_destroy(&child);
}

static void deposit(void)
{
	u64 list[BATCH];
	u32 done = 0;

	MUST(child_create(&child, PAGES));
	for (u32 i = 0; i < BATCH; i++)
		MUST(EXPECT(list[i] = page_take()));
	begin();
	EXPECT_SUCCESS(memory_deposit(child.id, list, BATCH, &done));
	check_flushes(DEPOSIT, "32 pages deposited");
	child.deposited += done;
	for (u32 i = done; i < BATCH; i++)
		page_put(list[i]);
	child_destroy(&child);
}

static const struct test_case cases[] = {
	{ "exits of a null call", null_call },
	{ "exits of the root's CPUID leaf 0", cpuid_0 },
	{ "exits of the root's CPUID leaf 1", cpuid_1 },
	{ "exits of the root's CPUID leaf 7", cpuid_7 },
	{ "exits of a child's HLT and the way back", child_hlt },
	{ "exits of a child's OUT and the way back", child_out },
	{ "exits of a child's timer and the way back", child_timer },
	{ "exits of a world switch", world_switch },
	{ "flushes of maps and of an unmap of 32 pages", map_and_unmap },
	{ "flushes of a deposit of 32 pages", deposit },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "tally", cases, ARRAY_LEN(cases));
}
