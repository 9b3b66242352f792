/*
 * The outcome of a run: which registers count, and what is the same of two.
 */
#include "tests/guest/root/anywhere/outcome.h"

#include "parent/vp.h"
#include "tests/guest/lib/test.h"

/* All but what goes with time: TSC, timers' counts, reference time. */
static const struct {
	u32 name;
	u32 count;
} rows[] = {
	{ HV_REGISTER_INTERNAL_ACTIVITY_STATE, 1 },
	{ HV_REGISTER_PENDING_INTERRUPTION, 1 },
	{ HV_REGISTER_INTERRUPT_STATE, 1 },
	{ HV_REGISTER_RAX, 16 },
	{ HV_REGISTER_RIP, 1 },
	{ HV_REGISTER_RFLAGS, 1 },
	{ HV_REGISTER_XMM0, 16 },
	{ HV_REGISTER_FP_MMX0, 8 },
	{ HV_REGISTER_FP_CONTROL_STATUS, 1 },
	{ HV_REGISTER_XMM_CONTROL_STATUS, 1 },
	{ HV_REGISTER_CR0, 1 },
	{ HV_REGISTER_CR2, 1 },
	{ HV_REGISTER_CR3, 1 },
	{ HV_REGISTER_CR4, 1 },
	{ HV_REGISTER_CR8, 1 },
	{ HV_REGISTER_XFEM, 1 },
	{ HV_REGISTER_DR0, 4 },
	{ HV_REGISTER_DR6, 1 },
	{ HV_REGISTER_DR7, 1 },
	{ HV_REGISTER_ES, 8 },
	{ HV_REGISTER_IDTR, 1 },
	{ HV_REGISTER_GDTR, 1 },
	{ HV_REGISTER_EFER, 1 },
	{ HV_REGISTER_KERNEL_GS_BASE, 1 },
	{ HV_REGISTER_APIC_BASE, 1 },
	{ HV_REGISTER_PAT, 1 },
	{ HV_REGISTER_SYSENTER_CS, 1 },
	{ HV_REGISTER_SYSENTER_RIP, 1 },
	{ HV_REGISTER_SYSENTER_RSP, 1 },
	{ HV_REGISTER_STAR, 1 },
	{ HV_REGISTER_LSTAR, 1 },
	{ HV_REGISTER_CSTAR, 1 },
	{ HV_REGISTER_SFMASK, 1 },
	{ HV_REGISTER_MTRR_DEF_TYPE, 1 },
	{ HV_REGISTER_DEBUG_CTL, 1 },
	{ HV_REGISTER_APIC_FIRST + 0x02, 1 }, /* ID, TPR, LDR, SVR */
	{ HV_REGISTER_APIC_FIRST + 0x08, 1 },
	{ HV_REGISTER_APIC_FIRST + 0x0d, 1 },
	{ HV_REGISTER_APIC_FIRST + 0x0f, 1 },
	{ HV_REGISTER_APIC_FIRST + 0x10, 24 }, /* ISR, TMR, IRR */
	{ HV_REGISTER_APIC_FIRST + 0x30, 1 },  /* ICR, LVT */
	{ HV_REGISTER_APIC_FIRST + 0x32, 6 },
	{ HV_REGISTER_APIC_FIRST + 0x38, 1 }, /* initial count */
	{ HV_REGISTER_APIC_FIRST + 0x3e, 1 },
	{ HV_REGISTER_YMM0_HIGH, 16 },
};

void outcome_take(struct outcome *o, const struct child *c)
{
	const volatile struct anywhere_seen *seen = child_at(c, ANYWHERE_SEEN);

	o->count = 0;
	o->is_whole = EXPECT_EQUAL(seen->overflows, 0) &&
	              EXPECT(seen->wakes > 0);
	__builtin_memcpy(o->memory, child_at(c, 0), sizeof(o->memory));
	for (u32 i = 0; o->is_whole && i < ARRAY_LEN(rows); i++)
		for (u32 k = 0; k < rows[i].count; k++) {
			u32 name = rows[i].name + k;

			/* Not every processor has all of them. */
			o->value[o->count].reg128[0] = 0;
			o->value[o->count].reg128[1] = 0;
			vp_get_registers(c->id, 0, &name, 1,
			                 &o->value[o->count++], NULL);
		}
}

bool outcome_same(const struct outcome *cut, const struct outcome *whole)
{
	bool good = EXPECT_EQUAL(cut->count, whole->count);
	u32 at = 0;

	for (u32 i = 0; good && i < ARRAY_LEN(rows); i++)
		for (u32 k = 0; k < rows[i].count; k++, at++) {
			test_context("register", rows[i].name + k);
			good &= EXPECT_EQUAL(cut->value[at].reg128[0],
			                     whole->value[at].reg128[0]) &&
			        EXPECT_EQUAL(cut->value[at].reg128[1],
			                     whole->value[at].reg128[1]);
		}
	for (u32 i = 0; good && i < sizeof(cut->memory); i++) {
		test_context("byte", i);
		good &= EXPECT_EQUAL(cut->memory[i], whole->memory[i]);
	}
	test_context(NULL, 0);
	return good;
}

u32 outcome_level(const struct outcome *whole)
{
	const struct anywhere_seen *s =
		(const void *)(whole->memory + ANYWHERE_SEEN);

	return s->level;
}
