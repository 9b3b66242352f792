/*
 * The processor's local APIC in the place of svm/apic.c: its timer counts by the TSC of the
 * fake, and what it raises stays in IRR until somebody takes it.
 */
#include "tests/host/fake/apic.h"

#include "arch/x86_64/common/vendor.h"
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

void fake_apic_reset(u64 ticks_a_count)
{
	fake_apic = (struct fake_apic){
		.base = LAPIC_BASE_RESET | LAPIC_BASE_ENABLE,
		.ticks_a_count = ticks_a_count,
	};
	*place(LAPIC_SVR) = LAPIC_SVR_ENABLE;
}

u64 apic_base(void)
{
	return fake_apic.base;
}

u32 apic_read(u32 offset)
{
	return offset == LAPIC_CURRENT_COUNT ? left() : *place(offset);
}

/* Of those in service the one with the highest priority (SDM 10.8.5). */
static void end_interrupt(void)
{
	fake_apic.ends++;
	for (u32 i = 8; i-- > 0;) {
		u32 *isr = place(LAPIC_ISR + i * 16);

		if (!*isr)
			continue;
		*isr &= ~(1u << (31 - __builtin_clz(*isr)));
		return;
	}
}

void apic_write(u32 offset, u32 value)
{
	if (offset == LAPIC_EOI)
		end_interrupt();
	if (offset == LAPIC_INITIAL_COUNT)
		fake_apic.began = fake.tsc;
	*place(offset) = value;
}

static u32 highest(u32 set)
{
	for (u32 i = 8; i-- > 0;)
		if (*place(set + i * 16))
			return i * 32 + 31 -
			       (u32)__builtin_clz(*place(set + i * 16));
	return 0;
}

/* What is in service keeps out all of its class and below (SDM 10.8.3.1). */
u32 vendor_take_interrupt(void)
{
	u32 vector = highest(LAPIC_IRR);

	if (!(*place(LAPIC_SVR) & LAPIC_SVR_ENABLE) ||
	    vector >> 4 <= highest(LAPIC_ISR) >> 4 ||
	    vector >> 4 <= *place(LAPIC_TPR) >> 4)
		return 0;
	*place(LAPIC_IRR + vector / 32 * 16) &= ~(1u << vector % 32);
	*place(LAPIC_ISR + vector / 32 * 16) |= 1u << vector % 32;
	fake_apic.taken++;
	return vector;
}
