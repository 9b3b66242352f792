/*
 * What KVM counts when Stasis runs below it: so many times the same thing, and
 * KVM is asked before and after (tests/vm/test_exits.py judges). Without KVM it
 * shows that they all work with interrupts off.
 */
#include "parent/hvcall.h"
#include "tests/guest/lib/counts.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/test.h"

#define TIMES 1000u

static void null_calls(void)
{
	for (u32 i = 0; i < TIMES; i++)
		EXPECT_SUCCESS(hvcall_simple(HVCALL_GET_PARTITION_ID));
}

static void cpuids(u32 leaf)
{
	u32 first = cpu_cpuid(leaf).eax;

	for (u32 i = 1; i < TIMES; i++)
		EXPECT_EQUAL(cpu_cpuid(leaf).eax, first);
}

static void a_thousand_of_each(void)
{
	serial_print("TIMES %u\r\n", (u64)TIMES);
	counts_ask("begin");
	null_calls();
	counts_ask("null-call");
	cpuids(0);
	counts_ask("cpuid-0");
	cpuids(1);
	counts_ask("cpuid-1");
	insn_sti();
}

static const struct test_case cases[] = {
	{ "a thousand of each", a_thousand_of_each },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "exits", cases, ARRAY_LEN(cases));
}
