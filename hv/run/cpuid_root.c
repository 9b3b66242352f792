/*
 * CPUID of the root: the processor's words, but for what it cannot have under us.
 * That is VMX, which is taken, and instructions that are #UD, or exits that we do
 * not know, as long as the VMCS does not allow them.
 */
#include "hv/arch.h"
#include "hv/run/cpuid_leaf.h"

#define NEVER 0u

/* Bits that are only there when arch_facts()->root_can has `needs`. */
static const struct word_row {
	u32 leaf;
	u32 subleaf; /* ALL: whatever ECX holds */
	u32 reg;
	u32 bits;
	u32 needs; /* enum arch_root */
} word_rows[] = {
	{ 0x1, ALL, ECX, 1u << 5 | 1u << 6, NEVER },   /* VMX SMX */
	{ 0x7, 0, EBX, 1u << 10, ARCH_ROOT_INVPCID },  /* INVPCID */
	{ 0x7, 0, EBX, 1u << 25, ARCH_ROOT_TRACE },    /* Intel PT */
	{ 0x7, 0, ECX, 1u << 5, ARCH_ROOT_USER_WAIT }, /* WAITPKG */
	{ 0x7, 0, ECX, 1u << 22, ARCH_ROOT_RDTSCP },   /* RDPID */
	{ 0x7, 0, ECX, 1u << 23, NEVER },              /* Key Locker */
	{ 0x7, 0, EDX, 1u << 18, NEVER },              /* PCONFIG */
	/* FRED: an event that is put back behind an exit loses what came with
	 * it. MSRLIST: a control that is not taken. */
	{ 0x7, 1, EAX, 1u << 17 | 1u << 27, NEVER },
	{ 0x7, 1, EBX, 1u << 1, NEVER }, /* PBNDKB */
	/* RDMSR and WRMSRNS with an immediate, URDMSR and UWRMSR: their exits
	 * are not ours. */
	{ 0x7, 1, ECX, 1u << 5, NEVER },
	{ 0x7, 1, EDX, 1u << 15, NEVER },
	{ 0xd, 1, EAX, 1u << 3, ARCH_ROOT_XSAVES }, /* XSAVES, IA32_XSS */
	{ 0xd, 1, ECX, ALL, ARCH_ROOT_XSAVES },
	{ 0xd, 1, EDX, ALL, ARCH_ROOT_XSAVES },
	{ 0x80000001, ALL, ECX, 1u << 2, NEVER }, /* SVM */
	{ 0x80000001, ALL, EDX, 1u << 27, ARCH_ROOT_RDTSCP },
};

/* Leaves of these features alone. */
static const struct {
	u32 leaf;
	u32 needs;
} leaf_rows[] = {
	{ 0x14, ARCH_ROOT_TRACE },
	{ 0x19, NEVER },       /* Key Locker */
	{ 0x1b, NEVER },       /* PCONFIG */
	{ 0x8000000a, NEVER }, /* SVM */
};

static bool can(u32 needs)
{
	return arch_facts()->root_can & needs;
}

/*
 * A processor may have had its leaves limited at the start, until the root gave
 * them back (IA32_MISC_ENABLE): so what seems to be beyond the end is asked for.
 */
static bool is_there(u32 leaf)
{
	u32 regs[4];

	if (leaf <= (leaf >= CPUID_EXTENDED ? arch_facts()->cpuid_max_extended
	                                    : arch_facts()->cpuid_max))
		return true;
	arch_cpuid(leaf >= CPUID_EXTENDED ? CPUID_EXTENDED : 0, 0, regs);
	return leaf <= regs[EAX];
}

u32 cpuid_root_leaf(u32 leaf)
{
	u32 regs[4];

	if (is_there(leaf))
		return leaf;
	arch_cpuid(0, 0, regs);
	return regs[EAX];
}

void cpuid_root_answer(u32 leaf, u32 subleaf, u32 regs[4])
{
	arch_cpuid(leaf, subleaf, regs);
	for (u32 i = 0; i < ARRAY_LEN(word_rows); i++) {
		const struct word_row *row = &word_rows[i];

		if (row->leaf == leaf && !can(row->needs) &&
		    (row->subleaf == ALL || row->subleaf == subleaf))
			regs[row->reg] &= ~row->bits;
	}
	for (u32 i = 0; i < ARRAY_LEN(leaf_rows); i++)
		if (leaf_rows[i].leaf == leaf && !can(leaf_rows[i].needs))
			regs[EAX] = regs[EBX] = regs[ECX] = regs[EDX] = 0;
}
