/*
 * Children whose VPs move from one processor to the other: where one has two and the other none,
 * and away from one that waits for a SIPI. They do not notice.
 */
#include <efi.h>
#include <efilib.h>

#include "include/x86.h"
#include "include/x86_apic.h"
#include "parent/cpu.h"
#include "parent/uefi/synic.h"
#include "tests/guest/lib/arguments.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/mp.h"
#include "tests/guest/lib/processors.h"
#include "tests/guest/lib/test.h"

#define CHILDREN 3
#define PAGES 8
#define PORT 0x80
#define FAILED BIT(31)
/* Where a child looks at one page, and at another. */
#define WINDOW (511ull << 21)
#define LOW 0xfffffull    /* a SIPI starts a processor below */
#define UNITS_IN_MS 10000 /* of runtime and reference time */
#define TRIES 10

static struct child children[CHILDREN];
static u64 rounds;
/* Percent of a processor that two have; 0: time is the host's here. */
static u64 least;
static u64 ticks_in_ms;

/* ---- A child that looks after all it has ---- */

static _Alignas(PAGE_SIZE) u64 entries[512], shown[2][512];

static u64 cr3(void)
{
	u64 value;

	__asm__ volatile("mov %%cr3, %0" : "=r"(value));
	return value;
}

static u64 dr0(void)
{
	u64 value;

	__asm__ volatile("mov %%dr0, %0" : "=r"(value));
	return value;
}

static u64 xmm15(void)
{
	u64 value;

	__asm__ volatile("movq %%xmm15, %0" : "=r"(value));
	return value;
}

static void show(u64 page)
{
	entries[0] = (u64)shown[page] | PTE_RW;
	__asm__ volatile("invlpg (%0)" : : "r"(WINDOW) : "memory");
}

static bool all_is_as_it_was(u64 number, u64 page)
{
	return *(volatile u64 *)WINDOW == (number << 1 | page) &&
	       dr0() == number && xmm15() == ~number &&
	       cpu_read_msr(MSR_IA32_LSTAR) == number;
}

static void set_all(u64 number)
{
	u64 *directory = (u64 *)(cr3() + 2 * PAGE_SIZE);

	directory[WINDOW >> 21] = (u64)entries | PTE_RW;
	for (u64 i = 0; i < 2; i++)
		shown[i][0] = number << 1 | i;
	__asm__ volatile("mov %0, %%dr0" : : "r"(number));
	__asm__ volatile("movq %0, %%xmm15" : : "r"(~number) : "xmm15");
	cpu_write_msr(MSR_IA32_LSTAR, number);
}

/* Says every `ticks` how it is. */
static void look_after(u64 number, u64 ticks)
{
	u64 since, page = 0;
	u32 said = (u32)number;

	set_all(number);
	for (;;) {
		for (since = cpu_read_tsc(); cpu_read_tsc() - since < ticks;) {
			page ^= 1;
			show(page);
			if (!all_is_as_it_was(number, page))
				said |= FAILED;
		}
		insn_out32(PORT, said);
	}
}

/* ---- Time ---- */

static u64 reference_time(void)
{
	return cpu_read_msr(HV_MSR_TIME_REF_COUNT);
}

/* The TSC's ticks in a millisecond. */
static u64 measure(void)
{
	u64 tsc = cpu_read_tsc(), since = reference_time();

	while (reference_time() - since < 10 * UNITS_IN_MS)
		;
	return (cpu_read_tsc() - tsc) / 10;
}

/* ---- Its parent ---- */

static struct child *child_of(u64 id)
{
	for (u32 i = 0; i < CHILDREN; i++)
		if (children[i].id == id)
			return &children[i];
	return NULL;
}

/* One says how it is, and goes on. */
static bool hear_one(void)
{
	const struct hv_io_port_intercept *io;
	struct hv_message message;
	struct child *c;

	if (!EXPECT(child_next_message(&message, CHILD_PATIENCE)))
		return false;
	c = child_of(message.sender);
	if (!EXPECT(c) ||
	    !EXPECT_EQUAL(message.type, HV_MESSAGE_IO_PORT_INTERCEPT))
		return false;
	c->message = message;
	io = (const struct hv_io_port_intercept *)c->message.payload;
	return EXPECT_EQUAL(io->rax, c - children + 1) && child_skip(c) &&
	       child_go(c);
}

static bool hear(u64 count)
{
	for (u64 i = 0; i < count; i++) {
		test_context("said", i);
		if (!hear_one())
			return false;
	}
	test_context(NULL, 0);
	return true;
}

/* Each of them some slices: meanwhile somebody else's turn is to come. */
static bool begin_all(void)
{
	for (u32 i = 0; i < CHILDREN; i++)
		if (!child_fork(&children[i], look_after, i + 1,
		                (3 + i) * ticks_in_ms) ||
		    !child_intercept_out(&children[i], PORT))
			return false;
	for (u32 i = 0; i < CHILDREN; i++)
		if (!child_go(&children[i]))
			return false;
	return true;
}

static void end_all(void)
{
	for (u32 i = 0; i < CHILDREN; i++)
		MUST(child_stop(&children[i]) && child_destroy(&children[i]));
}

static u64 runtime(u32 i)
{
	return child_get(&children[i], HV_REGISTER_VP_RUNTIME);
}

/*
 * How much of a processor the first and the third have together, in percent. Who looks is
 * on one of the two, and halts.
 */
static u64 percent_of_two(void)
{
	u64 since = reference_time(), all;
	u64 had = runtime(0) + runtime(2);

	child_let_run(40 * ticks_in_ms);
	had = runtime(0) + runtime(2) - had;
	all = reference_time() - since;
	return had * 100 / all;
}

/* Neither is left asleep. */
static bool goes_on(u32 i)
{
	u64 begin = cpu_read_tsc(), had = runtime(i);

	while (runtime(i) - had < 10 * UNITS_IN_MS) {
		if (!EXPECT(cpu_read_tsc() - begin < CHILD_PATIENCE))
			return false;
		child_let_run(ticks_in_ms);
	}
	return true;
}

/* With one processor for both it is 100 at most. */
static bool have_both(void)
{
	u64 percent = 0;

	if (!goes_on(0) || !goes_on(2))
		return false;
	for (u32 i = 0; i < TRIES && percent < least; i++)
		percent = percent_of_two();
	if (!least)
		test_skip("time is the host's");
	test_context("percent", percent);
	return EXPECT(percent >= least);
}

/* ---- Cases ---- */

static void they_do_not_notice(void)
{
	MUST(processors_are_more() && begin_all());
	MUST(hear(rounds));
	end_all();
}

/* VPs go to the processor with the fewest, and in between one of them has gone. */
static void two_of_one_processor(void)
{
	static const u8 code[] = { JMP_SELF };

	MUST(processors_are_more());
	for (u32 i = 0; i < CHILDREN; i++) {
		MUST(child_create(&children[i], PAGES));
		CHILD_PUT_CODE(&children[i], code);
		MUST(child_set_long(&children[i], CHILD_CODE, CHILD_CODE));
	}
	MUST(child_destroy(&children[1]));
	MUST(child_go(&children[0]) && child_go(&children[2]));
	MUST(have_both());
	MUST(child_destroy(&children[0]) && child_destroy(&children[2]));
}

/* From here on that processor is not the firmware's any more. */
static void a_processor_that_waits(void)
{
	static const u8 code[] = { CLI, HLT, JMP_BACK(1) };
	EFI_PHYSICAL_ADDRESS page = LOW;

	MUST(processors_are_more() && begin_all());
	MUST(hear(2 * CHILDREN));
	mp_send(LAPIC_TO_OTHERS, LAPIC_ICR_INIT);
	MUST(hear(rounds / 4 + 1));
	/* It is there again. */
	MUST(EXPECT(BS->AllocatePages(AllocateMaxAddress, EfiLoaderData, 1,
	                              &page) == EFI_SUCCESS));
	for (u32 i = 0; i < sizeof(code); i++)
		((u8 *)page)[i] = code[i];
	mp_send(LAPIC_TO_OTHERS, LAPIC_ICR_STARTUP | (u32)(page >> PAGE_SHIFT));
	MUST(hear(rounds / 4 + 1));
	end_all();
}

static const struct test_case cases[] = {
	{ "they do not notice", they_do_not_notice },
	{ "two of one processor have both", two_of_one_processor },
	{ "those of a processor that waits for SIPI go on",
	  a_processor_that_waits },
	{ "and it has some again", two_of_one_processor },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	rounds = arguments_number(image, table, "rounds", 150);
	least = arguments_number(image, table, "least", 150);
	ticks_in_ms = measure();
	return test_run(image, table, "spread", cases, ARRAY_LEN(cases));
}
