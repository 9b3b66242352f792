/*
 * MSR bitmaps (SDM 24.6.9), one for the root and one for all children, and that
 * with the APIC's registers, for those whose APIC the processor virtualizes. MSRs
 * outside both ranges exit always: the synthetic ones are there.
 */
#include "arch/x86_64/vmx/bitmaps.h"

#include "arch/x86_64/common/processor.h"
#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/vmx/vmx_arch.h"

#define MSR_HIGH_FIRST 0xc0000000u
#define MSRS_OF_HALF 0x2000u
#define BITMAP_HIGH 1024u /* bytes from the low half's map to the high one's */
#define BITMAP_READ 0u
#define BITMAP_WRITE 2048u /* and from the reads to the writes */

/* Constant after start-up; a root VP's is in struct processor. */
static _Alignas(PAGE_SIZE) u8 child_map[PAGE_SIZE];
static _Alignas(PAGE_SIZE) u8 apicv_map[PAGE_SIZE];

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

/* Four maps in a page: reads of low MSRs, of high ones, then the writes. */
static u8 *byte_of(u8 *map, u32 msr)
{
	if (msr >= MSR_HIGH_FIRST)
		map += BITMAP_HIGH;
	return map + (msr & 0x1fff) / 8;
}

/* One bit: set, the access exits. */
static void set_exit(u8 *map, u32 msr, u32 half, bool exits)
{
	u8 *byte = byte_of(map, msr) + half;
	u8 bit = (u8)BIT(msr % 8);

	*byte = exits ? *byte | bit : *byte & (u8)~bit;
}

bool vendor_has_place(u32 msr)
{
	return msr < MSRS_OF_HALF || msr - MSR_HIGH_FIRST < MSRS_OF_HALF;
}

static u8 *root_map(struct cpu *cpu)
{
	return processor_of(cpu)->vendor[VMX_PAGE_ROOT_BITMAP];
}

void vendor_msr_exits(struct cpu *root_of, u32 msr, bool read, bool write)
{
	u8 *map = root_of ? root_map(root_of) : child_map;

	set_exit(map, msr, BITMAP_READ, read);
	set_exit(map, msr, BITMAP_WRITE, write);
	if (root_of)
		return;
	set_exit(apicv_map, msr, BITMAP_READ, read);
	set_exit(apicv_map, msr, BITMAP_WRITE, write);
}

void bitmaps_root_write(u32 msr, bool exits)
{
	set_exit(root_map(arch_this_cpu()), msr, BITMAP_WRITE, exits);
}

/* What a child may do comes with child_msr.c, into both maps of children. */
void bitmaps_init(void)
{
	__builtin_memset(child_map, 0xff, sizeof(child_map));
	__builtin_memset(apicv_map, 0xff, sizeof(apicv_map));
	for (u32 i = 0; i < ARRAY_LEN(apicv_rows); i++)
		for (u32 m = apicv_rows[i].first; m <= apicv_rows[i].last;
		     m++) {
			set_exit(apicv_map, m, BITMAP_READ, false);
			set_exit(apicv_map, m, BITMAP_WRITE,
			         !apicv_rows[i].write);
		}
	for (u32 i = 0; i < ARRAY_LEN(apicv_writes); i++)
		set_exit(apicv_map, apicv_writes[i], BITMAP_WRITE, false);
}

u64 bitmaps_apicv(void)
{
	return (u64)apicv_map;
}

u64 bitmaps_msr(struct vp *vp)
{
	return (u64)(vp->is_root ? root_map(vp->cpu) : child_map);
}
