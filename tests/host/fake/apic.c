/*
 * The processor's local APIC for svm/timer.c: its timer counts by the TSC of the fake, and
 * what it raises stays in IRR until somebody takes it.
 */
#include "tests/host/fake/apic.h"

#include "tests/host/fake/arch.h"

struct fake_apic fake_apic;

static u32 *place(u32 offset)
{
	return &fake_apic.registers[offset / 16];
}

/* Counts that are left of those that it began with, 0: it has come to its end. */
static u32 left(void)
{
	u64 gone = (fake.tsc - fake_apic.began) / fake_apic.ticks_a_count;
	u32 first = *place(LAPIC_INITIAL_COUNT);

	return gone < first ? first - (u32)gone : 0;
}

bool apic_is_on(void)
{
	return *place(LAPIC_SVR) & LAPIC_SVR_ENABLE;
}

u32 apic_read(u32 offset)
{
	return offset == LAPIC_CURRENT_COUNT ? left() : *place(offset);
}

void apic_write(u32 offset, u32 value)
{
	if (offset == LAPIC_EOI)
		fake_apic.ends++;
	if (offset == LAPIC_INITIAL_COUNT)
		fake_apic.began = fake.tsc;
	*place(offset) = value;
}

bool apic_has(u32 set, u8 vector)
{
	return apic_read(set + vector / 32u * 16) >> vector % 32 & 1;
}

bool apic_watch(void)
{
	fake_apic.watched += !fake_apic.no_memory;
	return !fake_apic.no_memory;
}
