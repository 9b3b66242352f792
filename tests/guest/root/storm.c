/*
 * Thousands of states at random, restored or set, and each that is taken is
 * made to run. Whatever a stream or a parent says, the processor shall never
 * find what the hypervisor did not: no VM entry may fail.
 *
 * storm.efi [rounds=n] [seed=n]
 */
#include "tests/guest/root/storm/storm.h"

#include "parent/cpu.h"
#include "parent/partition.h"
#include "tests/guest/lib/arguments.h"
#include "tests/guest/lib/bases.h"
#include "tests/guest/lib/chunks.h"
#include "tests/guest/lib/mutate.h"
#include "tests/guest/lib/random.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/values.h"
#include "tests/guest/lib/vendor.h"

#define ROUNDS 5000u       /* unless the shell says otherwise */
#define LEAST_COMPLETE 20u /* percent of the restores */

/* ---- Restores ---- */

/* The words that are not the base's: what a failure is made of. */
static void print_changes(u32 base)
{
	const u64 *now = (const u64 *)(void *)storm.stream.data;
	const u64 *then = (const u64 *)(void *)storm.bases[base].data;
	struct stream_header h;
	u64 at = 0, i;

	serial_print("STORM base: %s\r\n", bases_name(base));
	for (; at < storm.stream.size; at += sizeof(h) + h.length) {
		__builtin_memcpy(&h, storm.stream.data + at, sizeof(h));
		for (i = sizeof(h) / 8; i < (sizeof(h) + h.length) / 8; i++)
			if (now[at / 8 + i] != then[at / 8 + i])
				serial_print("STORM chunk %x word %u: %x, "
				             "was %x\r\n",
				             (u64)h.id, i - sizeof(h) / 8,
				             now[at / 8 + i], then[at / 8 + i]);
	}
}

static bool restore_round(u32 round)
{
	u32 base = random_below(bases_count());

	storm_copy(&storm.stream, &storm.bases[base]);
	storm_move_rip();
	mutate_stream(&storm.stream, storm.bases, bases_count());
	chunks_seal(&storm.stream);
	if (storm_renew(round) && storm_offer() &&
	    (round % LOG_EVERY || storm_log_is_clean()))
		return true;
	print_changes(base);
	return false;
}

/* Each base as it is runs: else its changes would show little. */
static void sane_states(void)
{
	MUST(storm_begin(storm.seed));
	for (u32 i = 0; i < bases_count(); i++) {
		test_context("base", i);
		storm_copy(&storm.stream, &storm.bases[i]);
		MUST(storm_renew(8 * STORM_ANEW * i) && storm_offer() &&
		     storm_log_is_clean());
		EXPECT_EQUAL(storm.complete, i + 1);
		EXPECT_EQUAL(storm.ran, i + 1);
		EXPECT_EQUAL(storm_ends[STORM_TRIPLE].count, 0);
	}
	/* One halts, one waits for SIPI. */
	EXPECT_EQUAL(storm_ends[STORM_OUT].count, bases_count() - 2);
	storm_print_done("sane states");
	storm_end();
}

static void restored_states(void)
{
	MUST(storm_begin(storm.seed));
	for (u32 i = 1; i <= storm.rounds; i++) {
		test_context("round", i);
		MUST(restore_round(i));
		storm_tell(i, storm.rounds);
	}
	MUST(storm_log_is_clean());
	storm_print_done("restores");
	EXPECT_EQUAL(storm.tries, storm.rounds);
	EXPECT(storm.complete * 100 >= LEAST_COMPLETE * storm.rounds);
	EXPECT(storm_ends[STORM_OUT].count * 100 >= LEAST_RUN * storm.rounds);
	EXPECT(storm.corrupt > 0);
	storm_end();
}

/* ---- States that were hard to find ---- */

/* Each reserved bit, in an entry that is used and in one that is not. */
static void pae_entries(void)
{
	static const u64 rsvd[] = { BIT(1), BIT(2),  BIT(5),  BIT(6), BIT(7),
		                    BIT(8), BIT(62), BIT(63), BIT(50) };
	struct bases_vp vp;
	u64 good;

	MUST(storm_begin(storm.seed) && storm_open_base("PAE paging", &vp));
	for (u32 i = 0; i < 2 * ARRAY_LEN(rsvd); i++) {
		u64 *entry = &vp.events->pdpte[i % 2 ? 0 : 3];

		test_context("entry", i);
		good = *entry;
		*entry = 0x8001 | rsvd[i / 2];
		chunks_seal(&storm.stream);
		MUST(storm_offer());
		EXPECT_EQUAL(storm.corrupt, i + 1);
		/* In one that is not present they mean nothing. */
		*entry = i % 2 ? good : 0x8000 | rsvd[i / 2];
		chunks_seal(&storm.stream);
		MUST(storm_offer() && storm_log_is_clean());
		EXPECT_EQUAL(storm_ends[STORM_OUT].count, i + 1);
		*entry = good;
	}
	storm_end();
}

/* RIP is there behind the last instruction of a half: its fetch faults. */
static void rip_beside_addresses(void)
{
	static const u64 rips[] = { BASES_LOW_END + 1, ~BASES_LOW_END - 1,
		                    ~0ull - BASES_LOW_END * 2 };
	struct bases_vp vp;
	u32 out = 0;

	MUST(storm_begin(storm.seed) && storm_open_base("long mode", &vp));
	for (u32 i = 0; i < ARRAY_LEN(rips); i++) {
		test_context("rip", i);
		vp.gp->rip = rips[i];
		chunks_seal(&storm.stream);
		MUST(storm_offer() && storm_log_is_clean());
		EXPECT_EQUAL(storm_ends[STORM_OUT].count, ++out);
		EXPECT_EQUAL(child_get(&storm.child, HV_REGISTER_RIP) &
		                     ~0xfffull,
		             BASES_CODE);
		/* Further out VT-x refuses, and AMD's SYSRET goes (docs/svm.md). */
		vp.gp->rip = rips[i] ^ BIT(50);
		chunks_seal(&storm.stream);
		MUST(storm_offer());
		out += vendor_is_svm();
		EXPECT_EQUAL(storm_ends[STORM_OUT].count, out);
		EXPECT_EQUAL(storm.corrupt, vendor_is_svm() ? 0 : i + 1);
	}
	storm_end();
}

/* A tick at each turn of the TSC, of a vector that there is not. */
static void endless_ticks(void)
{
	static const struct {
		u32 lvt, svr;
	} rows[] = { { 0x20005, 0x1ff }, { 0x20040, 0xff }, { 0x20005, 0xff } };
	struct bases_vp vp;

	MUST(storm_begin(storm.seed));
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		test_context("row", i);
		MUST(storm_open_base("periodic timer", &vp));
		vp.apic->lvt[0] = rows[i].lvt;
		vp.apic->svr = rows[i].svr;
		vp.apic->divide = 0xb;
		vp.apic->initial_count = 1;
		chunks_seal(&storm.stream);
		MUST(storm_offer() && storm_log_is_clean());
	}
	EXPECT_EQUAL(storm_ends[STORM_OUT].count, ARRAY_LEN(rows));
	storm_end();
}

static const struct test_case cases[] = {
	{ "sane states run", sane_states },
	{ "restored states at random", restored_states },
	{ "PAE entries with reserved bits", pae_entries },
	{ "RIP where no address is", rip_beside_addresses },
	{ "ticks that nobody can take", endless_ticks },
	{ "registers set at random", storm_registers_set },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

/* Every model has a seed of its own. */
EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	storm.rounds = arguments_number(image, table, "rounds", ROUNDS);
	storm.patience = arguments_number(image, table, "patience", 1);
	values_odd_events = arguments_number(image, table, "odd", 1);
	storm.seed = arguments_number(image, table, "seed", cpu_cpuid(1).eax);
	return test_run(image, table, "storm", cases, ARRAY_LEN(cases));
}
