/*
 * MSR bitmaps (SDM 24.6.9), one for the root and one for all children, and that
 * with the APIC's registers, for those whose APIC the processor virtualizes. MSRs
 * outside both ranges exit always: the synthetic ones are there.
 */
#include "arch/x86_64/bitmaps.h"

#include "arch/x86_64/msr.h"
#include "arch/x86_64/processor.h"
#include "arch/x86_64/root_msr.h"
#include "hv/arch.h"

#define MSR_HIGH_FIRST 0xc0000000u
#define BITMAP_HIGH 1024u  /* bytes from the low half's map to the high one's */
#define BITMAP_WRITE 2048u /* and from the reads to the writes */

/* Constant after start-up; a root VP's is in struct processor. */
static _Alignas(PAGE_SIZE) u8 child_map[PAGE_SIZE];
static _Alignas(PAGE_SIZE) u8 apicv_map[PAGE_SIZE];

/* What a child may do without us. What it may write is switched (switch.c). */
static const struct {
	u32 msr;
	bool write;
} child_rows[] = {
	{ MSR_IA32_TSC, false }, /* with the VP's offset */
	{ MSR_IA32_PAT, false },         { MSR_IA32_EFER, false },
	{ MSR_IA32_SYSENTER_CS, true },  { MSR_IA32_SYSENTER_ESP, true },
	{ MSR_IA32_SYSENTER_EIP, true }, { MSR_IA32_STAR, false },
	{ MSR_IA32_LSTAR, false },       { MSR_IA32_CSTAR, false },
	{ MSR_IA32_FMASK, false },       { MSR_IA32_FS_BASE, true },
	{ MSR_IA32_GS_BASE, true },      { MSR_IA32_KERNEL_GS_BASE, true },
};

/*
 * x2APIC MSRs that are their page's bytes, and writes that the processor does all
 * of. Not in it: ICR, whose halves lie apart in the page, and the current count.
 */
static const struct {
	u32 first;
	u32 last;
	bool write;
} apicv_rows[] = {
	{ 0x802, 0x803, false }, { 0x808, 0x808, true },
	{ 0x80a, 0x80a, false }, { 0x80d, 0x80d, false },
	{ 0x80f, 0x828, false }, { 0x832, 0x838, false },
	{ 0x83e, 0x83e, false },
};
/* Writes alone: EOI, self IPI. */
static const u32 apicv_writes[] = { 0x80b, 0x83f };

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

void bitmaps_intercept(u8 *map, u32 msr, bool read, bool write)
{
	u8 bit = (u8)BIT(msr % 8);

	if (read)
		*byte_of(map, msr) |= bit;
	if (write)
		byte_of(map, msr)[BITMAP_WRITE] |= bit;
}

void bitmaps_root_deadline(bool exits)
{
	u8 *map = processor_this()->root_bitmap;

	if (exits)
		bitmaps_intercept(map, MSR_IA32_TSC_DEADLINE, true, true);
	else
		pass(map, MSR_IA32_TSC_DEADLINE, true);
}

void bitmaps_root_write(u32 msr, bool exits)
{
	u8 *byte = byte_of(processor_this()->root_bitmap, msr) + BITMAP_WRITE;
	u8 bit = (u8)BIT(msr % 8);

	*byte = exits ? *byte | bit : *byte & (u8)~bit;
}

void bitmaps_init(struct cpu *cpu)
{
	root_msr_intercept(processor_of(cpu)->root_bitmap);
	__builtin_memset(child_map, 0xff, sizeof(child_map));
	for (u32 i = 0; i < ARRAY_LEN(child_rows); i++)
		pass(child_map, child_rows[i].msr, child_rows[i].write);
	if (arch_facts()->has_tsc_aux)
		pass(child_map, MSR_IA32_TSC_AUX, false);
	__builtin_memcpy(apicv_map, child_map, sizeof(apicv_map));
	for (u32 i = 0; i < ARRAY_LEN(apicv_rows); i++)
		for (u32 m = apicv_rows[i].first; m <= apicv_rows[i].last; m++)
			pass(apicv_map, m, apicv_rows[i].write);
	for (u32 i = 0; i < ARRAY_LEN(apicv_writes); i++)
		byte_of(apicv_map, apicv_writes[i])[BITMAP_WRITE] &=
			(u8)~BIT(apicv_writes[i] % 8);
}

u64 bitmaps_apicv(void)
{
	return (u64)apicv_map;
}

u64 bitmaps_msr(struct vp *vp)
{
	return (u64)(vp->is_root ? processor_of(vp->cpu)->root_bitmap
	                         : child_map);
}
