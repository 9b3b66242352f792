/*
 * The verdict on compatibility (interface: results 5 to 9 and 11 to 51).
 */
#include "hv/compat.h"

#include "hv/arch.h"
#include "hv/log.h"

#define W(word) STREAM_FEATURE_##word
#define LEGACY 3ull /* XSAVE components: x87 and SSE */
#define AVX 4ull

/* Bits without a result of their own that the log names, at most. */
#define UNNAMED_MAX 64u

/* Where each feature word comes from: leaf, subleaf, register. */
static const char *const words[STREAM_FEATURE_COUNT] = {
	[W(1_ECX)] = "CPUID 1 ECX",
	[W(1_EDX)] = "CPUID 1 EDX",
	[W(7_EBX)] = "CPUID 7.0 EBX",
	[W(7_ECX)] = "CPUID 7.0 ECX",
	[W(7_EDX)] = "CPUID 7.0 EDX",
	[W(80000001_ECX)] = "CPUID 80000001 ECX",
	[W(80000001_EDX)] = "CPUID 80000001 EDX",
	[W(D_1_EAX)] = "CPUID D.1 EAX",
	[W(80000008_EBX)] = "CPUID 80000008 EBX",
	[W(7_1_EAX)] = "CPUID 7.1 EAX",
	"feature word 10",
	"feature word 11",
	"feature word 12",
	"feature word 13",
	"feature word 14",
	"feature word 15",
};

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
static void mismatch(u32 *first, u32 result)
{
	if (*first == HV_STATE_INCOMPLETE || rank(result) < rank(*first))
		*first = result;
}

/* Two values that should be the same, or the saved one not above ours. */
static void differ(u32 *first, u32 result, const char *what, u64 saved,
                   u64 here)
{
	log_line("restore: result %u: %s: %u saved, %u here", (u64)result, what,
	         saved, here);
	mismatch(first, result);
}

/* ---- Features ---- */

static void check_named(u32 lacking[STREAM_FEATURE_COUNT], u32 *first)
{
	for (u32 i = 0; i < ARRAY_LEN(features); i++) {
		const struct feature *f = &features[i];

		if (!(lacking[f->word] & BIT(f->bit)))
			continue;
		log_line("restore: result %u: %s (%s bit %u) is not here",
		         (u64)f->result, f->name, words[f->word], (u64)f->bit);
		mismatch(first, f->result);
		lacking[f->word] &= ~(u32)BIT(f->bit);
	}
}

/* All others are result 5. The bound keeps older lines in the log's ring. */
static void check_unnamed(const u32 lacking[STREAM_FEATURE_COUNT], u32 *first)
{
	u64 result = HV_STATE_PROCESSOR_FEATURE_MISMATCH;
	u64 count = 0;

	for (u32 at = 0; at < 32 * STREAM_FEATURE_COUNT; at++) {
		if (!(lacking[at / 32] & BIT(at % 32)))
			continue;
		if (count++ < UNNAMED_MAX)
			log_line("restore: result %u: %s bit %u is not here",
			         result, words[at / 32], (u64)(at % 32));
	}
	if (count > UNNAMED_MAX)
		log_line("restore: result %u: and %u bits more", result,
		         count - UNNAMED_MAX);
	if (count)
		mismatch(first, (u32)result);
}

static void check_features(const struct stream_compat *s, u32 *first)
{
	const struct stream_compat *h = &arch_facts()->compat;
	u32 lacking[STREAM_FEATURE_COUNT];

	for (u32 i = 0; i < STREAM_FEATURE_COUNT; i++)
		lacking[i] = s->features[i] & ~h->features[i];
	check_named(lacking, first);
	check_unnamed(lacking, first);
	if (s->mxcsr_mask & ~h->mxcsr_mask) {
		log_line("restore: result 5: MXCSR mask: %x saved, %x here",
		         (u64)s->mxcsr_mask, (u64)h->mxcsr_mask);
		mismatch(first, HV_STATE_PROCESSOR_FEATURE_MISMATCH);
	}
}

/* ---- XSAVE ---- */

static u32 component_result(u32 i)
{
	if (BIT(i) & LEGACY)
		return HV_STATE_XSAVE_LEGACY_SSE_MISMATCH;
	return BIT(i) & AVX ? HV_STATE_XSAVE_AVX_MISMATCH
	                    : HV_STATE_XSAVE_UNKNOWN_FEATURE_MISMATCH;
}

static void check_components(const struct stream_compat *s, u32 *first)
{
	const struct stream_compat *h = &arch_facts()->compat;

	for (u32 i = 0; i < 64; i++) {
		bool user = s->xcr0 & ~h->xcr0 & BIT(i);
		u32 result = component_result(i);

		if (!user && !(s->xss & ~h->xss & BIT(i)))
			continue;
		if (!user)
			result = HV_STATE_XSAVE_UNKNOWN_FEATURE_MISMATCH;
		log_line("restore: result %u: XSAVE component %u (%s) "
		         "is not here",
		         (u64)result, (u64)i, user ? "XCR0" : "XSS");
		mismatch(first, result);
	}
}

/* Sizes compare only for the same components: more of them need more. */
static void check_area(const struct stream_compat *s, u32 *first)
{
	const struct stream_compat *h = &arch_facts()->compat;
	const u32 result = HV_STATE_XSAVE_AREA_MISMATCH;

	if (s->xcr0 == h->xcr0 && s->xsave_size != h->xsave_size)
		differ(first, result, "bytes of the XSAVE area", s->xsave_size,
		       h->xsave_size);
	for (u32 i = 2; i < 63; i++) {
		if (!(s->xcr0 & h->xcr0 & BIT(i)) ||
		    s->xsave_offset[i] == h->xsave_offset[i])
			continue;
		log_line("restore: result %u: offset of XSAVE component %u: "
		         "%u saved, %u here",
		         (u64)result, (u64)i, (u64)s->xsave_offset[i],
		         (u64)h->xsave_offset[i]);
		mismatch(first, result);
	}
}

/* ---- All of it ---- */

enum hv_save_restore_result compat_check(const struct stream_compat *saved)
{
	const struct stream_compat *here = &arch_facts()->compat;
	u32 first = HV_STATE_INCOMPLETE;

	if (saved->cpu_vendor != here->cpu_vendor)
		differ(&first, HV_STATE_INCOMPATIBLE_PROCESSOR, "vendor",
		       saved->cpu_vendor, here->cpu_vendor);
	if (saved->clflush != here->clflush)
		differ(&first, HV_STATE_CLFLUSH_SIZE_MISMATCH,
		       "bytes of a CLFLUSH line", saved->clflush,
		       here->clflush);
	check_features(saved, &first);
	check_components(saved, &first);
	check_area(saved, &first);
	if (saved->phys_bits > here->phys_bits)
		differ(&first, HV_STATE_HARDWARE_FEATURE_MISMATCH,
		       "physical address bits", saved->phys_bits,
		       here->phys_bits);
	if (saved->linear_bits != here->linear_bits)
		differ(&first, HV_STATE_HARDWARE_FEATURE_MISMATCH,
		       "linear address bits", saved->linear_bits,
		       here->linear_bits);
	return (enum hv_save_restore_result)first;
}

static u64 count_bits(u64 set)
{
	u64 count = 0;

	for (; set; set &= set - 1)
		count++;
	return count;
}

/*
 * CreateVp takes no flags (TLFS 10: all reserved). What a VP is created as is
 * the boot processor or not.
 */
enum hv_save_restore_result compat_check_vps(u64 saved, u32 boot, u64 here)
{
	u64 count = count_bits(saved), count_here = count_bits(here);
	u32 first = HV_STATE_INCOMPLETE;

	if (count != count_here)
		differ(&first, HV_STATE_PROCESSOR_COUNT_MISMATCH, "VPs", count,
		       count_here);
	if (boot != 0)
		differ(&first, HV_STATE_PROCESSOR_FLAGS_MISMATCH,
		       "VP that is the boot processor", boot, 0);
	if (saved != here) {
		log_line("restore: result 9: set of VPs: %x saved, %x here",
		         saved, here);
		mismatch(&first, HV_STATE_PROCESSOR_INDEX_MISMATCH);
	}
	return (enum hv_save_restore_result)first;
}
