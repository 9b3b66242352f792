/*
 * Finds out, once, what a VP of a child can hold on this processor. What it sees
 * in CPUID, from which the rest follows, is words.c's.
 */
#include "arch/x86_64/common/facts.h"

#include "arch/x86_64/common/regs.h"
#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/common/words.h"
#include "hv/vp/vp_state.h"

#define MXCSR_MASK_DEFAULT 0xffbfu
#define FXSAVE_MXCSR_MASK 28

static struct arch_facts facts;

const struct arch_facts *arch_facts(void)
{
	return &facts;
}

/* CR4 bits and the feature that brings each; bits 0 to 10 come with all. */
static const struct {
	u64 cr4;
	enum stream_feature word;
	u32 bit;
} cr4_rows[] = {
	{ CR4_UMIP, STREAM_FEATURE_7_ECX, 1u << 2 },
	{ CR4_FSGSBASE, STREAM_FEATURE_7_EBX, 1u << 0 },
	{ CR4_PCIDE, STREAM_FEATURE_1_ECX, 1u << 17 },
	{ CR4_OSXSAVE, STREAM_FEATURE_1_ECX, 1u << 26 },
	{ CR4_SMEP, STREAM_FEATURE_7_EBX, 1u << 7 },
	{ CR4_SMAP, STREAM_FEATURE_7_EBX, 1u << 20 },
	{ CR4_PKE, STREAM_FEATURE_7_ECX, 1u << 3 },
};
#define CR4_BASE 0x7ffull

static void find_registers(void)
{
	const u32 *words = facts.compat.features;

	facts.cr0_allowed = CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET |
	                    CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;
	facts.cr4_allowed = CR4_BASE;
	for (u32 i = 0; i < ARRAY_LEN(cr4_rows); i++)
		if (words[cr4_rows[i].word] & cr4_rows[i].bit)
			facts.cr4_allowed |= cr4_rows[i].cr4;
	facts.efer_allowed = EFER_SCE | EFER_LME | EFER_LMA;
	if (words[STREAM_FEATURE_80000001_EDX] & BIT(20))
		facts.efer_allowed |= EFER_NXE;
	facts.has_tsc_aux = words[STREAM_FEATURE_80000001_EDX] & BIT(27);
	facts.mtrr_variable = VP_MTRR_VARIABLE;
}

static u32 find_mxcsr_mask(void)
{
	_Alignas(16) u8 area[sizeof(struct vp_fxsave)] = { 0 };
	u32 mask;

	fxsave(area);
	__builtin_memcpy(&mask, area + FXSAVE_MXCSR_MASK, sizeof(mask));
	return mask ? mask : MXCSR_MASK_DEFAULT;
}

void facts_init(const struct handoff *h)
{
	struct stream_compat *c = &facts.compat;
	struct vendor_features can = vendor_features();

	facts.tsc_hz = c->tsc_hz = h->tsc_hz;
	words_find(&facts, can.root, can.child);
	find_registers();
	c->mxcsr_mask = find_mxcsr_mask();
	vendor_limit(&facts);
}
