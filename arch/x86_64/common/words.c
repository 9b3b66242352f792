/*
 * Finds out, once, what children see of this processor: the features that the
 * hypervisor keeps for each VP, or that have no state at all. And which of its
 * instructions the root has.
 */
#include "arch/x86_64/common/words.h"

#include "arch/x86_64/common/regs.h"
#include "hv/base/feature.h"
#include "hv/vp/vp_state.h"

#define LINEAR_BITS 48       /* four-level paging; CR4.LA57 is not allowed */
#define PHYSICAL_BITS_MAX 48 /* four EPT levels */

/*
 * The bits of each feature word that a child may have. Not in it: VMX, SMX,
 * MONITOR, power and thermal management, debug store, performance monitoring,
 * MCA, SGX, resource control, processor trace, MPX, CET, supervisor keys, AMX,
 * LA57, XSAVES, and what lives in MSRs that a VP does not have (SPEC_CTRL,
 * TSC_ADJUST).
 */
static const struct {
	enum stream_feature word;
	u32 allowed;
} feature_rows[] = {
	/* SSE3 PCLMUL SSSE3 FMA CX16 PCID SSE4.1 SSE4.2 MOVBE POPCNT AES
	 * XSAVE AVX F16C RDRAND */
	{ STREAM_FEATURE_1_ECX, 0x76da3203 },
	/* FPU VME DE PSE TSC MSR PAE MCE CX8 SEP MTRR PGE CMOV PAT PSE36
	 * CLFSH MMX FXSR SSE SSE2 SS */
	{ STREAM_FEATURE_1_EDX, 0x0f8bb9ff },
	/* FSGSBASE BMI1 HLE AVX2 FDP SMEP BMI2 ERMS INVPCID RTM FCS AVX512-F
	 * DQ RDSEED ADX SMAP IFMA CLFLUSHOPT CLWB PF ER CD SHA BW VL */
	{ STREAM_FEATURE_7_EBX, 0xfdbf2ff9 },
	/* PREFETCHWT1 VBMI UMIP PKU VBMI2 GFNI VAES VPCLMUL VNNI BITALG
	 * VPOPCNT RDPID CLDEMOTE MOVDIRI MOVDIR64B */
	{ STREAM_FEATURE_7_ECX, 0x1a405f4f },
	/* 4VNNIW 4FMAPS FSRM VP2INTERSECT MD_CLEAR SERIALIZE AVX512-FP16 */
	{ STREAM_FEATURE_7_EDX, 0x0080451c },
	/* AVX-VNNI AVX512-BF16 FZRM FSRS FSRC */
	{ STREAM_FEATURE_7_1_EAX, 0x00001c30 },
	/* XSAVEOPT XSAVEC XGETBV1 */
	{ STREAM_FEATURE_D_1_EAX, 0x00000007 },
	/* LAHF LZCNT PREFETCHW */
	{ STREAM_FEATURE_80000001_ECX, 0x00000121 },
	/* SYSCALL NX 1GB RDTSCP LM */
	{ STREAM_FEATURE_80000001_EDX, 0x2c100800 },
	/* WBNOINVD */
	{ STREAM_FEATURE_80000008_EBX, 0x00000200 },
};

/* Features that are ours, whatever the processor has. */
static const struct {
	enum stream_feature word;
	u32 bits;
} emulated_rows[] = {
	{ STREAM_FEATURE_1_ECX, 1u << 21 | 1u << 24 }, /* x2APIC, deadline */
	{ STREAM_FEATURE_1_EDX, 1u << 9 },             /* APIC */
};

/* Features that go when the XCR0 components they need are not there. */
static const struct {
	u64 components;
	enum stream_feature word;
	u32 bits;
} component_rows[] = {
	{ XSTATE_AVX, STREAM_FEATURE_1_ECX, 0x30001000 }, /* AVX F16C FMA */
	{ XSTATE_AVX, STREAM_FEATURE_7_EBX, 0x00000020 }, /* AVX2 */
	{ XSTATE_AVX, STREAM_FEATURE_7_ECX, 0x00000600 }, /* VAES VPCLMUL */
	{ XSTATE_AVX, STREAM_FEATURE_7_1_EAX, 0x00000010 },
	{ XSTATE_AVX512, STREAM_FEATURE_7_EBX, 0xdc230000 },
	{ XSTATE_AVX512, STREAM_FEATURE_7_ECX, 0x00005842 },
	{ XSTATE_AVX512, STREAM_FEATURE_7_EDX, 0x0080010c },
	{ XSTATE_AVX512, STREAM_FEATURE_7_1_EAX, 0x00000020 },
	{ XSTATE_PKRU, STREAM_FEATURE_7_ECX, 0x00000008 },
};

/* Features that are instructions which a guest can be refused. */
static const struct {
	enum arch_root can;
	enum stream_feature word;
	u32 bits;
} allowed_rows[] = {
	{ ARCH_ROOT_INVPCID, STREAM_FEATURE_7_EBX, 0x00000400 },
	{ ARCH_ROOT_RDTSCP, STREAM_FEATURE_80000001_EDX, 0x08000000 },
	{ ARCH_ROOT_RDTSCP, STREAM_FEATURE_7_ECX, 0x00400000 }, /* RDPID */
};

/* All zero where the processor has no such leaf. */
static void read_leaf(u32 leaf, u32 subleaf, u32 regs[4])
{
	u32 max[4];

	arch_cpuid(leaf & CPUID_EXTENDED, 0, max);
	__builtin_memset(regs, 0, 4 * sizeof(u32));
	if (leaf <= max[EAX])
		arch_cpuid(leaf, subleaf, regs);
	/* Subleaf 1 of leaf 7 is there when subleaf 0 says so. */
	if (leaf == 7 && subleaf == 1) {
		arch_cpuid(7, 0, max);
		if (max[EAX] < 1)
			__builtin_memset(regs, 0, 4 * sizeof(u32));
	}
}

static void drop_group(struct stream_compat *c, u64 group)
{
	if ((c->xcr0 & group) != group)
		c->xcr0 &= ~group;
}

/*
 * One component; those above one page, of the supervisor, or that XFD can disable,
 * which then would have to be switched, are left out.
 */
static void find_component(struct stream_compat *c, u32 i)
{
	u32 regs[4];
	u32 end;

	read_leaf(CPUID_XSAVE, i, regs);
	end = regs[EBX] + regs[EAX];
	if (end > PAGE_SIZE ||
	    (regs[ECX] & (CPUID_D_ECX_XSS | CPUID_D_ECX_XFD)))
		return;
	c->xcr0 |= BIT(i);
	c->xsave_offset[i] = (u16)regs[EBX];
}

static void find_xsave(struct arch_facts *f)
{
	struct stream_compat *c = &f->compat;
	u32 regs[4];
	u64 offered;

	c->xsave_size = sizeof(struct vp_fxsave);
	c->xcr0 = XSTATE_X87;
	if (!f->has_xsave)
		return;
	read_leaf(CPUID_XSAVE, 0, regs);
	offered = ((u64)regs[EDX] << 32 | regs[EAX]) &
	          (XSTATE_AVX | XSTATE_AVX512 | XSTATE_PKRU);
	c->xcr0 |= XSTATE_SSE;
	for (u32 i = 2; i < 64; i++)
		if (offered & BIT(i))
			find_component(c, i);
	drop_group(c, XSTATE_AVX512);
	if (!(c->xcr0 & XSTATE_AVX))
		c->xcr0 &= ~XSTATE_AVX512;
	c->xsave_size = XSAVE_HEADER_END;
	for (u32 i = 2; i < 64; i++) {
		if (!(c->xcr0 & BIT(i))) {
			c->xsave_offset[i] = 0;
			continue;
		}
		read_leaf(CPUID_XSAVE, i, regs);
		if (regs[EBX] + regs[EAX] > c->xsave_size)
			c->xsave_size = regs[EBX] + regs[EAX];
	}
}

static void find_features(struct stream_compat *c, u32 child)
{
	u32 *words = c->features;
	u32 regs[4];

	for (u32 i = 0; i < ARRAY_LEN(feature_rows); i++) {
		enum stream_feature word = feature_rows[i].word;
		const struct feature *f = &feature_words[word];

		read_leaf(f->leaf, f->subleaf, regs);
		words[word] = regs[f->reg] & feature_rows[i].allowed;
	}
	for (u32 i = 0; i < ARRAY_LEN(emulated_rows); i++)
		words[emulated_rows[i].word] |= emulated_rows[i].bits;
	for (u32 i = 0; i < ARRAY_LEN(component_rows); i++)
		if (!(c->xcr0 & component_rows[i].components))
			words[component_rows[i].word] &=
				~component_rows[i].bits;
	for (u32 i = 0; i < ARRAY_LEN(allowed_rows); i++)
		if (!(child & allowed_rows[i].can))
			words[allowed_rows[i].word] &= ~allowed_rows[i].bits;
}

static void find_ends(struct arch_facts *f)
{
	u32 regs[4];

	arch_cpuid(0, 0, regs);
	f->cpuid_max = regs[EAX];
	arch_cpuid(CPUID_EXTENDED, 0, regs);
	f->cpuid_max_extended = regs[EAX];
}

/* Model, cache line, widths of addresses. */
static void find_model(struct stream_compat *c)
{
	u32 regs[4];

	read_leaf(1, 0, regs);
	c->signature = regs[EAX];
	c->clflush = (regs[EBX] >> 8 & 0xff) * 8;
	read_leaf(CPUID_EXTENDED + 8, 0, regs);
	c->phys_bits = regs[EAX] & 0xff;
	if (c->phys_bits > PHYSICAL_BITS_MAX)
		c->phys_bits = PHYSICAL_BITS_MAX;
	c->linear_bits = LINEAR_BITS;
}

void words_find(struct arch_facts *facts, u32 root, u32 child)
{
	u32 regs[4];

	find_ends(facts);
	read_leaf(1, 0, regs);
	facts->has_xsave = regs[ECX] & CPUID_1_ECX_XSAVE;
	find_xsave(facts);
	find_features(&facts->compat, child);
	find_model(&facts->compat);
	facts->root_can = root;
}
