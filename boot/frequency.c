/*
 * The TSC's frequency as others tell it (SDM 18.7.3 and 2A "CPUID"; TLFS 12.5;
 * the leaf of VMware, which KVM has, too).
 */
#include "boot/frequency.h"

#define MEASURED_UNIT 100000u /* Hz */
#define AGREE_SHARE 10000u    /* 100 parts in a million */

/* Family 6 models whose leaf 0x15 leaves out the crystal (SDM table 18-85). */
static const struct {
	u32 model;
	u32 hz;
} crystals[] = {
	{ 0x4e, 24000000 },                     /* Skylake, client */
	{ 0x5e, 24000000 }, { 0x8e, 24000000 }, /* Kaby Lake and its like */
	{ 0x9e, 24000000 }, { 0x5c, 19200000 }, /* Goldmont: Apollo Lake */
	{ 0x5f, 25000000 },                     /* Goldmont: Denverton */
};

static u64 known_crystal(const struct frequency_words *words)
{
	u32 family = words->signature >> 8 & 0xf;
	u32 model = (words->signature >> 4 & 0xf) |
	            (words->signature >> 12 & 0xf0);

	/* The models are Intel's numbers; other vendors have the same ones for other parts. */
	if (!words->intel || family != 6)
		return 0;
	for (u32 i = 0; i < ARRAY_LEN(crystals); i++)
		if (crystals[i].model == model)
			return crystals[i].hz;
	return 0;
}

static u64 by_msr(const struct frequency_words *words)
{
	return words->hypervisor_hz;
}

static u64 by_hypervisor_leaf(const struct frequency_words *words)
{
	return words->hypervisor_khz * 1000ull;
}

static u64 by_leaf_15(const struct frequency_words *words)
{
	u64 denominator = words->leaf15[0], numerator = words->leaf15[1];
	u64 crystal = words->leaf15[2];

	/* Enumerated, but not filled in (SDM 18.7.3): no ratio. */
	if (!denominator || !numerator)
		return 0;
	/* Some models say the ratio and leave out what it is of. */
	if (!crystal)
		crystal = known_crystal(words);
	return crystal * numerator / denominator;
}

static u64 by_leaf_16(const struct frequency_words *words)
{
	/* In MHz: the base frequency, which the TSC has on the models that have this leaf. */
	return (words->leaf16 & 0xffff) * 1000000ull;
}

static const struct {
	const char *name;
	u64 (*tell)(const struct frequency_words *words);
} sources[FREQUENCY_SOURCES] = {
	[FREQUENCY_HYPERVISOR_MSR] = { "the hypervisor's MSR 40000022H",
	                               by_msr },
	[FREQUENCY_HYPERVISOR_LEAF] = { "the hypervisor's CPUID leaf 40000010H",
	                                by_hypervisor_leaf },
	[FREQUENCY_LEAF_15] = { "CPUID leaf 15H", by_leaf_15 },
	[FREQUENCY_LEAF_16] = { "CPUID leaf 16H", by_leaf_16 },
	[FREQUENCY_MEASURED] = { "a measurement", NULL },
};

struct frequency frequency_stated(const struct frequency_words *words)
{
	struct frequency f = { 0, FREQUENCY_MEASURED };

	/* In the order of trust: each is the same in every boot of the machine. */
	for (u32 i = 0; i < FREQUENCY_SOURCES && sources[i].tell; i++) {
		f.hz = sources[i].tell(words);
		f.source = (enum frequency_source)i;
		if (f.hz)
			return f;
	}
	f.source = FREQUENCY_MEASURED;
	return f;
}

bool frequency_agrees(u64 stated, u64 measured)
{
	u64 apart = stated > measured ? stated - measured : measured - stated;

	/*
	 * A tenth: 10 ms by a firmware's clock are good to a few per cent, and what is wrong is
	 * wrong by a factor.
	 */
	return apart <= measured / 10;
}

void frequency_note(struct frequency_rounds *r, u64 ticks)
{
	if (r->count == 0 || ticks < r->best) {
		r->next = r->best;
		r->best = ticks;
	} else if (r->count == 1 || ticks < r->next) {
		r->next = ticks;
	}
	r->count++;
}

bool frequency_settled(const struct frequency_rounds *r)
{
	return r->count > 1 && r->next - r->best <= r->best / AGREE_SHARE;
}

u64 frequency_round(u64 measured)
{
	/* So that two boots which measured a little differently agree. */
	return (measured + MEASURED_UNIT / 2) / MEASURED_UNIT * MEASURED_UNIT;
}

const char *frequency_source_name(enum frequency_source source)
{
	return sources[source].name;
}
