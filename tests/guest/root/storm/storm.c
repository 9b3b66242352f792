/*
 * The child and its streams, how it runs, and what the log says of that.
 */
#include "tests/guest/root/storm/storm.h"

#include "parent/cpu.h"
#include "parent/names.h"
#include "parent/partition.h"
#include "parent/uefi/synic.h"
#include "tests/guest/lib/bases.h"
#include "tests/guest/lib/chunks.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/loglines.h"
#include "tests/guest/lib/random.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/values.h"
#include "tests/guest/lib/worst.h"

#define PATIENCE 110000u /* TSC ticks: a slice of the child's at least */
#define STREAM_PAGES 8
#define TELL_EVERY 500u

struct storm storm;

/* What came of a VP that could run; the last row is for none of them. */
struct storm_end storm_ends[STORM_ENDS] = {
	{ HV_MESSAGE_IO_PORT_INTERCEPT, 0 },
	{ HV_MESSAGE_UNRECOVERABLE_EXCEPTION, 0 },
	{ HV_MESSAGE_UNMAPPED_GPA, 0 },
	{ HV_MESSAGE_INVALID_VP_REGISTER_VALUE, 0 },
	{ HV_MESSAGE_UNSUPPORTED_FEATURE, 0 },
	{ HV_MESSAGE_GPA_INTERCEPT, 0 },
	{ HV_MESSAGE_NONE, 0 },
};

static u64 log_position;

/* ---- The log ---- */

static void look_at(const char *line)
{
	worst_line(line);
	storm.failures += loglines_has(line, LOGLINES_FAILED);
}

bool storm_log_is_clean(void)
{
	return EXPECT(loglines_read(&log_position, look_at)) &&
	       EXPECT_EQUAL(storm.failures, 0);
}

/* What is older is not of this case. */
static void begin_log(void)
{
	log_position = 0;
	loglines_read(&log_position, worst_line);
	storm.failures = 0;
}

/* ---- The child and its streams ---- */

static bool create_child(void)
{
	bases_fill(&storm.child);
	return child_intercept_out(&storm.child, BASES_PORT) &&
	       child_intercept_out(&storm.child, BASES_HANDLED) &&
	       EXPECT_SUCCESS(partition_set_property(
		       storm.child.id, HV_PROPERTY_STASIS_SAVE_MEMORY, 0));
}

void storm_copy(struct saved *to, const struct saved *from)
{
	__builtin_memcpy(to->data, from->data, from->size);
	to->size = from->size;
}

static bool make_base(u32 base)
{
	struct bases_vp vp;

	if (!saved_begin(&storm.bases[base], STREAM_PAGES))
		return false;
	storm_copy(&storm.bases[base], &storm.stream);
	if (!bases_open(&vp, &storm.bases[base]))
		return false;
	bases_make(&vp, base);
	chunks_seal(&storm.bases[base]);
	return true;
}

bool storm_begin(u64 of_seed)
{
	random_seed(of_seed);
	begin_log();
	storm.tries = storm.complete = storm.corrupt = storm.other = 0;
	storm.ran = 0;
	for (u32 i = 0; i < STORM_ENDS; i++)
		storm_ends[i].count = 0;
	if (!EXPECT(bases_count() <= BASES_MAX) ||
	    !saved_begin(&storm.stream, STREAM_PAGES) ||
	    !child_create(&storm.child, BASES_PAGES) || !create_child() ||
	    !saved_take(&storm.stream, storm.child.id, 0))
		return false;
	for (u32 i = 0; i < bases_count(); i++)
		if (!make_base(i))
			return false;
	return true;
}

void storm_end(void)
{
	for (u32 i = 0; i < bases_count(); i++)
		saved_end(&storm.bases[i]);
	saved_end(&storm.stream);
	child_destroy(&storm.child);
}

bool storm_renew(u32 round)
{
	if (round % 8 == 0)
		bases_fill(&storm.child);
	if (round % STORM_ANEW)
		return true;
	return child_destroy(&storm.child) &&
	       child_create(&storm.child, BASES_PAGES) && create_child();
}

bool storm_open_base(const char *name, struct bases_vp *vp)
{
	u32 i = 0;

	while (i < bases_count() && !loglines_begins(bases_name(i), name))
		i++;
	if (!EXPECT(i < bases_count()))
		return false;
	storm_copy(&storm.stream, &storm.bases[i]);
	return bases_open(vp, &storm.stream);
}

void storm_move_rip(void)
{
	struct bases_vp vp;

	if (!bases_open(&vp, &storm.stream) || random_one_in(2))
		return;
	vp.gp->rip =
		BASES_CODE + random_below(BASES_SNIPPETS) * BASES_SNIPPET_SIZE;
	vp.gp->gpr[0] = values_next(VALUES_ADDRESS, 0, 0xd01);
	vp.gp->gpr[1] = values_next(VALUES_MSR, 0, 0);
	vp.gp->gpr[2] = random_one_in(2) ? 0 : vp.gp->gpr[0] >> 32;
}

/* ---- Running ---- */

static void count_end(u32 type)
{
	u32 row = 0;

	while (row + 1 < STORM_ENDS && storm_ends[row].type != type)
		row++;
	storm_ends[row].count++;
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
	} while (!m && cpu_read_tsc() - begin < PATIENCE * storm.patience);
	return m ? m->type : HV_MESSAGE_NONE;
}

bool storm_run_child(void)
{
	u32 type;

	if (!child_go(&storm.child))
		return false;
	type = wait_for_end();
	if (!child_stop(&storm.child))
		return false;
	if (synic_poll(test_sim_page()))
		synic_release(test_sim_page());
	storm.ran += type != HV_MESSAGE_INVALID_VP_REGISTER_VALUE;
	count_end(type);
	/* The only message that an entry can fail with. */
	return type != HV_MESSAGE_INVALID_VP_REGISTER_VALUE ||
	       storm_log_is_clean();
}

bool storm_offer(void)
{
	struct stream_outcome o =
		saved_offer(&storm.stream, storm.child.id, 0, HV_SAVE_DATA_MAX);

	storm.tries++;
	storm.complete += o.state == HV_STATE_COMPLETE;
	storm.corrupt += o.state == HV_STATE_CORRUPT_DATA;
	storm.other += o.state != HV_STATE_COMPLETE &&
	               o.state != HV_STATE_CORRUPT_DATA;
	return EXPECT_SUCCESS(o.status) &&
	       EXPECT(o.state != HV_STATE_INCOMPLETE) &&
	       (o.state != HV_STATE_COMPLETE || storm_run_child());
}

/* ---- Telling ---- */

static void print_ends(void)
{
	for (u32 i = 0; i < STORM_ENDS; i++)
		serial_print(
			"STORM %s %u\r\n",
			storm_ends[i].type
				? names_of_message(storm_ends[i].type)->name
				: "still running or halted",
			storm_ends[i].count);
}

void storm_print_done(const char *what)
{
	serial_print("STORM %s: seed %u\r\n", what, storm.seed);
	serial_print("STORM tries %u complete %u corrupt %u other %u\r\n",
	             storm.tries, storm.complete, storm.corrupt, storm.other);
	print_ends();
	serial_print("STORM entries failed %u\r\n", storm.failures);
}

void storm_tell(u32 round, u64 all)
{
	if (round % TELL_EVERY == 0)
		serial_print("round %u of %u\r\n", (u64)round, all);
}
