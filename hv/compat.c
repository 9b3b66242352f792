/*
 * The verdict on compatibility (interface: results 5, 6, 11 to 51).
 */
#include "hv/compat.h"

#include "hv/arch.h"
#include "hv/log.h"

#define W(word) STREAM_FEATURE_##word

/* A feature that the guest saw must be here. In the order of the results. */
static const struct feature {
	u8 word;
	u8 bit;
	u8 result;
	const char *name;
} features[] = {
	{ W(1_ECX), 0, 12, "SSE3" },
	{ W(80000001_ECX), 0, 13, "LAHF/SAHF" },
	{ W(1_ECX), 9, 14, "SSSE3" },
	{ W(1_ECX), 19, 15, "SSE4.1" },
	{ W(1_ECX), 20, 16, "SSE4.2" },
	{ W(80000001_ECX), 6, 17, "SSE4a" },
	{ W(80000001_ECX), 11, 18, "SSE5" },
	{ W(1_ECX), 23, 19, "POPCNT" },
	{ W(1_ECX), 13, 20, "CMPXCHG16B" },
	{ W(80000001_ECX), 4, 21, "ALTMOVCR8" },
	{ W(80000001_ECX), 5, 22, "LZCNT" },
	{ W(80000001_ECX), 7, 23, "misaligned SSE" },
	{ W(80000001_EDX), 22, 24, "MMX extensions" },
	{ W(80000001_EDX), 31, 25, "3DNow!" },
	{ W(80000001_EDX), 30, 26, "extended 3DNow!" },
	{ W(80000001_EDX), 26, 27, "1-GiB pages" },
	{ W(1_ECX), 26, 29, "XSAVE" },
	{ W(D_1_EAX), 0, 30, "XSAVEOPT" },
	{ W(1_ECX), 28, 32, "AVX" },
	{ W(1_ECX), 25, 35, "AES" },
	{ W(1_ECX), 1, 36, "PCLMULQDQ" },
	{ W(1_ECX), 17, 37, "PCID" },
	{ W(80000001_ECX), 16, 38, "FMA4" },
	{ W(1_ECX), 29, 39, "F16C" },
	{ W(1_ECX), 30, 40, "RDRAND" },
	{ W(7_EBX), 0, 41, "FSGSBASE" },
	{ W(7_EBX), 7, 42, "SMEP" },
	{ W(7_EBX), 9, 43, "enhanced REP MOVSB" },
	{ W(1_ECX), 12, 44, "FMA" },
	{ W(7_EBX), 5, 45, "AVX2" },
	{ W(7_EBX), 3, 46, "BMI1" },
	{ W(7_EBX), 8, 47, "BMI2" },
	{ W(7_EBX), 4, 48, "HLE" },
	{ W(7_EBX), 11, 49, "RTM" },
	{ W(1_ECX), 22, 50, "MOVBE" },
};

/* What names a feature comes before what only says that there is one. */
static u32 rank(u32 result)
{
	return result < HV_STATE_INCOMPATIBLE_PROCESSOR
	               ? result + HV_STATE_RESULT_LAST
	               : result;
}

/* Keeps the mismatch that comes first. */
static void mismatch(u32 *first, u32 result, const char *what)
{
	log_line("restore: result %u: %s differs", (u64)result, what);
	if (*first == HV_STATE_INCOMPLETE || rank(result) < rank(*first))
		*first = result;
}

static void check_features(const struct stream_compat *s, u32 *first)
{
	const struct stream_compat *h = &arch_facts()->compat;
	u32 unnamed[STREAM_FEATURE_COUNT];

	for (u32 i = 0; i < STREAM_FEATURE_COUNT; i++)
		unnamed[i] = s->features[i] & ~h->features[i];
	for (u32 i = 0; i < ARRAY_LEN(features); i++) {
		u32 bit = (u32)BIT(features[i].bit);

		if (unnamed[features[i].word] & bit)
			mismatch(first, features[i].result, features[i].name);
		unnamed[features[i].word] &= ~bit;
	}
	for (u32 i = 0; i < STREAM_FEATURE_COUNT; i++) {
		if (!unnamed[i])
			continue;
		log_line("restore: feature word %u lacks %x", (u64)i,
		         (u64)unnamed[i]);
		mismatch(first, HV_STATE_PROCESSOR_FEATURE_MISMATCH,
		         "a processor feature");
	}
}

static void check_xsave(const struct stream_compat *s, u32 *first)
{
	const struct stream_compat *h = &arch_facts()->compat;
	u64 missing = s->xcr0 & ~h->xcr0;
	bool moved = s->xcr0 == h->xcr0 && s->xsave_size != h->xsave_size;

	if (missing & 3)
		mismatch(first, HV_STATE_XSAVE_LEGACY_SSE_MISMATCH,
		         "x87 or SSE state");
	if (missing & 4)
		mismatch(first, HV_STATE_XSAVE_AVX_MISMATCH, "AVX state");
	if ((missing & ~7ull) || (s->xss & ~h->xss))
		mismatch(first, HV_STATE_XSAVE_UNKNOWN_FEATURE_MISMATCH,
		         "an XSAVE component");
	for (u32 i = 2; i < 63; i++)
		if ((s->xcr0 & h->xcr0 & BIT(i)) &&
		    s->xsave_offset[i] != h->xsave_offset[i])
			moved = true;
	if (moved)
		mismatch(first, HV_STATE_XSAVE_AREA_MISMATCH,
		         "the XSAVE area's layout");
}

enum hv_save_restore_result compat_check(const struct stream_compat *saved)
{
	const struct stream_compat *here = &arch_facts()->compat;
	u32 first = HV_STATE_INCOMPLETE;

	if (saved->cpu_vendor != here->cpu_vendor)
		mismatch(&first, HV_STATE_INCOMPATIBLE_PROCESSOR, "the vendor");
	if (saved->phys_bits > here->phys_bits ||
	    saved->linear_bits != here->linear_bits)
		mismatch(&first, HV_STATE_HARDWARE_FEATURE_MISMATCH,
		         "the address width");
	if (saved->mxcsr_mask & ~here->mxcsr_mask)
		mismatch(&first, HV_STATE_PROCESSOR_FEATURE_MISMATCH,
		         "the MXCSR mask");
	if (saved->clflush != here->clflush)
		mismatch(&first, HV_STATE_CLFLUSH_SIZE_MISMATCH,
		         "the CLFLUSH line size");
	check_features(saved, &first);
	check_xsave(saved, &first);
	return (enum hv_save_restore_result)first;
}
