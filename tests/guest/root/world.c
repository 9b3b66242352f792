/*
 * The root's own world: its APIC, its TSC, its MWAIT. What it does there is
 * nobody else's, neither the hypervisor's nor a child's.
 */
#include <efi.h>
#include <efilib.h>

#include "include/x86_msr.h"
#include "parent/memory.h"
#include "tests/guest/lib/alarm.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/processors.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/trap.h"

#define PAGES 8
#define COUNTER 0x2100
#define SOON 20000000ull   /* TSC ticks, or less than that between two looks */
#define SECOND 10000000ull /* units of 100 ns */

static struct child child;

/* ---- The APIC's registers ---- */

/* A page that the hypervisor has had since the boot: reserved, and hidden from us. */
static u64 page_of_the_hypervisor(void)
{
	static _Alignas(8) u8 map[32768];
	UINTN size = sizeof(map), key, step = 0;
	UINT32 version;
	u64 value;

	if (EFI_ERROR(BS->GetMemoryMap(&size, (void *)map, &key, &step,
	                               &version)))
		return 0;
	for (u64 at = 0; at < size; at += step) {
		const EFI_MEMORY_DESCRIPTOR *d = (const void *)(map + at);

		if (d->Type == EfiReservedMemoryType &&
		    trap_read(d->PhysicalStart, &value) == VECTOR_MC)
			return d->PhysicalStart;
	}
	return 0;
}

static bool refuses_the_apic(u64 place, u64 base)
{
	test_context("place", place);
	return EXPECT_EQUAL(trap_write_msr(MSR_IA32_APIC_BASE,
	                                   place | (base & 0xfff)),
	                    VECTOR_GP) &&
	       EXPECT_EQUAL(cpu_read_msr(MSR_IA32_APIC_BASE), base);
}

static void apic_stays_off_memory(void)
{
	u64 base = cpu_read_msr(MSR_IA32_APIC_BASE);
	u64 own = page_run(1), ours = page_of_the_hypervisor();
	u64 deposited = page_take() << PAGE_SHIFT,
	    gpn = deposited >> PAGE_SHIFT;
	u32 done;

	MUST(child_create(&child, PAGES) && EXPECT(own) && EXPECT(ours) &&
	     EXPECT(deposited));
	MUST(EXPECT_SUCCESS(memory_deposit(child.id, &gpn, 1, &done)));
	child.deposited++;
	EXPECT(refuses_the_apic(ours, base));
	EXPECT(refuses_the_apic(ours + PAGE_SIZE, base));
	EXPECT(refuses_the_apic(deposited, base));
	EXPECT(refuses_the_apic(own, base));
	EXPECT(refuses_the_apic(child.memory, base));
	/* Where firmware keeps things, and where its code is. */
	EXPECT(refuses_the_apic(0, base));
	EXPECT(refuses_the_apic(0x100000, base));
	/* Where it is it may be written. */
	EXPECT_EQUAL(trap_write_msr(MSR_IA32_APIC_BASE, base), TRAP_NONE);
	EXPECT_EQUAL(cpu_read_msr(MSR_IA32_APIC_BASE), base);
	page_run_free(own, 1);
	child_destroy(&child);
}

/* ---- Time ---- */

static bool has_tsc_adjust(void)
{
	return cpu_cpuid(7).ebx & CPUID_7_EBX_TSC_ADJUST;
}

/* a is b, or little more. */
static bool soon_after(u64 a, u64 b)
{
	return a - b < SOON;
}

/* Neither reference time nor the child's TSC see what the root's does. */
static void move_tsc(u64 by)
{
	u64 reference = cpu_read_msr(HV_MSR_TIME_REF_COUNT);
	u64 childs = child_get(&child, HV_REGISTER_TSC);
	u64 begin = cpu_read_tsc();

	cpu_write_msr(MSR_IA32_TSC, begin + by);
	EXPECT(soon_after(cpu_read_tsc(), begin + by));
	EXPECT(soon_after(cpu_read_msr(MSR_IA32_TSC), begin + by));
	EXPECT(cpu_read_msr(HV_MSR_TIME_REF_COUNT) - reference < SECOND);
	EXPECT(soon_after(child_get(&child, HV_REGISTER_TSC), childs));
}

static const u64 moves[] = { 1ull << 40, -(1ull << 39), 12345678901, -1ull };

static void tsc_is_its_own(void)
{
	u64 begin;

	MUST(child_create(&child, PAGES));
	for (u32 i = 0; i < ARRAY_LEN(moves) && !test_failed(); i++) {
		test_context("move", i);
		insn_cli();
		begin = cpu_read_tsc();
		move_tsc(moves[i]);
		cpu_write_msr(MSR_IA32_TSC, cpu_read_tsc() - moves[i]);
		EXPECT(soon_after(cpu_read_tsc(), begin));
		insn_sti();
	}
	child_destroy(&child);
}

static const u8 spinner[] = { 0x48, INC_MEM(COUNTER), JMP_BACK(8) };

static u64 count(void)
{
	return *(volatile u64 *)child_at(&child, COUNTER);
}

static bool create_spinner(void)
{
	return child_create(&child, PAGES) &&
	       (CHILD_PUT_CODE(&child, spinner), true) &&
	       child_set_long(&child, CHILD_CODE, CHILD_CODE);
}

/* What a child that runs has of time: all of it goes on, and none of it jumps. */
static void runs_on(u64 by)
{
	static const u32 names[] = { HV_REGISTER_TIME_REF_COUNT,
		                     HV_REGISTER_VP_RUNTIME };
	u64 tsc = child_get(&child, HV_REGISTER_TSC), before[2], counted;

	for (u32 i = 0; i < ARRAY_LEN(names); i++)
		before[i] = child_get(&child, names[i]);
	cpu_write_msr(MSR_IA32_TSC, cpu_read_tsc() + by);
	for (u32 turn = 0; turn < 3; turn++) {
		counted = count();
		child_let_run(SOON / 10);
		EXPECT(count() - counted > 1000);
	}
	EXPECT(child_get(&child, HV_REGISTER_TSC) - tsc < 2 * SOON);
	for (u32 i = 0; i < ARRAY_LEN(names); i++) {
		test_context("register", names[i]);
		EXPECT(child_get(&child, names[i]) > before[i]);
		EXPECT(child_get(&child, names[i]) - before[i] < SECOND);
	}
}

static void a_child_runs_on(void)
{
	MUST(create_spinner() && child_go(&child));
	for (u32 i = 0; i < ARRAY_LEN(moves) && !test_failed(); i++) {
		runs_on(moves[i]);
		runs_on(-moves[i]);
	}
	child_destroy(&child);
}

/* A write of one is a change of the other (SDM 17.17.3). */
static void tsc_adjust_is_its_own(void)
{
	u64 adjust, begin;

	if (!has_tsc_adjust()) {
		test_skip("no IA32_TSC_ADJUST");
		return;
	}
	MUST(child_create(&child, PAGES));
	adjust = cpu_read_msr(MSR_IA32_TSC_ADJUST);
	for (u32 i = 0; i < ARRAY_LEN(moves) && !test_failed(); i++) {
		test_context("move", i);
		insn_cli();
		begin = cpu_read_tsc();
		move_tsc(moves[i]);
		/* What was written is later by what it took to come there. */
		EXPECT(soon_after(adjust + moves[i],
		                  cpu_read_msr(MSR_IA32_TSC_ADJUST)));
		cpu_write_msr(MSR_IA32_TSC_ADJUST, adjust + moves[i]);
		EXPECT_EQUAL(cpu_read_msr(MSR_IA32_TSC_ADJUST),
		             adjust + moves[i]);
		EXPECT(soon_after(cpu_read_tsc(), begin + moves[i]));
		cpu_write_msr(MSR_IA32_TSC_ADJUST, adjust);
		EXPECT_EQUAL(cpu_read_msr(MSR_IA32_TSC_ADJUST), adjust);
		EXPECT(soon_after(cpu_read_tsc(), begin));
		insn_sti();
	}
	child_destroy(&child);
}

/* Rings at this value of our TSC or after it. (Bochs keeps the value then.) */
static void rings_at(u64 deadline)
{
	u64 patience = cpu_read_tsc();

	while (!alarm_rang() && cpu_read_tsc() - patience < CHILD_PATIENCE)
		insn_pause();
	EXPECT(alarm_rang());
	EXPECT(cpu_read_tsc() >= deadline);
}

static void one_deadline(u64 by)
{
	u64 deadline;

	cpu_write_msr(MSR_IA32_TSC, cpu_read_tsc() + by);
	deadline = cpu_read_tsc() + SOON / 4;
	alarm_set_deadline(deadline);
	EXPECT_EQUAL(cpu_read_msr(MSR_IA32_TSC_DEADLINE), deadline);
	rings_at(deadline);
	/* Its time comes nearer, or goes away, while it is set. */
	deadline = cpu_read_tsc() + (SOON << 8);
	alarm_set_deadline(deadline);
	cpu_write_msr(MSR_IA32_TSC, deadline);
	rings_at(deadline);
	deadline = cpu_read_tsc() + SOON / 4;
	alarm_set_deadline(deadline);
	cpu_write_msr(MSR_IA32_TSC, cpu_read_tsc() - SOON / 4);
	rings_at(deadline);
	/* One that has passed is due at once, however far back it lies. */
	alarm_set_deadline(1);
	rings_at(1);
	alarm_set_deadline(cpu_read_tsc() - SOON);
	rings_at(1);
	/* Back by what is left of all moves, about. */
	cpu_write_msr(MSR_IA32_TSC,
	              cpu_read_tsc() - by - (SOON << 8) + SOON / 4);
}

static void deadlines_go_by_it(void)
{
	if (!alarm_has_deadline()) {
		test_skip("no TSC deadline");
		return;
	}
	alarm_begin();
	for (u32 i = 0; i < ARRAY_LEN(moves) && !test_failed(); i++) {
		test_context("move", i);
		one_deadline(moves[i]);
	}
	alarm_end();
}

/* ---- MWAIT ---- */

static void monitor_and_wait(const volatile u64 *what)
{
	__asm__ volatile("monitor" : : "a"(what), "c"(0), "d"(0));
	__asm__ volatile("mwait" : : "a"(0), "c"(0) : "memory");
}

/* What the child counts in that time, while we wait or do not. */
static u64 counted(u64 ticks, bool wait)
{
	static volatile u64 nobody_writes_this;
	u64 before = count(), begin = cpu_read_tsc();

	while (cpu_read_tsc() - begin < ticks) {
		if (wait)
			monitor_and_wait(&nobody_writes_this);
		else
			insn_pause();
	}
	return count() - before;
}

static void mwait_gives_time(void)
{
	u64 ticks = 40 * SOON / 8, busy, waiting;

	MUST(processors_is_one());
	if (!(cpu_cpuid(1).ecx & CPUID_1_ECX_MONITOR)) {
		test_skip("no MWAIT");
		return;
	}
	MUST(create_spinner() && child_go(&child));
	busy = counted(ticks, false);
	waiting = counted(ticks, true);
	EXPECT(busy > 1000);
	EXPECT(waiting > busy * 3 / 2);
	child_destroy(&child);
}

static const struct test_case cases[] = {
	{ "the APIC's registers stay off memory", apic_stays_off_memory },
	{ "the root's TSC is its own", tsc_is_its_own },
	{ "a child that runs does not see the root's TSC", a_child_runs_on },
	{ "the root's TSC_ADJUST is its own", tsc_adjust_is_its_own },
	{ "deadlines go by the root's own TSC", deadlines_go_by_it },
	{ "a root in MWAIT gives time away", mwait_gives_time },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "world", cases, ARRAY_LEN(cases));
}
