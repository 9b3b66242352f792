/*
 * MSR bitmaps (SDM 24.6.9), one for the root and one for all children. MSRs
 * outside both ranges exit always: the synthetic ones are there.
 */
#include "arch/x86_64/bitmaps.h"

#include "arch/x86_64/msr.h"
#include "hv/arch.h"

#define MSR_HIGH_FIRST 0xc0000000u
#define BITMAP_HIGH 1024u  /* bytes from the low half's map to the high one's */
#define BITMAP_WRITE 2048u /* and from the reads to the writes */

static _Alignas(PAGE_SIZE) u8 root_map[PAGE_SIZE];
static _Alignas(PAGE_SIZE) u8 child_map[PAGE_SIZE];

/* What a child may do without us. What it may write is switched (switch.c). */
static const struct {
	u32 msr;
	bool write;
} child_rows[] = {
	{ MSR_IA32_TSC, false }, /* with the VP's offset */
	{ MSR_IA32_PAT, false },         { MSR_IA32_EFER, false },
	{ MSR_IA32_SYSENTER_CS, true },  { MSR_IA32_SYSENTER_ESP, true },
	{ MSR_IA32_SYSENTER_EIP, true }, { MSR_IA32_STAR, true },
	{ MSR_IA32_LSTAR, true },        { MSR_IA32_CSTAR, true },
	{ MSR_IA32_FMASK, true },        { MSR_IA32_FS_BASE, true },
	{ MSR_IA32_GS_BASE, true },      { MSR_IA32_KERNEL_GS_BASE, true },
};

static u8 *byte_of(u8 *map, u32 msr)
{
	if (msr >= MSR_HIGH_FIRST)
		map += BITMAP_HIGH;
	return map + (msr & 0x1fff) / 8;
}

static void pass(u8 *map, u32 msr, bool write)
{
	u8 mask = (u8)~BIT(msr % 8);

	*byte_of(map, msr) &= mask;
	if (write)
		byte_of(map, msr)[BITMAP_WRITE] &= mask;
}

static void intercept(u8 *map, u32 msr)
{
	u8 bit = (u8)BIT(msr % 8);

	*byte_of(map, msr) |= bit;
	byte_of(map, msr)[BITMAP_WRITE] |= bit;
}

void bitmaps_init(void)
{
	intercept(root_map, MSR_IA32_FEATURE_CONTROL);
	for (u32 msr = MSR_IA32_VMX_FIRST; msr <= MSR_IA32_VMX_LAST; msr++)
		intercept(root_map, msr);
	__builtin_memset(child_map, 0xff, sizeof(child_map));
	for (u32 i = 0; i < ARRAY_LEN(child_rows); i++)
		pass(child_map, child_rows[i].msr, child_rows[i].write);
	if (arch_facts()->has_tsc_aux)
		pass(child_map, MSR_IA32_TSC_AUX, true);
}

u64 bitmaps_msr(bool is_root)
{
	return (u64)(is_root ? root_map : child_map);
}
