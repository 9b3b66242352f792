/*
 * Three ranges of MSRs, one behind the other: the first, those of long mode, and AMD's.
 */
#include "arch/x86_64/svm/msr_map.h"

#define MSRS_IN_RANGE 0x2000u
#define BITS 2u /* of an MSR: reads, writes */

static const u32 ranges[] = { 0, 0xc0000000u, 0xc0010000u };

/* The number of the MSR's first bit in a map. False: it has none. */
static bool find(u32 msr, u32 *bit)
{
	for (u32 i = 0; i < ARRAY_LEN(ranges); i++) {
		/* What is below the range has wrapped, and is far above it. */
		if (msr - ranges[i] >= MSRS_IN_RANGE)
			continue;
		*bit = (i * MSRS_IN_RANGE + msr - ranges[i]) * BITS;
		return true;
	}
	return false;
}

bool msr_map_has(u32 msr)
{
	u32 bit;

	return find(msr, &bit);
}

void msr_map_set(u8 *map, u32 msr, bool read, bool write)
{
	u32 bit, wanted = (read ? 1u : 0) | (write ? 2u : 0);

	if (!find(msr, &bit))
		return;
	/* Two bits from an even one on are always in one byte. */
	map[bit / 8] =
		(u8)((map[bit / 8] & ~(3u << bit % 8)) | wanted << bit % 8);
}
