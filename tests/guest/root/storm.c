/*
 * Thousands of states at random, restored or set, and each that is taken is
 * made to run. Whatever a stream or a parent says, the processor shall never
 * find what the hypervisor did not: no VM entry may fail.
 *
 * storm.efi [rounds=n] [seed=n]
 */
#include "parent/cpu.h"
#include "parent/names.h"
#include "parent/partition.h"
#include "parent/uefi/synic.h"
#include "parent/vp.h"
#include "tests/guest/lib/arguments.h"
#include "tests/guest/lib/bases.h"
#include "tests/guest/lib/chunks.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/loglines.h"
#include "tests/guest/lib/mutate.h"
#include "tests/guest/lib/random.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/values.h"
#include "tests/guest/lib/worst.h"

#define ROUNDS 5000u       /* unless the shell says otherwise */
#define REGISTERS_EVERY 4u /* rounds of restores for one of registers */
#define STREAM_PAGES 8
#define BASES_MAX 32u
#define PATIENCE 110000u /* TSC ticks: a slice of the child's at least */
#define ANEW 512u        /* rounds that a child lives */
#define LOG_EVERY 32u
#define TELL_EVERY 500u
#define LEAST_COMPLETE 20u /* percent of the restores */
#define LEAST_RUN 10u

static u64 rounds, seed;

static struct child child;
static struct saved bases[BASES_MAX], stream;
static u64 log_position, failures;
static u64 patience;
static bool odd; /* odd=0: no software exceptions that no instruction makes */

static struct {
	u64 tries, complete, corrupt, other, ran;
} done;

/* What came of a VP that could run; the last row is for none of them. */
static struct {
	u32 type;
	u64 count;
} ends[] = {
	{ HV_MESSAGE_IO_PORT_INTERCEPT, 0 },
	{ HV_MESSAGE_UNRECOVERABLE_EXCEPTION, 0 },
	{ HV_MESSAGE_UNMAPPED_GPA, 0 },
	{ HV_MESSAGE_INVALID_VP_REGISTER_VALUE, 0 },
	{ HV_MESSAGE_UNSUPPORTED_FEATURE, 0 },
	{ HV_MESSAGE_GPA_INTERCEPT, 0 },
	{ HV_MESSAGE_NONE, 0 },
};

/* ---- The log ---- */

static void look_at(const char *line)
{
	worst_line(line);
	failures += loglines_has(line, LOGLINES_FAILED);
}

/* False, and the case has failed: an entry did, or the log may hide one. */
static bool log_is_clean(void)
{
	return EXPECT(loglines_read(&log_position, look_at)) &&
	       EXPECT_EQUAL(failures, 0);
}

/* What is older is not of this case. */
static void begin_log(void)
{
	log_position = 0;
	loglines_read(&log_position, worst_line);
	failures = 0;
}

/* ---- The child and its streams ---- */

static bool create_child(void)
{
	bases_fill(&child);
	return child_intercept_out(&child, BASES_PORT) &&
	       child_intercept_out(&child, BASES_HANDLED) &&
	       EXPECT_SUCCESS(partition_set_property(
		       child.id, HV_PROPERTY_STASIS_SAVE_MEMORY, 0));
}

static void copy(struct saved *to, const struct saved *from)
{
	__builtin_memcpy(to->data, from->data, from->size);
	to->size = from->size;
}

static bool make_base(u32 base)
{
	struct bases_vp vp;

	if (!saved_begin(&bases[base], STREAM_PAGES))
		return false;
	copy(&bases[base], &stream);
	if (!bases_open(&vp, &bases[base]))
		return false;
	bases_make(&vp, base);
	chunks_seal(&bases[base]);
	return true;
}

static bool begin(u64 of_seed)
{
	random_seed(of_seed);
	begin_log();
	__builtin_memset(&done, 0, sizeof(done));
	for (u32 i = 0; i < ARRAY_LEN(ends); i++)
		ends[i].count = 0;
	if (!EXPECT(bases_count() <= BASES_MAX) ||
	    !saved_begin(&stream, STREAM_PAGES) ||
	    !child_create(&child, BASES_PAGES) || !create_child() ||
	    !saved_take(&stream, child.id, 0))
		return false;
	for (u32 i = 0; i < bases_count(); i++)
		if (!make_base(i))
			return false;
	return true;
}

static void end(void)
{
	for (u32 i = 0; i < bases_count(); i++)
		saved_end(&bases[i]);
	saved_end(&stream);
	child_destroy(&child);
}

static bool renew(u32 round)
{
	if (round % 8 == 0)
		bases_fill(&child);
	if (round % ANEW)
		return true;
	return child_destroy(&child) && child_create(&child, BASES_PAGES) &&
	       create_child();
}

/* ---- Running ---- */

static void count_end(u32 type)
{
	u32 row = 0;

	while (row + 1 < ARRAY_LEN(ends) && ends[row].type != type)
		row++;
	ends[row].count++;
}

/*
 * We are busy, so that we and the child get slices in turn: in HLT we would
 * wait for the firmware's timer when the child has nothing to say.
 */
static u32 wait_for_end(void)
{
	u64 begin = cpu_read_tsc();
	const struct hv_message *m;

	do {
		m = synic_poll(test_sim_page());
		insn_pause();
	} while (!m && cpu_read_tsc() - begin < PATIENCE * patience);
	return m ? m->type : HV_MESSAGE_NONE;
}

static bool run_child(void)
{
	u32 type;

	if (!child_go(&child))
		return false;
	type = wait_for_end();
	if (!child_stop(&child))
		return false;
	if (synic_poll(test_sim_page()))
		synic_release(test_sim_page());
	done.ran += type != HV_MESSAGE_INVALID_VP_REGISTER_VALUE;
	count_end(type);
	/* The only message that an entry can fail with. */
	return type != HV_MESSAGE_INVALID_VP_REGISTER_VALUE || log_is_clean();
}

/* ---- Telling ---- */

static void print_ends(void)
{
	for (u32 i = 0; i < ARRAY_LEN(ends); i++)
		serial_print("STORM %s %u\r\n",
		             ends[i].type ? names_of_message(ends[i].type)->name
		                          : "still running or halted",
		             ends[i].count);
}

static void print_done(const char *what)
{
	serial_print("STORM %s: seed %u\r\n", what, seed);
	serial_print("STORM tries %u complete %u corrupt %u other %u\r\n",
	             done.tries, done.complete, done.corrupt, done.other);
	print_ends();
	serial_print("STORM entries failed %u\r\n", failures);
}

/* The words that are not the base's: what a failure is made of. */
static void print_changes(u32 base)
{
	const u64 *now = (const u64 *)(void *)stream.data;
	const u64 *then = (const u64 *)(void *)bases[base].data;
	struct stream_header h;
	u64 at = 0, i;

	serial_print("STORM base: %s\r\n", bases_name(base));
	for (; at < stream.size; at += sizeof(h) + h.length) {
		__builtin_memcpy(&h, stream.data + at, sizeof(h));
		for (i = sizeof(h) / 8; i < (sizeof(h) + h.length) / 8; i++)
			if (now[at / 8 + i] != then[at / 8 + i])
				serial_print("STORM chunk %x word %u: %x, "
				             "was %x\r\n",
				             (u64)h.id, i - sizeof(h) / 8,
				             now[at / 8 + i], then[at / 8 + i]);
	}
}

static void tell(u32 round, u64 all)
{
	if (round % TELL_EVERY == 0)
		serial_print("round %u of %u\r\n", (u64)round, all);
}

/* ---- Restores ---- */

/* An error status would be a stream that is not even read. */
static bool offer(void)
{
	struct stream_outcome o =
		saved_offer(&stream, child.id, 0, HV_SAVE_DATA_MAX);

	done.tries++;
	done.complete += o.state == HV_STATE_COMPLETE;
	done.corrupt += o.state == HV_STATE_CORRUPT_DATA;
	done.other += o.state != HV_STATE_COMPLETE &&
	              o.state != HV_STATE_CORRUPT_DATA;
	return EXPECT_SUCCESS(o.status) &&
	       EXPECT(o.state != HV_STATE_INCOMPLETE) &&
	       (o.state != HV_STATE_COMPLETE || run_child());
}

/* Anywhere in the code, or where the base is; with an MSR to write to. */
static void move_rip(void)
{
	struct bases_vp vp;

	if (!bases_open(&vp, &stream) || random_one_in(2))
		return;
	vp.gp->rip =
		BASES_CODE + random_below(BASES_SNIPPETS) * BASES_SNIPPET_SIZE;
	vp.gp->gpr[0] = values_next(VALUES_ADDRESS, 0, 0xd01);
	vp.gp->gpr[1] = values_next(VALUES_MSR, 0, 0);
	vp.gp->gpr[2] = random_one_in(2) ? 0 : vp.gp->gpr[0] >> 32;
}

static bool restore_round(u32 round)
{
	u32 base = random_below(bases_count());

	copy(&stream, &bases[base]);
	move_rip();
	mutate_stream(&stream, bases, bases_count());
	chunks_seal(&stream);
	if (renew(round) && offer() && (round % LOG_EVERY || log_is_clean()))
		return true;
	print_changes(base);
	return false;
}

/* Each base as it is runs: else its changes would show little. */
static void sane_states(void)
{
	MUST(begin(seed));
	for (u32 i = 0; i < bases_count(); i++) {
		test_context("base", i);
		copy(&stream, &bases[i]);
		MUST(renew(8 * ANEW * i) && offer() && log_is_clean());
		EXPECT_EQUAL(done.complete, i + 1);
		EXPECT_EQUAL(done.ran, i + 1);
		EXPECT_EQUAL(ends[1].count, 0); /* no triple fault */
	}
	/* One halts, one waits for SIPI. */
	EXPECT_EQUAL(ends[0].count, bases_count() - 2);
	print_done("sane states");
	end();
}

static void restored_states(void)
{
	MUST(begin(seed));
	for (u32 i = 1; i <= rounds; i++) {
		test_context("round", i);
		MUST(restore_round(i));
		tell(i, rounds);
	}
	MUST(log_is_clean());
	print_done("restores");
	EXPECT_EQUAL(done.tries, rounds);
	EXPECT(done.complete * 100 >= LEAST_COMPLETE * rounds);
	EXPECT(ends[0].count * 100 >= LEAST_RUN * rounds);
	EXPECT(done.corrupt > 0);
	end();
}

/* ---- States that were hard to find ---- */

static bool open_base(const char *name, struct bases_vp *vp)
{
	u32 i = 0;

	while (i < bases_count() && !loglines_begins(bases_name(i), name))
		i++;
	if (!EXPECT(i < bases_count()))
		return false;
	copy(&stream, &bases[i]);
	return bases_open(vp, &stream);
}

/* Each reserved bit, in an entry that is used and in one that is not. */
static void pae_entries(void)
{
	static const u64 rsvd[] = { BIT(1), BIT(2),  BIT(5),  BIT(6), BIT(7),
		                    BIT(8), BIT(62), BIT(63), BIT(50) };
	struct bases_vp vp;
	u64 good;

	MUST(begin(seed) && open_base("PAE paging", &vp));
	for (u32 i = 0; i < 2 * ARRAY_LEN(rsvd); i++) {
		u64 *entry = &vp.events->pdpte[i % 2 ? 0 : 3];

		test_context("entry", i);
		good = *entry;
		*entry = 0x8001 | rsvd[i / 2];
		chunks_seal(&stream);
		MUST(offer());
		EXPECT_EQUAL(done.corrupt, i + 1);
		/* In one that is not present they mean nothing. */
		*entry = i % 2 ? good : 0x8000 | rsvd[i / 2];
		chunks_seal(&stream);
		MUST(offer() && log_is_clean());
		EXPECT_EQUAL(ends[0].count, i + 1);
		*entry = good;
	}
	end();
}

/* RIP is there behind the last instruction of a half: its fetch faults. */
static void rip_beside_addresses(void)
{
	static const u64 rips[] = { BASES_LOW_END + 1, ~BASES_LOW_END - 1,
		                    ~0ull - BASES_LOW_END * 2 };
	struct bases_vp vp;

	MUST(begin(seed) && open_base("long mode", &vp));
	for (u32 i = 0; i < ARRAY_LEN(rips); i++) {
		test_context("rip", i);
		vp.gp->rip = rips[i];
		chunks_seal(&stream);
		MUST(offer() && log_is_clean());
		EXPECT_EQUAL(ends[0].count, i + 1);
		EXPECT_EQUAL(child_get(&child, HV_REGISTER_RIP) & ~0xfffull,
		             BASES_CODE);
		/* One that no processor can have is as bad as it was. */
		vp.gp->rip = rips[i] ^ BIT(50);
		chunks_seal(&stream);
		MUST(offer());
		EXPECT_EQUAL(done.corrupt, i + 1);
	}
	end();
}

/* A tick at each turn of the TSC, of a vector that there is not. */
static void endless_ticks(void)
{
	static const struct {
		u32 lvt, svr;
	} rows[] = { { 0x20005, 0x1ff }, { 0x20040, 0xff }, { 0x20005, 0xff } };
	struct bases_vp vp;

	MUST(begin(seed));
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		test_context("row", i);
		MUST(open_base("periodic timer", &vp));
		vp.apic->lvt[0] = rows[i].lvt;
		vp.apic->svr = rows[i].svr;
		vp.apic->divide = 0xb;
		vp.apic->initial_count = 1;
		chunks_seal(&stream);
		MUST(offer() && log_is_clean());
	}
	EXPECT_EQUAL(ends[0].count, ARRAY_LEN(rows));
	end();
}

/* ---- Registers ---- */

static struct hv_register_assoc list[6];
static u32 listed;

/* What pends is a software exception, and neither INT3's nor INTO's. */
static bool is_odd(const struct hv_register_assoc *one)
{
	u64 value = one->value.reg64;
	u64 vector = value >> HV_PENDING_VECTOR_SHIFT & 0xffff;

	return one->name == HV_REGISTER_PENDING_INTERRUPTION &&
	       (value >> HV_PENDING_TYPE_SHIFT & 7) ==
	               HV_PENDING_TYPE_SOFTWARE_EXCEPTION &&
	       vector != 3 && vector != 4;
}

/* Together in one call, as far as they are taken. */
static void set_registers(void)
{
	enum hv_status status = HV_STATUS_INVALID_PARAMETER;
	u32 set;

	listed = 1 + random_below(ARRAY_LEN(list));
	for (u32 i = 0; i < listed; i++)
		do
			mutate_register(&list[i]);
		while (!odd && is_odd(&list[i]));
	for (u32 from = 0; status && from < listed; from += set + 1) {
		status = vp_set_registers(child.id, 0, list + from,
		                          listed - from, &set);
		done.tries += set + !!status;
		done.complete += set;
		done.corrupt += status == HV_STATUS_INVALID_PARAMETER;
		done.other += status && status != HV_STATUS_INVALID_PARAMETER;
	}
}

static void print_list(u32 base)
{
	serial_print("STORM base: %s\r\n", bases_name(base));
	for (u32 i = 0; i < listed; i++)
		serial_print("STORM register %x: %x %x\r\n", (u64)list[i].name,
		             list[i].value.reg128[0], list[i].value.reg128[1]);
}

static bool register_round(u32 round)
{
	u32 base = random_below(bases_count());

	copy(&stream, &bases[base]);
	move_rip();
	chunks_seal(&stream);
	if (!renew(round) || !saved_restore(&stream, child.id, 4080))
		return false;
	set_registers();
	if (run_child() && (round % LOG_EVERY || log_is_clean()))
		return true;
	print_list(base);
	return false;
}

static void registers_set(void)
{
	u64 all = rounds / REGISTERS_EVERY;

	MUST(begin(seed));
	for (u32 i = 1; i <= all; i++) {
		test_context("round", i);
		MUST(register_round(i));
		tell(i, all);
	}
	MUST(log_is_clean());
	print_done("registers");
	EXPECT(done.complete > 0 && done.corrupt > 0);
	EXPECT(ends[0].count * 100 >= LEAST_RUN * all);
	end();
}

static const struct test_case cases[] = {
	{ "sane states run", sane_states },
	{ "restored states at random", restored_states },
	{ "PAE entries with reserved bits", pae_entries },
	{ "RIP where no address is", rip_beside_addresses },
	{ "ticks that nobody can take", endless_ticks },
	{ "registers set at random", registers_set },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

/* Every model has a seed of its own. */
EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	rounds = arguments_number(image, table, "rounds", ROUNDS);
	patience = arguments_number(image, table, "patience", 1);
	odd = arguments_number(image, table, "odd", 1);
	seed = arguments_number(image, table, "seed", cpu_cpuid(1).eax);
	return test_run(image, table, "storm", cases, ARRAY_LEN(cases));
}
