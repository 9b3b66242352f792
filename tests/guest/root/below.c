/*
 * The counters of the test build beside KVM's own: each thing is done many times
 * between two places where KVM is asked for its counts. The runner compares
 * (tests/vm/test_tally.py), where there is a KVM to be asked.
 */
#include "parent/hvcall.h"
#include "parent/memory.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/counts.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/tally.h"
#include "tests/guest/lib/test.h"

#define CALLS 1000
#define CPUIDS 200
#define OUTS 200
#define MAPS 50
#define SPIN_TICKS 20000000
#define PAGES 8
#define BATCH 32
#define BATCH_GPN 0x100
#define POOL 40
#define PORT 0x80

static struct child child;
static u64 source;

/*
 * Our own figures are asked for when KVM's are there: the one turn between that
 * is not in them is the question that resets them.
 */
static void compare(const char *name, const char *before, const char *after,
                    bool (*once)(void), u32 rounds, bool deaf)
{
	u32 i = 0;

	insn_cli();
	counts_ask(before);
	tally_reset();
	if (!deaf)
		insn_sti();
	while (i < rounds && once())
		i++;
	insn_cli();
	counts_ask(after);
	serial_print("BELOW %s turns %u exits %u\r\n", name,
	             tally_ask(TALLY_ALL, TALLY_COUNT),
	             tally_ask(TALLY_ALL, TALLY_EXITS));
	tally_say(name, TALLY_ALL);
	insn_sti();
	EXPECT_EQUAL(i, rounds);
	EXPECT(tally_ask(TALLY_ALL, TALLY_COUNT) >= rounds);
}

#define COMPARE(name, once, rounds, deaf) \
	compare(name, name "-before", name "-after", once, rounds, deaf)

/* ---- Of the root alone: with interrupts off ---- */

static bool call(void)
{
	return EXPECT_SUCCESS(hvcall_simple(HVCALL_GET_PARTITION_ID));
}

static bool cpuid_0(void)
{
	cpu_cpuid(0);
	return true;
}

static bool cpuid_1(void)
{
	cpu_cpuid(1);
	return true;
}

static bool map_and_unmap(void)
{
	return EXPECT_SUCCESS(memory_map(child.id, BATCH_GPN,
	                                 source >> PAGE_SHIFT, BATCH, CHILD_RWX,
	                                 NULL)) &&
	       EXPECT_SUCCESS(memory_unmap(child.id, BATCH_GPN, BATCH));
}

static void null_calls(void)
{
	COMPARE("null-call", call, CALLS, true);
}

static void cpuids(void)
{
	COMPARE("cpuid-0", cpuid_0, CPUIDS, true);
	COMPARE("cpuid-1", cpuid_1, CPUIDS, true);
}

static void maps(void)
{
	MUST(child_create(&child, PAGES) && child_deposit(&child, POOL));
	source = page_run(BATCH);
	MUST(EXPECT(source));
	COMPARE("map-and-unmap", map_and_unmap, MAPS, true);
	page_run_free(source, BATCH);
	child_destroy(&child);
}

/* ---- With a child ---- */

static bool create(const u8 *code, u64 size)
{
	if (!child_create(&child, PAGES) || !child_intercept_out(&child, PORT))
		return false;
	child_put(&child, CHILD_CODE, code, size);
	return child_set_long(&child, CHILD_CODE, CHILD_CODE);
}

static bool out(void)
{
	u64 rax;

	return child_run_to_out(&child, PORT, &rax);
}

static bool spin(void)
{
	child_let_run(SPIN_TICKS);
	return true;
}

static void outs(void)
{
	static const u8 code[] = { OUT_EAX(PORT), JMP_BACK(2) };

	MUST(create(code, sizeof(code)));
	COMPARE("child-out", out, OUTS, false);
	child_destroy(&child);
}

static void slices(void)
{
	static const u8 code[] = { JMP_SELF };

	MUST(create(code, sizeof(code)) && child_go(&child));
	COMPARE("child-timer", spin, 1, false);
	MUST(child_stop(&child));
	child_destroy(&child);
}

static const struct test_case cases[] = {
	{ "null calls beside KVM's counts", null_calls },
	{ "CPUIDs of the root beside KVM's counts", cpuids },
	{ "maps and unmaps beside KVM's counts", maps },
	{ "a child's OUTs beside KVM's counts", outs },
	{ "a child's slices beside KVM's counts", slices },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "below", cases, ARRAY_LEN(cases));
}
