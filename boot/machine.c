/*
 * The machine seen from the firmware's side: who is below us, and the speed of
 * the TSC.
 */
#include "boot/machine.h"

#include <cpuid.h>
#include <efi.h>
#include <efilib.h>

#include "boot/insn.h"

/* Measured against the firmware's clock: to compare, or to be relied on. */
#define SHORT_US 10000u
#define SHORT_ROUNDS 2
#define LONG_US 100000u
#define LONG_ROUNDS 3
#define MOST_ROUNDS 30 /* until two of the long ones agree: 3 seconds */

#define MSR_HV_TSC_FREQUENCY 0x40000022u

static void read_cpuid(u32 leaf, u32 r[4])
{
	__cpuid(leaf, r[0], r[1], r[2], r[3]);
}

void machine_find_hypervisor(struct hypervisor *found)
{
	hypervisor_find(read_cpuid, found);
}

enum handoff_result machine_check(void)
{
	struct hypervisor below;

	machine_find_hypervisor(&below);
	return below.is_stasis ? HANDOFF_RUNNING : HANDOFF_OK;
}

static void ask_hypervisor(struct frequency_words *words)
{
	struct hypervisor below;

	machine_find_hypervisor(&below);
	/* 0 where it does not say: frequency.c goes on to the next source then. */
	words->hypervisor_khz = below.tsc_khz;
	/* Nowhere else: the MSR would fault, and nobody here would catch that. */
	if (below.has_frequency_msr)
		words->hypervisor_hz = insn_read_msr(MSR_HV_TSC_FREQUENCY);
}

static void ask_processor(struct frequency_words *words)
{
	u32 max, ebx, ecx, edx;

	__cpuid(0, max, ebx, ecx, edx);
	words->intel = ebx == signature_INTEL_ebx &&
	               ecx == signature_INTEL_ecx && edx == signature_INTEL_edx;
	__cpuid(1, words->signature, ebx, ecx, edx);
	/* A leaf beyond the last is answered with another one's values (SDM, CPUID). */
	if (max >= 0x15)
		__cpuid(0x15, words->leaf15[0], words->leaf15[1],
		        words->leaf15[2], edx);
	if (max >= 0x16)
		__cpuid(0x16, words->leaf16, ebx, ecx, edx);
}

/* At least so many rounds, and more as long as no two agree. */
static u64 measure(u32 microseconds, u32 least, u32 most)
{
	struct frequency_rounds rounds = { 0 };

	while (rounds.count < least ||
	       (rounds.count < most && !frequency_settled(&rounds))) {
		u64 start = insn_read_tsc();

		BS->Stall(microseconds);
		frequency_note(&rounds, insn_read_tsc() - start);
	}
	return rounds.best * (1000000u / microseconds);
}

void machine_find_tsc(struct machine_tsc *tsc)
{
	struct frequency_words words = { 0 };

	ask_hypervisor(&words);
	ask_processor(&words);
	tsc->denied = (struct frequency){ 0, FREQUENCY_MEASURED };
	tsc->taken = frequency_stated(&words);
	if (tsc->taken.hz) {
		/*
		 * 10 ms tell a wrong word from a right one; to measure 100 ms in each boot would
		 * cost every start a third of a second for nothing.
		 */
		if (frequency_agrees(
			    tsc->taken.hz,
			    measure(SHORT_US, SHORT_ROUNDS, SHORT_ROUNDS)))
			return;
		tsc->denied = tsc->taken;
	}
	/* Nobody's word, or a wrong one: then it is the clock of the firmware that counts. */
	tsc->taken = (struct frequency){
		frequency_round(measure(LONG_US, LONG_ROUNDS, MOST_ROUNDS)),
		FREQUENCY_MEASURED,
	};
}
