/*
 * An entry of the extended page tables (SDM tables 28-1 to 28-6). No hardware in here.
 */
#ifndef ARCH_EPT_ENTRY_H
#define ARCH_EPT_ENTRY_H

#include "hv/arch.h"

/* Read, write, execute: bits 0 to 2, ours are the same. */
#define EPT_RIGHTS 7u
#define EPT_TYPE_SHIFT 3

_Static_assert((ARCH_READ | ARCH_WRITE | ARCH_EXECUTE) == EPT_RIGHTS &&
                       ARCH_READ == 1 && ARCH_WRITE == 2,
               "SDM table 28-6");

static inline u64 ept_leaf(u32 rights, u32 type)
{
	return rights | (u64)type << EPT_TYPE_SHIFT;
}

/* A table has all rights: what a page may is said in its leaf alone. */
static inline u64 ept_table(void)
{
	return EPT_RIGHTS;
}

static inline u32 ept_rights(u64 entry)
{
	return (u32)(entry & EPT_RIGHTS);
}

#endif
