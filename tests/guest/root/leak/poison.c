/*
 * Poison: whatever a register of some form takes, as long as the source has something
 * else there.
 */
#include "tests/guest/root/leak/poison.h"

#include "include/x86.h"
#include "parent/cpu.h"
#include "parent/vp.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/test.h"

/* What registers of some form take, the widest first. */
/* clang-format off */
static const u64 poisons[] = {
	0x5a5a5a5a5a5a5a5a, 0x00005a5a5a5a5a5a, 0x5a5a5a5a, 0x5a5a5000,
	0x3a5b5a5a00000000, 0xff5a5a5a, 0xfff5aff0, 0x5a5a0400,
	0x0505050505050505, 0x5a001, 0x300a5, 0x5a000d00,
	0x5a5a, 0xa5, 0x5b, 0x600004a,
	0x5a000800, 0x80050033, 0x6b0, 0x501,
	0x40, 0x46, 0x3, 0x9,
	0x2, 0x1, 0x7, 0x200,
	0xb, 0x80000b0d, 0x400001, 0x8d7,
	0xffff4ff5, 0x5a5a0000, 0xa0, 0x5fffffff,
	0x5a000000, 0,
};
/* clang-format on */

static bool poison_with(u64 id, u32 name, u64 low, u64 high,
                        const union hv_register_value *not_this)
{
	struct hv_register_assoc one = { .name = name };
	union hv_register_value now;

	one.value.reg128[0] = low;
	one.value.reg128[1] = high;
	return vp_set_registers(id, 0, &one, 1, NULL) == HV_STATUS_SUCCESS &&
	       registers_read_one(id, name, &now) &&
	       !registers_is_equal(&now, not_this);
}

/* Attributes must not have bits 11:8; those of poison have. */
static void poison_register(u64 id, u32 name,
                            const union hv_register_value *source)
{
	u64 high = 0x50935a5a5a5a5a5a;
	union hv_register_value now;

	if (registers_read_one(id, name, &now) &&
	    !registers_is_equal(&now, source))
		return;
	for (u32 i = 0; i < ARRAY_LEN(poisons); i++)
		if (poison_with(id, name, poisons[i], high, source) ||
		    poison_with(id, name, poisons[i] << 48, poisons[i] >> 16,
		                source) ||
		    poison_with(id, name, poisons[i], 0, source))
			return;
}

/* Cannot be set, or is the same in all that a parent can restore into. */
static bool is_fixed(u32 name)
{
	switch (name) {
	case HV_REGISTER_EXPLICIT_SUSPEND:
	case HV_REGISTER_TSC_DEADLINE: /* not while the timer counts */
	case HV_REGISTER_INITIAL_APIC_ID:
	case HV_REGISTER_MTRR_CAP:
	case HV_REGISTER_VP_INDEX:
	case HV_REGISTER_EOI:
	case HV_REGISTER_EOM:
	case HV_REGISTER_SVERSION:
	case HV_REGISTER_APIC_FIRST + 0x02: /* ID, where the mode is the same */
	case HV_REGISTER_APIC_FIRST + 0x03: /* version */
	case HV_REGISTER_APIC_FIRST + 0x09: /* APR */
	case HV_REGISTER_APIC_FIRST + 0x0d: /* LDR in x2APIC mode */
		return true;
	case HV_REGISTER_XFEM:
		return !(cpu_cpuid(1).ecx & CPUID_1_ECX_XSAVE);
	default:
		return false;
	}
}

/* It must not run; and the mode of the APIC decides which names there are. */
static bool is_left(u32 name)
{
	return name == HV_REGISTER_EXPLICIT_SUSPEND ||
	       name == HV_REGISTER_INTERCEPT_SUSPEND ||
	       name == HV_REGISTER_APIC_BASE;
}

bool poison_all(u64 id, const struct registers *source)
{
	static const u64 bases[] = { 0x5a5a5000, 0x5a5b5000 };
	static struct registers now;
	struct registers *t = &now;
	bool good = true;
	u32 same = 0;

	for (u32 round = 0; round < 2; round++) {
		registers_read(t, id);
		for (u32 i = 0; i < t->count; i++)
			if (!is_left(t->names[i]))
				poison_register(
					id, t->names[i],
					registers_value(source, t->names[i]));
		good &= EXPECT_SUCCESS(vp_set_register(
			id, 0, HV_REGISTER_APIC_BASE, bases[round]));
	}
	registers_read(t, id);
	for (u32 i = 0; i < t->count; i++) {
		u32 name = t->names[i];

		if (!registers_is_equal(&t->values[i],
		                        registers_value(source, name)))
			continue;
		same++;
		test_context("register as in the source", name);
		if (!is_fixed(name))
			serial_print("not poisoned: %x\r\n", (u64)name);
		good &= EXPECT(is_fixed(name));
	}
	test_context(NULL, 0);
	serial_print("%u registers poisoned of %u\r\n", (u64)(t->count - same),
	             (u64)t->count);
	return good;
}
