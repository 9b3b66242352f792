/*
 * Memory types by range (SDM 11.11), for the identity map of the root.
 */
#include "arch/x86_64/vmx/mtrr.h"

#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/common/vendor.h"

#define MTRR_VARIABLE_MAX 32
#define MTRR_FIXED_END 0x100000ull
#define MTRR_TYPE_WT 4u

struct mtrr_range {
	u64 base;
	u64 mask;
	u32 type;
};

static struct {
	u64 def_type;
	u64 address_mask; /* address bits that the processor has */
	u32 count;
	struct mtrr_range ranges[MTRR_VARIABLE_MAX];
	u64 fixed[11];
} mtrrs;

/* One of 64-KiB pieces, two of 16, eight of 4; their numbers are apart. */
static u32 fixed_msr(u32 index)
{
	if (index == 0)
		return MSR_IA32_MTRR_FIX64K_00000;
	if (index <= 2)
		return MSR_IA32_MTRR_FIX16K_80000 + index - 1;
	return MSR_IA32_MTRR_FIX4K_C0000 + index - 3;
}

void mtrr_init(void)
{
	u64 count = msr_read(MSR_IA32_MTRRCAP) & MTRR_CAP_COUNT;
	u32 regs[4];

	/* Bits above it are reserved in a mask, and 0: they compare nothing. */
	arch_cpuid(0x80000008, 0, regs);
	mtrrs.address_mask = (1ull << (regs[0] & 0xff)) - 1;
	mtrrs.def_type = msr_read(MSR_IA32_MTRR_DEF_TYPE);
	for (u32 i = 0; i < count && i < MTRR_VARIABLE_MAX; i++) {
		u64 base = msr_read(MSR_IA32_MTRR_PHYSBASE0 + 2 * i);
		u64 mask = msr_read(MSR_IA32_MTRR_PHYSMASK0 + 2 * i);

		if (!(mask & MTRR_MASK_VALID))
			continue;
		mtrrs.ranges[mtrrs.count++] = (struct mtrr_range){
			.base = base & MTRR_ADDRESS,
			.mask = mask & MTRR_ADDRESS,
			.type = (u32)(base & 0xff),
		};
	}
	/* Where they are off the registers may hold anything. */
	if (mtrrs.def_type & MTRR_DEF_FIXED)
		for (u32 i = 0; i < ARRAY_LEN(mtrrs.fixed); i++)
			mtrrs.fixed[i] = msr_read(fixed_msr(i));
}

/* Eight types a register: of 64-KiB, 16-KiB and 4-KiB pieces. */
static u32 fixed_type(u64 address)
{
	u64 piece;

	if (address < 0x80000)
		piece = address >> 16;
	else if (address < 0xc0000)
		piece = 8 + ((address - 0x80000) >> 14);
	else
		piece = 24 + ((address - 0xc0000) >> 12);
	return mtrrs.fixed[piece / 8] >> (piece % 8 * 8) & 0xff;
}

/* Overlapping ranges (SDM 11.11.4.1): UC wins, then write-through. */
static u32 combine(u32 a, u32 b)
{
	if (a == b)
		return a;
	if ((a == MTRR_TYPE_WT && b == MEMORY_WB) ||
	    (a == MEMORY_WB && b == MTRR_TYPE_WT))
		return MTRR_TYPE_WT;
	return MEMORY_UC;
}

/* A range that begins or ends inside the block shows in mask bits below its size. */
static bool variable_type(u64 base, u64 size, u32 *type)
{
	bool found = false;

	*type = (u32)(mtrrs.def_type & MTRR_DEF_TYPE);
	for (u32 i = 0; i < mtrrs.count; i++) {
		const struct mtrr_range *r = &mtrrs.ranges[i];
		/* Address bits inside the block that the mask looks at. */
		u64 inside = r->mask & (size - 1) & mtrrs.address_mask;
		u64 outside = r->mask & ~(size - 1) & mtrrs.address_mask;

		if ((base & outside) != (r->base & outside))
			continue;
		if (inside)
			return false;
		*type = found ? combine(*type, r->type) : r->type;
		found = true;
	}
	return true;
}

/* With EPT the MTRRs say nothing of a guest's access: the leaf does (SDM 28.2.7). */
bool vendor_memory_type(u64 base, u64 size, u32 *type)
{
	bool fixed = mtrrs.def_type & MTRR_DEF_FIXED;

	/* All MTRRs off: all of memory is uncached (SDM 11.11.2.1). */
	if (!(mtrrs.def_type & MTRR_DEF_ENABLE)) {
		*type = MEMORY_UC;
		return true;
	}
	if (!fixed || base >= MTRR_FIXED_END)
		return variable_type(base, size, type);
	*type = fixed_type(base);
	/* Pieces are 4 KiB at the least, and a larger block may have more than one. */
	return size == PAGE_SIZE;
}
