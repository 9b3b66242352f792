/*
 * CPUID of a child. A word is the processor's through a mask, a feature word of
 * arch_facts, which its stream records, or computed from its own state; a leaf or
 * word without a row is 0. So nothing is the processor's by accident.
 */
#include "hv/arch.h"
#include "hv/base/feature.h"
#include "hv/interrupt/lapic.h"
#include "hv/run/cpuid_leaf.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"

#define CHILD_MAX 0x16u
#define CHILD_MAX_EXTENDED (CPUID_EXTENDED + 8)

#define CACHE_TYPE 0x1fu /* leaf 4 EAX, 0: no more caches */
#define LEVEL_SMT 1u     /* leaf 0xb ECX 15:8 */
#define LEVEL_CORE 2u

static u32 smaller(u32 a, u32 b)
{
	return a < b ? a : b;
}

static void clear(u32 regs[4])
{
	regs[EAX] = regs[EBX] = regs[ECX] = regs[EDX] = 0;
}

/* ---- What is computed; regs has the masked words ---- */

static u32 max_basic(void)
{
	return smaller(arch_facts()->cpuid_max, CHILD_MAX);
}

static u32 max_extended(void)
{
	return smaller(arch_facts()->cpuid_max_extended, CHILD_MAX_EXTENDED);
}

static void first_leaf(const struct vp *vp, u32 subleaf, u32 regs[4])
{
	(void)vp;
	(void)subleaf;
	regs[EAX] = max_basic();
}

/*
 * One logical processor a package: 23:16 of EBX says so, as do leaves 4 and 0xb.
 * The APIC's feature bit goes when the guest has switched it off.
 */
static void model_leaf(const struct vp *vp, u32 subleaf, u32 regs[4])
{
	const struct stream_compat *c = &arch_facts()->compat;

	(void)subleaf;
	regs[EAX] = c->signature;
	regs[EBX] = (c->clflush / 8 & 0xff) << 8 | 1u << 16 | vp->index << 24;
	if (lapic_mode(vp) == LAPIC_DISABLED)
		regs[EDX] &= (u32)~CPUID_1_EDX_APIC;
}

/* Who shares a cache (EAX 31:14) is masked: nobody does. */
static void cache_leaf(const struct vp *vp, u32 subleaf, u32 regs[4])
{
	(void)vp;
	(void)subleaf;
	if (!(regs[EAX] & CACHE_TYPE))
		clear(regs);
}

/* EAX of subleaf 0 is the last subleaf. */
static void features_leaf(const struct vp *vp, u32 subleaf, u32 regs[4])
{
	u32 own[4];

	(void)vp;
	/* A subleaf beyond is 0, as everything without a row. */
	if (subleaf != 0)
		return;
	arch_cpuid(0x7, 0, own);
	regs[EAX] = smaller(own[EAX], 1);
}

/* The APIC id has no bits for threads and cores: the VP's index is the package. */
static void topology_leaf(const struct vp *vp, u32 subleaf, u32 regs[4])
{
	static const u32 level[] = { LEVEL_SMT, LEVEL_CORE };

	regs[ECX] = subleaf & 0xff;
	if (subleaf < ARRAY_LEN(level)) {
		regs[EBX] = 1;
		regs[ECX] |= level[subleaf] << 8;
	}
	regs[EDX] = vp->index;
}

static bool has_component(u64 set, u32 i)
{
	return i >= 2 && i < 63 && (set >> i & 1);
}

/* Bytes of an XSAVE area with these components, in either form (SDM 13.4). */
static u32 xsave_size(u64 components, bool compacted)
{
	u32 size = XSAVE_HEADER_END, at, sub[4];

	for (u32 i = 2; i < 63; i++) {
		if (!has_component(components, i))
			continue;
		arch_cpuid(0xd, i, sub);
		at = sub[EBX];
		if (compacted)
			at = sub[ECX] & CPUID_D_ECX_ALIGNED ? (size + 63) & ~63u
			                                    : size;
		if (at + sub[EAX] > size)
			size = at + sub[EAX];
	}
	return size;
}

static void xsave_leaf(const struct vp *vp, u32 subleaf, u32 regs[4])
{
	const struct stream_compat *c = &arch_facts()->compat;
	u64 enabled = vp->state.xcr0;

	if (!arch_facts()->has_xsave) {
		clear(regs);
	} else if (subleaf == 0) {
		regs[EAX] = (u32)c->xcr0;
		regs[EBX] = xsave_size(enabled, false);
		regs[ECX] = c->xsave_size;
		regs[EDX] = (u32)(c->xcr0 >> 32);
	} else if (subleaf == 1) {
		/* XSAVEC alone has the compacted form: there is no XSAVES. */
		regs[EBX] = regs[EAX] & CPUID_D_1_EAX_XSAVEC
		                    ? xsave_size(enabled, true)
		                    : 0;
	} else if (has_component(c->xcr0, subleaf)) {
		arch_cpuid(0xd, subleaf, regs);
		regs[ECX] &= (u32)CPUID_D_ECX_ALIGNED;
		regs[EDX] = 0;
	}
}

/*
 * The APIC timer's clock is the child's TSC's, and so the core crystal's, as far as
 * ECX can tell it. Above 4.29 GHz only the ratio is told, and leaf 0x16 has
 * the frequency in MHz, from which guests work out the crystal's.
 */
static bool crystal_fits(const struct vp *vp)
{
	return tsc_hz(&vp->partition->clock) <= 0xffffffff;
}

static void crystal_leaf(const struct vp *vp, u32 subleaf, u32 regs[4])
{
	(void)subleaf;
	regs[EAX] = regs[EBX] = 1;
	regs[ECX] = crystal_fits(vp) ? (u32)tsc_hz(&vp->partition->clock) : 0;
}

static void frequency_leaf(const struct vp *vp, u32 subleaf, u32 regs[4])
{
	(void)subleaf;
	if (!crystal_fits(vp))
		regs[EAX] = (u32)(tsc_hz(&vp->partition->clock) / 1000000);
}

static void first_extended_leaf(const struct vp *vp, u32 subleaf, u32 regs[4])
{
	(void)vp;
	(void)subleaf;
	regs[EAX] = max_extended();
}

/* The widths that the checks of addresses go by. */
static void widths_leaf(const struct vp *vp, u32 subleaf, u32 regs[4])
{
	const struct stream_compat *c = &arch_facts()->compat;

	(void)vp;
	(void)subleaf;
	regs[EAX] = c->phys_bits | c->linear_bits << 8;
}

/* ---- The tables ---- */

/*
 * mask: bits that are the processor's own. A leaf without subleaves does not look
 * at ECX. A leaf that is not here is 0: what it describes a child does not have.
 */
static const struct leaf_row {
	u32 leaf;
	bool has_subleaves;
	u32 mask[CPUID_REGS];
	void (*compute)(const struct vp *vp, u32 subleaf, u32 regs[4]);
} leaf_rows[] = {
	{ 0x0, false, { 0, ALL, ALL, ALL }, first_leaf }, /* vendor */
	{ 0x1, false, { 0 }, model_leaf },
	{ 0x2, false, { ALL, ALL, ALL, ALL }, NULL }, /* caches and TLBs */
	{ 0x4, true, { 0x3ff, ALL, ALL, 0x7 }, cache_leaf },
	{ 0x7, true, { 0 }, features_leaf },
	{ 0xb, true, { 0 }, topology_leaf },
	{ 0xd, true, { 0 }, xsave_leaf },
	{ 0x15, false, { 0 }, crystal_leaf },
	{ 0x16, false, { 0 }, frequency_leaf },
	{ CPUID_EXTENDED, false, { 0 }, first_extended_leaf },
	{ CPUID_EXTENDED + 1, false, { 0 }, NULL },
	{ CPUID_EXTENDED + 2, false, { ALL, ALL, ALL, ALL }, NULL }, /* name */
	{ CPUID_EXTENDED + 3, false, { ALL, ALL, ALL, ALL }, NULL },
	{ CPUID_EXTENDED + 4, false, { ALL, ALL, ALL, ALL }, NULL },
	{ CPUID_EXTENDED + 6, false, { 0, 0, 0xfffff0ff, 0 }, NULL }, /* L2 */
	{ CPUID_EXTENDED + 7, false, { 0, 0, 0, 0x100 }, NULL },      /* TSC */
	{ CPUID_EXTENDED + 8, false, { 0 }, widths_leaf },
};

u32 cpuid_child_leaf(u32 leaf)
{
	u32 max = leaf >= CPUID_EXTENDED ? max_extended() : max_basic();

	return leaf <= max ? leaf : max_basic();
}

static const struct leaf_row *find(u32 leaf)
{
	for (u32 i = 0; i < ARRAY_LEN(leaf_rows); i++)
		if (leaf_rows[i].leaf == leaf)
			return &leaf_rows[i];
	return NULL;
}

/* The processor is not asked for what is masked all the same. */
static void masked(const struct leaf_row *row, u32 subleaf, u32 regs[4])
{
	u32 any = 0;

	for (u32 i = 0; i < CPUID_REGS; i++)
		any |= row->mask[i];
	if (any)
		arch_cpuid(row->leaf, subleaf, regs);
	for (u32 i = 0; i < CPUID_REGS; i++)
		regs[i] = any ? regs[i] & row->mask[i] : 0;
}

void cpuid_child_answer(const struct vp *vp, u32 leaf, u32 subleaf, u32 regs[4])
{
	const struct leaf_row *row = find(leaf);

	clear(regs);
	if (!row)
		return;
	if (!row->has_subleaves)
		subleaf = 0;
	masked(row, subleaf, regs);
	for (u32 i = 0; i < STREAM_FEATURE_COUNT; i++)
		if (feature_words[i].leaf == leaf &&
		    feature_words[i].subleaf == subleaf)
			regs[feature_words[i].reg] =
				arch_facts()->compat.features[i];
	if (row->compute)
		row->compute(vp, subleaf, regs);
}
