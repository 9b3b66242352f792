/*
 * Where an access of a wild child may go.
 */
#include "tests/guest/lib/wildplace.h"

#include "tests/guest/lib/random.h"

u32 wildplace_any(void)
{
	static const u32 pages[] = {
		0,
		BASES_CODE,
		0x2000, /* IDT of long mode, of 32 bits and GDT */
		0x3000,
		BASES_RANDOM,
		0x5000, /* page tables */
		0x6000,
		0x8000,
		WILD_DEVICES,
		WILD_CODE,
		WILD_CODE,
		WILD_DATA,
		WILD_DATA,
		WILD_READ_ONLY,
		WILD_NO_ACCESS,
		WILD_STACK,
		WILD_OVERLAY,
		WILD_OVERLAY + 0x1000,
		WILD_OVERLAY + 0x2000,
		WILD_OVERLAY + 0x3000,
		WILD_TABLES,
		WILD_APIC,
		WILD_HOLE,
		0xfffff000,
		0x1f000, /* the last page of RAM */
	};
	u32 page = pages[random_below(ARRAY_LEN(pages))];

	/* Over its end, or anywhere in it. */
	if (random_one_in(8))
		return page + PAGE_SIZE - random_below(8);
	return page + (random_below(PAGE_SIZE) & ~random_below(16));
}

/*
 * A multiple of 4: as a segment of real mode one with other low bits would make
 * Bochs, and nothing else, refuse the next VM entry (docs/testing.md).
 */
u16 wildplace_selector(void)
{
	static const u16 usual[] = { 0,    8,    0x10,   0x18,   0x20,
		                     0x28, 0x30, 0x38,   0x40,   0x1000,
		                     4,    0xc,  0xfffc, 0x1400, 0x1100 };

	if (random_one_in(4))
		return (u16)(random_below(32) * 4);
	return usual[random_below(ARRAY_LEN(usual))];
}
