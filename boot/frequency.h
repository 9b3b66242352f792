/*
 * The TSC's frequency: whose word on it is taken. No UEFI in here.
 */
#ifndef STASIS_BOOT_FREQUENCY_H
#define STASIS_BOOT_FREQUENCY_H

#include "include/types.h"

/* In this order: who is nearest to the TSC that we see speaks first. */
enum frequency_source {
	FREQUENCY_HYPERVISOR_MSR,  /* MSR 0x40000022, in Hz */
	FREQUENCY_HYPERVISOR_LEAF, /* CPUID 0x40000010 EAX, in kHz */
	FREQUENCY_LEAF_15,         /* the crystal's, times a ratio */
	FREQUENCY_LEAF_16,         /* the base frequency, in MHz */
	FREQUENCY_MEASURED,
	FREQUENCY_SOURCES
};

/* The words themselves, as they are read; 0 where there is none. */
struct frequency_words {
	bool intel;    /* CPUID.0 says GenuineIntel */
	u32 signature; /* CPUID.1:EAX */
	u32 leaf15[3]; /* EAX, EBX, ECX */
	u32 leaf16;    /* EAX */
	u32 hypervisor_khz;
	u64 hypervisor_hz;
};

struct frequency {
	u64 hz;
	enum frequency_source source;
};

/* The first that is stated; hz is 0 when nobody states any. */
struct frequency frequency_stated(const struct frequency_words *words);

/*
 * Is it believable after a short measurement? Within a tenth: a measurement by
 * the firmware's clock is worse than a word, but an emulator's word may be
 * about another clock altogether.
 */
bool frequency_agrees(u64 stated, u64 measured);

/*
 * Measurements of the same time. What comes in between makes one too long, nothing makes it
 * too short: the best counts, once another one agrees with it within 100 parts in a
 * million. Where neither can run undisturbed, as on a busy host, it takes more of them.
 * All 0 at first.
 */
struct frequency_rounds {
	u64 best; /* ticks */
	u64 next; /* best */
	u32 count;
};

void frequency_note(struct frequency_rounds *r, u64 ticks);
bool frequency_settled(const struct frequency_rounds *r);

/*
 * A long measurement, rounded to what it is good for, so that it is the same in
 * the next boot.
 */
u64 frequency_round(u64 measured);

/* For people. */
const char *frequency_source_name(enum frequency_source source);

#endif
