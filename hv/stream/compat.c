/*
 * The verdict on compatibility (interface: results 5 to 9 and 11 to 51).
 */
#include "hv/stream/compat.h"

#include "hv/arch.h"
#include "hv/base/feature.h"
#include "hv/base/log.h"
#include "include/x86.h"

#define W(word) STREAM_FEATURE_##word

/* A feature that the guest saw must be here. In the order of the results. */
static const struct named_feature {
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

/* Keeps the mismatch that comes first; 0: there was none. */
static void mismatch(u32 *first, u32 result)
{
	if (*first == 0 || rank(result) < rank(*first))
		*first = result;
}

/*
 * The parts of the verdict: `count` things each. differs: the result that thing
 * i gives, 0: it fits. tell: its line in the log.
 */
struct part {
	u32 count;
	u32 (*differs)(const struct stream_compat *s, u32 i);
	void (*tell)(const struct stream_compat *s, u32 i, u64 result);
};

static const struct stream_compat *facts(void)
{
	return &arch_facts()->compat;
}

/* ---- Values ---- */

enum relation { EQUAL, AT_MOST, SUBSET };

static const struct value {
	u32 offset; /* of a u32 in struct stream_compat */
	enum relation relation;
	u32 result;
	const char *what;
} values[] = {
	{ offsetof(struct stream_compat, cpu_vendor), EQUAL,
	  HV_STATE_INCOMPATIBLE_PROCESSOR, "vendor" },
	{ offsetof(struct stream_compat, clflush), EQUAL,
	  HV_STATE_CLFLUSH_SIZE_MISMATCH, "bytes of a CLFLUSH line" },
	{ offsetof(struct stream_compat, mxcsr_mask), SUBSET,
	  HV_STATE_PROCESSOR_FEATURE_MISMATCH, "MXCSR mask" },
	{ offsetof(struct stream_compat, phys_bits), AT_MOST,
	  HV_STATE_HARDWARE_FEATURE_MISMATCH, "physical address bits" },
	{ offsetof(struct stream_compat, linear_bits), EQUAL,
	  HV_STATE_HARDWARE_FEATURE_MISMATCH, "linear address bits" },
	{ offsetof(struct stream_compat, xsave_size), EQUAL,
	  HV_STATE_XSAVE_AREA_MISMATCH, "bytes of the XSAVE area" },
};

static u32 value_at(const struct stream_compat *s, u32 i)
{
	return *(const u32 *)(const void *)((const u8 *)s + values[i].offset);
}

static u32 value_differs(const struct stream_compat *s, u32 i)
{
	u32 saved = value_at(s, i), here = value_at(facts(), i);
	bool fits = values[i].relation == EQUAL     ? saved == here
	            : values[i].relation == AT_MOST ? saved <= here
	                                            : !(saved & ~here);

	/* Sizes compare only for the same components: more need more. */
	if (values[i].result == HV_STATE_XSAVE_AREA_MISMATCH &&
	    s->xcr0 != facts()->xcr0)
		return 0;
	return fits ? 0 : values[i].result;
}

static void value_tell(const struct stream_compat *s, u32 i, u64 result)
{
	log_line(values[i].relation == SUBSET
	                 ? "restore: result %u: %s: %x saved, %x here"
	                 : "restore: result %u: %s: %u saved, %u here",
	         result, values[i].what, (u64)value_at(s, i),
	         (u64)value_at(facts(), i));
}

/* ---- Features ---- */

/* More features here than there are no mismatch. */
static u32 lacking(const struct stream_compat *s, u32 word)
{
	return s->features[word] & ~facts()->features[word];
}

static u32 feature_differs(const struct stream_compat *s, u32 i)
{
	const struct named_feature *f = &features[i];

	return lacking(s, f->word) & BIT(f->bit) ? f->result : 0;
}

static void feature_tell(const struct stream_compat *s, u32 i, u64 result)
{
	const struct named_feature *f = &features[i];

	(void)s;
	log_line("restore: result %u: %s (%s bit %u) is not here", result,
	         f->name, feature_words[f->word].name, (u64)f->bit);
}

/* All bits of a word that have a result of their own. */
static u32 named(u32 word)
{
	u32 bits = 0;

	for (u32 i = 0; i < ARRAY_LEN(features); i++)
		if (features[i].word == word)
			bits |= (u32)BIT(features[i].bit);
	return bits;
}

/* All others are result 5, a line for each word. */
static u32 word_differs(const struct stream_compat *s, u32 i)
{
	return lacking(s, i) & ~named(i) ? HV_STATE_PROCESSOR_FEATURE_MISMATCH
	                                 : 0;
}

static void word_tell(const struct stream_compat *s, u32 i, u64 result)
{
	u32 bits = lacking(s, i) & ~named(i);
	char list[128];
	u32 length = 0;

	for (u32 bit = 0; bit < 32; bit++)
		if (bits & BIT(bit))
			length += log_format(list + length,
			                     (u32)sizeof(list) - length, " %u",
			                     (u64)bit);
	log_line("restore: result %u: %s bits not here:%s", result,
	         feature_words[i].name, list);
}

/* ---- XSAVE ---- */

static u32 component_differs(const struct stream_compat *s, u32 i)
{
	if (s->xcr0 & ~facts()->xcr0 & BIT(i)) {
		/* x87, SSE and AVX have results of their own, the rest share one. */
		if (BIT(i) & XSTATE_LEGACY)
			return HV_STATE_XSAVE_LEGACY_SSE_MISMATCH;
		return BIT(i) & XSTATE_AVX
		               ? HV_STATE_XSAVE_AVX_MISMATCH
		               : HV_STATE_XSAVE_UNKNOWN_FEATURE_MISMATCH;
	}
	return s->xss & ~facts()->xss & BIT(i)
	               ? HV_STATE_XSAVE_UNKNOWN_FEATURE_MISMATCH
	               : 0;
}

/* XCR0 has components of the user, XSS those of the supervisor (SDM 13.1). */
static void component_tell(const struct stream_compat *s, u32 i, u64 result)
{
	bool user = s->xcr0 & ~facts()->xcr0 & BIT(i);

	log_line("restore: result %u: XSAVE component %u (%s) is not here",
	         result, (u64)i, user ? "XCR0" : "XSS");
}

/* Components 0, 1 and 63 have no offset of their own. */
static u32 offset_differs(const struct stream_compat *s, u32 i)
{
	if (i < 2 || i == 63 || !(s->xcr0 & facts()->xcr0 & BIT(i)))
		return 0;
	return s->xsave_offset[i] == facts()->xsave_offset[i]
	               ? 0
	               : HV_STATE_XSAVE_AREA_MISMATCH;
}

static void offset_tell(const struct stream_compat *s, u32 i, u64 result)
{
	log_line("restore: result %u: offset of XSAVE component %u: "
	         "%u saved, %u here",
	         result, (u64)i, (u64)s->xsave_offset[i],
	         (u64)facts()->xsave_offset[i]);
}

/* ---- The TSC's frequency ---- */

/*
 * A child that has a TSC is told its frequency (leaf 15H, HV_MSR_TSC_FREQUENCY) and
 * that it stays so (leaf 80000007H): at another one its TSC is scaled, or after the
 * restore its clocks would be wrong, with no word of it. Two measurements of one
 * clock may be apart: by two of the units that the launch rounds to, or by what NTP
 * makes up for.
 */
#define FREQUENCY_UNITS 200000u /* Hz */
#define FREQUENCY_SHARE 2000u   /* 500 parts in a million */

static bool same_frequency(const struct stream_compat *s)
{
	u64 saved = s->tsc_hz, here = facts()->tsc_hz;
	u64 apart = saved > here ? saved - here : here - saved;

	/* 0: who made the stream knew of none. */
	return !saved || !(s->features[W(1_EDX)] & CPUID_1_EDX_TSC) ||
	       apart <= FREQUENCY_UNITS || apart <= here / FREQUENCY_SHARE;
}

struct tsc_clock compat_clock(const struct stream_compat *saved)
{
	struct tsc_clock clock = { 0, 0 };

	/* No ratio: the child has the machine's clock. */
	if (!arch_facts()->has_tsc_scaling || same_frequency(saved))
		return clock;
	clock.hz = saved->tsc_hz;
	/* What we compute by must be what the processor does, to the last bit. */
	clock.ratio = tsc_ratio_fit(tsc_ratio(saved->tsc_hz, facts()->tsc_hz),
	                            arch_facts()->tsc_ratio_less_behind,
	                            arch_facts()->tsc_ratio_less_before);
	return clock;
}

static u32 frequency_differs(const struct stream_compat *s, u32 i)
{
	(void)i;
	return same_frequency(s) || compat_clock(s).ratio
	               ? 0
	               : HV_STATE_HARDWARE_FEATURE_MISMATCH;
}

static void frequency_tell(const struct stream_compat *s, u32 i, u64 result)
{
	(void)i;
	log_line("restore: result %u: TSC frequency: %u Hz saved, %u Hz here",
	         result, s->tsc_hz, facts()->tsc_hz);
}

/* ---- All of it ---- */

static const struct part parts[] = {
	{ ARRAY_LEN(values), value_differs, value_tell },
	{ 1, frequency_differs, frequency_tell },
	{ ARRAY_LEN(features), feature_differs, feature_tell },
	{ STREAM_FEATURE_COUNT, word_differs, word_tell },
	{ 64, component_differs, component_tell },
	{ 64, offset_differs, offset_tell },
};

bool compat_check(const struct stream_compat *saved, struct compat_walk *w)
{
	u32 lines = COMPAT_LINES_A_TURN;

	for (; w->part < ARRAY_LEN(parts); w->part++, w->at = 0) {
		const struct part *p = &parts[w->part];

		for (; w->at < p->count; w->at++) {
			u32 result = p->differs(saved, w->at);

			if (!result)
				continue;
			/* Comes again to this one: nothing of it was said yet. */
			if (lines-- == 0)
				return false;
			p->tell(saved, w->at, result);
			mismatch(&w->first, result);
		}
	}
	return true;
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
u32 compat_check_vps(u64 saved, u32 boot, u64 here)
{
	u64 count = count_bits(saved), count_here = count_bits(here);
	u32 first = 0;

	if (count != count_here) {
		log_line("restore: result 7: VPs: %u saved, %u here", count,
		         count_here);
		mismatch(&first, HV_STATE_PROCESSOR_COUNT_MISMATCH);
	}
	if (boot != 0) {
		log_line("restore: result 8: VP that is the boot processor: "
		         "%u saved, 0 here",
		         (u64)boot);
		mismatch(&first, HV_STATE_PROCESSOR_FLAGS_MISMATCH);
	}
	if (saved != here) {
		log_line("restore: result 9: set of VPs: %x saved, %x here",
		         saved, here);
		mismatch(&first, HV_STATE_PROCESSOR_INDEX_MISMATCH);
	}
	return first;
}
