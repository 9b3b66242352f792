/*
 * The timer of our local APIC, in either mode.
 */
#include "tests/guest/lib/alarm.h"

#include "include/x86_apic.h"
#include "parent/cpu.h"
#include "tests/guest/lib/trap.h"

#define VECTOR 0x52

static struct {
	u32 lvt, count, divide;
} firmware;

static volatile u64 rings;

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

bool alarm_rang(void)
{
	return rings;
}
