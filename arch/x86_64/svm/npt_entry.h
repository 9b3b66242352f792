/*
 * An entry of the nested page tables: the format of long mode's own (APM volume 2,
 * 5.3, 15.25.5). No hardware in here.
 */
#ifndef ARCH_SVM_NPT_ENTRY_H
#define ARCH_SVM_NPT_ENTRY_H

#include "hv/arch.h"
#include "include/x86.h"

#define NPT_ACCESSED BIT(5)
#define NPT_DIRTY BIT(6)

/*
 * Each access counts as a user's. The processor would set A and D by itself, and
 * entries that say the same would differ, which slat.c compares: so they are set.
 * Rights without that to read cannot be said; no mapping has them (hv/memory/gpa.c).
 */
static inline u64 npt_leaf(u32 rights)
{
	u64 entry = PTE_P | PTE_U | NPT_ACCESSED | NPT_DIRTY;

	if (!(rights & ARCH_READ))
		return 0;
	if (rights & ARCH_WRITE)
		entry |= PTE_W;
	if (!(rights & ARCH_EXECUTE))
		entry |= PTE_NX;
	return entry;
}

/* A table has all rights: what a page may is said in its leaf alone. */
static inline u64 npt_table(void)
{
	return PTE_USER | NPT_ACCESSED;
}

static inline u32 npt_rights(u64 entry)
{
	u32 rights = ARCH_READ;

	if (!(entry & PTE_P))
		return 0;
	if (entry & PTE_W)
		rights |= ARCH_WRITE;
	if (!(entry & PTE_NX))
		rights |= ARCH_EXECUTE;
	return rights;
}

#endif
