/*
 * The timer of our local APIC, in either mode.
 */
#include "tests/guest/lib/alarm.h"

#include "include/x86_apic.h"
#include "parent/cpu.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/trap.h"

#define VECTOR 0x52
#define MEASURE 20000000ull /* ticks of the TSC */
#define TRIES 16
#define X2APIC BIT(21) /* CPUID.1:ECX */

static struct {
	u32 lvt, count, divide;
} firmware;

static volatile u64 rings;
static struct {
	u64 ticks, tsc;
} measured;

static const u16 entries[] = { LAPIC_LVT_TIMER, LAPIC_LVT_THERMAL,
	                       LAPIC_LVT_PERF,  LAPIC_LVT_LINT0,
	                       LAPIC_LVT_LINT1, LAPIC_LVT_ERROR };
static u32 switched[ARRAY_LEN(entries)];

static volatile u32 *page_at(u64 base, u32 offset)
{
	return (volatile u32 *)((base & LAPIC_BASE_ADDRESS) + offset);
}

static u32 apic_read(u32 offset)
{
	u64 base = cpu_read_msr(MSR_IA32_APIC_BASE);

	return base & LAPIC_BASE_X2APIC ? (u32)cpu_read_msr(LAPIC_MSR(offset))
	                                : *page_at(base, offset);
}

static void apic_write(u32 offset, u32 value)
{
	u64 base = cpu_read_msr(MSR_IA32_APIC_BASE);

	if (base & LAPIC_BASE_X2APIC)
		cpu_write_msr(LAPIC_MSR(offset), value);
	else
		*page_at(base, offset) = value;
}

u32 alarm_swap_tpr(u32 tpr)
{
	u32 last = apic_read(LAPIC_TPR);

	apic_write(LAPIC_TPR, tpr);
	return last;
}

void alarm_begin(void)
{
	firmware.lvt = apic_read(LAPIC_LVT_TIMER);
	firmware.count = apic_read(LAPIC_INITIAL_COUNT);
	firmware.divide = apic_read(LAPIC_DIVIDE);
	trap_count_interrupts(VECTOR, &rings);
	apic_write(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED | VECTOR);
	apic_write(LAPIC_DIVIDE, LAPIC_DIVIDE_BY_1);
	apic_write(LAPIC_LVT_TIMER, VECTOR);
}

void alarm_end(void)
{
	apic_write(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED);
	apic_write(LAPIC_DIVIDE, firmware.divide);
	apic_write(LAPIC_LVT_TIMER, firmware.lvt);
	apic_write(LAPIC_INITIAL_COUNT, firmware.count);
}

void alarm_set(u32 ticks)
{
	apic_write(LAPIC_INITIAL_COUNT, 0);
	apic_write(LAPIC_LVT_TIMER, VECTOR);
	rings = 0;
	apic_write(LAPIC_INITIAL_COUNT, ticks);
}

bool alarm_has_deadline(void)
{
	return cpu_cpuid(1).ecx & CPUID_1_ECX_TSC_DEADLINE;
}

/* By way of no deadline: a new mode forgets the old one. */
void alarm_set_deadline(u64 tsc)
{
	apic_write(LAPIC_LVT_TIMER, LAPIC_LVT_DEADLINE | VECTOR);
	cpu_write_msr(MSR_IA32_TSC_DEADLINE, 0);
	rings = 0;
	cpu_write_msr(MSR_IA32_TSC_DEADLINE, tsc);
}

void alarm_set_periodic(u32 ticks)
{
	apic_write(LAPIC_INITIAL_COUNT, 0);
	apic_write(LAPIC_LVT_TIMER, LAPIC_LVT_PERIODIC | VECTOR);
	rings = 0;
	apic_write(LAPIC_INITIAL_COUNT, ticks);
}

/* In x2APIC mode the write has the destination as well, which does not matter here. */
void alarm_send(u8 vector)
{
	apic_write(LAPIC_ICR, LAPIC_TO_SELF << LAPIC_ICR_SHORTHAND_SHIFT |
	                              LAPIC_ICR_ASSERT | vector);
}

bool alarm_rang(void)
{
	return rings;
}

u64 alarm_rings(void)
{
	return rings;
}

/* ---- How fast it is ---- */

/* Others run between two of our instructions: the closest of some tries counts. */
static u32 read_count(u64 *at)
{
	u64 least = ~0ull;
	u32 count = 0;

	for (u32 i = 0; i < TRIES; i++) {
		u64 before = cpu_read_tsc();
		u32 now = apic_read(LAPIC_CURRENT_COUNT);
		u64 after = cpu_read_tsc();

		if (after - before >= least)
			continue;
		least = after - before;
		*at = before + least / 2;
		count = now;
	}
	return count;
}

void alarm_measure(void)
{
	u64 begin, end;
	u32 first, last;

	apic_write(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED | VECTOR);
	apic_write(LAPIC_INITIAL_COUNT, 0xffffffff);
	first = read_count(&begin);
	while (cpu_read_tsc() - begin < MEASURE)
		insn_pause();
	last = read_count(&end);
	measured.ticks = first - last;
	measured.tsc = end - begin;
	apic_write(LAPIC_INITIAL_COUNT, 0);
	apic_write(LAPIC_LVT_TIMER, VECTOR);
}

u64 alarm_tsc(u64 ticks)
{
	return ticks * measured.tsc / measured.ticks;
}

/* ---- The APIC itself ---- */

void alarm_apic_off(void)
{
	for (u32 i = 0; i < ARRAY_LEN(entries); i++)
		switched[i] = apic_read(entries[i]);
	apic_write(LAPIC_SVR, apic_read(LAPIC_SVR) & ~(u32)LAPIC_SVR_ENABLE);
}

bool alarm_apic_on(void)
{
	bool masked = true;

	/* Off, no entry can be unmasked (SDM 10.4.7.2). */
	for (u32 i = 0; i < ARRAY_LEN(entries); i++)
		apic_write(entries[i], switched[i]);
	apic_write(LAPIC_SVR, apic_read(LAPIC_SVR) | (u32)LAPIC_SVR_ENABLE);
	for (u32 i = 0; i < ARRAY_LEN(entries); i++) {
		masked = masked && (apic_read(entries[i]) & LAPIC_LVT_MASKED);
		apic_write(entries[i], switched[i]);
	}
	return masked;
}

bool alarm_has_x2apic(void)
{
	return cpu_cpuid(1).ecx & X2APIC;
}

void alarm_go_x2apic(void)
{
	cpu_write_msr(MSR_IA32_APIC_BASE,
	              cpu_read_msr(MSR_IA32_APIC_BASE) | LAPIC_BASE_X2APIC);
}
