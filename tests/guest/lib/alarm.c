/*
 * The timer of our local APIC, in either mode.
 */
#include "tests/guest/lib/alarm.h"

#include "parent/cpu.h"
#include "tests/guest/lib/trap.h"

#define VECTOR 0x52
#define MSR_APIC_BASE 0x1b
#define BASE_X2APIC BIT(10)
#define MSR_X2APIC 0x800u
#define LVT_TIMER 0x32
#define LVT_MASKED BIT(16)
#define LVT_DEADLINE BIT(18)
#define MSR_TSC_DEADLINE 0x6e0
#define CPUID_1_ECX_DEADLINE BIT(24)
#define INITIAL_COUNT 0x38
#define DIVIDE 0x3e
#define DIVIDE_BY_1 0xb

static struct {
	u32 lvt, count, divide;
} firmware;

static volatile u64 rings;

static volatile u32 *page_at(u64 base, u32 number)
{
	return (volatile u32 *)((base & 0xffffff000) + number * 16ull);
}

static u32 apic_read(u32 number)
{
	u64 base = cpu_read_msr(MSR_APIC_BASE);

	return base & BASE_X2APIC ? (u32)cpu_read_msr(MSR_X2APIC + number)
	                          : *page_at(base, number);
}

static void apic_write(u32 number, u32 value)
{
	u64 base = cpu_read_msr(MSR_APIC_BASE);

	if (base & BASE_X2APIC)
		cpu_write_msr(MSR_X2APIC + number, value);
	else
		*page_at(base, number) = value;
}

void alarm_begin(void)
{
	firmware.lvt = apic_read(LVT_TIMER);
	firmware.count = apic_read(INITIAL_COUNT);
	firmware.divide = apic_read(DIVIDE);
	trap_count_interrupts(VECTOR, &rings);
	apic_write(LVT_TIMER, LVT_MASKED | VECTOR);
	apic_write(DIVIDE, DIVIDE_BY_1);
	apic_write(LVT_TIMER, VECTOR);
}

void alarm_end(void)
{
	apic_write(LVT_TIMER, LVT_MASKED);
	apic_write(DIVIDE, firmware.divide);
	apic_write(LVT_TIMER, firmware.lvt);
	apic_write(INITIAL_COUNT, firmware.count);
}

void alarm_set(u32 ticks)
{
	apic_write(INITIAL_COUNT, 0);
	rings = 0;
	apic_write(INITIAL_COUNT, ticks);
}

bool alarm_has_deadline(void)
{
	return cpu_cpuid(1).ecx & CPUID_1_ECX_DEADLINE;
}

/* By way of no deadline: a new mode forgets the old one. */
void alarm_set_deadline(u64 tsc)
{
	apic_write(LVT_TIMER, LVT_DEADLINE | VECTOR);
	cpu_write_msr(MSR_TSC_DEADLINE, 0);
	rings = 0;
	cpu_write_msr(MSR_TSC_DEADLINE, tsc);
}

bool alarm_rang(void)
{
	return rings;
}
