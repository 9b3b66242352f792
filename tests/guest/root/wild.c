/*
 * Children that do anything at all: code of every class at random, in every mode, on
 * tables and stacks that are hostile. Their parent answers what they ask, one way or
 * another, disturbs them, moves them, makes them anew; meanwhile it counts its own
 * time. Whatever they do, it keeps its share, each call answers as documented,
 * what was saved can be restored, and the hypervisor does not stop.
 *
 * Where there is a second processor another parent loop runs there, and disturbs the child
 * that the first one answers; the child runs on one of the two.
 *
 * wild.efi [seed=n] [exits=n] [first=life] [share=of 1000] [odd=0] [breaks=0] [locks=0]
 *          [sregs=0] [lax=1]
 *
 * A child has many lives. Life n of a seed begins with the same memory and registers
 * each time; where its slices end, and what comes of that, is not the same.
 */
#include "parent/cpu.h"
#include "parent/memory.h"
#include "parent/partition.h"
#include "parent/vp.h"
#include "tests/guest/lib/arguments.h"
#include "tests/guest/lib/chunks.h"
#include "tests/guest/lib/loglines.h"
#include "tests/guest/lib/mutate.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/random.h"
#include "tests/guest/lib/selfcheck.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/share.h"
#include "tests/guest/lib/tally.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/values.h"
#include "tests/guest/lib/wildcode.h"
#include "tests/guest/lib/wildparent.h"
#include "tests/guest/lib/wildstate.h"
#include "tests/guest/lib/worst.h"
#include "tests/guest/root/wild/emulator.h"
#include "tests/guest/root/wild/second.h"

#define EXITS 5000u /* unless the shell says otherwise */
#define BASES_MAX 32u
#define STREAM_PAGES 8
#define WHOLE_PAGES (WILD_PAGES + 16)
#define MORE_POOL 40u
#define LIFE 3000000ull /* TSC ticks, at most */
#define SPIN 200000ull  /* between two disturbances */
#define IDLE 70000ull   /* so long ours: it has nothing to do */
#define IDLE_MAX 4u     /* disturbances in a row that do not wake it */
#define HALF_PIECE (HV_SAVE_DATA_MAX / 2)
#define BESIDE_PAGES 4 /* of a child that does nothing */
#define SAME_CHILD 16u /* lives that a child has */
#define TRIES 8u       /* of a life, until its state is taken */
#define TELL_EVERY 64u
#define READ_EXECUTE (HV_MAP_GPA_READABLE | HV_MAP_GPA_EXECUTABLE)

static u64 seed, exits_wanted, first_life, share_wanted;

static struct child child;
static struct child beside; /* takes a processor's turn to have a child */
static struct saved bases[BASES_MAX], stream, whole;
static u64 log_position;
static struct share share;

static struct {
	u64 lives, refused, moves, children;
	u64 failed;  /* entries */
	u64 excused; /* of these, such that are the emulator's, */
	u64 unclear; /* and that another loop may have changed since */
	u64 exits;
} done;

/* ---- The log ---- */

static u64 entries_failed;

static void look_at(const char *line)
{
	if (loglines_begins(line, "hypercall "))
		worst_line(line);
	entries_failed += loglines_has(line, LOGLINES_FAILED);
}

/* Of a VP that was not entered: it was we who saw why. */
static bool refused_by_us(void)
{
	u64 before = entries_failed;

	if (!EXPECT(loglines_read(&log_position, look_at)))
		return false;
	if (entries_failed == before)
		return true;
	done.failed++;
	if (wild_cs_has_another_rpl(&child) ||
	    wild_is_left_by_emulator(&child)) {
		done.excused++;
		return true;
	}
	/* What is seen now need not be what was refused. */
	if (second_is_there()) {
		done.unclear++;
		return true;
	}
	child_print(&child);
	return EXPECT_EQUAL(entries_failed, before);
}

/* ---- The child ---- */

static bool protect(u64 gpa, u32 rights)
{
	return EXPECT_SUCCESS(memory_map(
		child.id, gpa >> PAGE_SHIFT,
		(u64)child_at(&child, gpa) >> PAGE_SHIFT, 1, rights, NULL));
}

/* The same numbers for the same life, or for what belongs to more than one. */
static void reseed(u64 what)
{
	random_seed(seed * 1000003 + what);
}

/* Some of each kind, and privileges at random: one choice for all its lives. */
static bool install(u64 life)
{
	static const u16 ports[] = { 0x80, 0x81, 0x64, 0x3f8, 0xcf8 };
	static const u32 leaves[] = { 0, 7, 0xd, 0x40000003 };
	static const u8 vectors[] = { 0, 1, 3, 6, 8, 11, 12, 13, 14, 17 };
	static const u64 privileges =
		HV_PRIVILEGE_ACCESS_PARTITION_ID | HV_PRIVILEGE_POST_MESSAGES |
		HV_PRIVILEGE_SIGNAL_EVENTS | HV_PRIVILEGE_CREATE_PORT |
		HV_PRIVILEGE_CONNECT_PORT | HV_PRIVILEGE_CREATE_PARTITIONS;
	bool good = true;

	reseed(life / SAME_CHILD + 500000);
	for (u32 i = 0; i < ARRAY_LEN(ports); i++)
		good = good &&
		       child_intercept(&child, HV_INTERCEPT_TYPE_IO_PORT,
		                       ports[i], random_below(4));
	for (u32 i = 0; good && i < ARRAY_LEN(leaves); i++)
		good = child_intercept(&child, HV_INTERCEPT_TYPE_CPUID,
		                       leaves[i], random_below(2) * 4);
	for (u32 i = 0; good && i < ARRAY_LEN(vectors); i++)
		good = child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION,
		                       vectors[i], random_one_in(5) * 4);
	return good &&
	       child_intercept(&child, HV_INTERCEPT_TYPE_MSR, 0,
	                       random_one_in(3) * 3) &&
	       EXPECT_SUCCESS(partition_set_property(
		       child.id, HV_PROPERTY_PRIVILEGE_FLAGS,
		       0xa7f | (random_next() & privileges))) &&
	       EXPECT_SUCCESS(partition_set_property(
		       child.id, HV_PROPERTY_STASIS_SAVE_MEMORY, 0));
}

static bool dress(u64 life)
{
	return install(life) && protect(WILD_READ_ONLY, READ_EXECUTE) &&
	       protect(WILD_NO_ACCESS, HV_MAP_GPA_NO_ACCESS);
}

/* Of two processors the second gets the next child, unless it has more than the first. */
static bool choose_processor(void)
{
	if (!second_is_there())
		return true;
	if (beside.id)
		return child_destroy(&beside);
	return child_create(&beside, BESIDE_PAGES);
}

static bool create(u64 life)
{
	done.children++;
	if (!choose_processor())
		return false;
	return child_create(&child, WILD_PAGES) &&
	       child_deposit(&child, MORE_POOL) && dress(life);
}

/* ---- A life ---- */

enum turn { TURN_MESSAGE, TURN_BUSY, TURN_IDLE };

/* We are busy until it has something to say, or has not run for long. */
static enum turn spin(void)
{
	u64 begin = cpu_read_tsc();

	share.lost_at = begin;
	do {
		if (wildparent_take())
			return TURN_MESSAGE;
		share_look(&share, SHARE_GAP);
		if (share.last - share.lost_at > IDLE)
			return TURN_IDLE;
	} while (share.last - begin < SPIN);
	return TURN_BUSY;
}

/* On another processor it takes none of our time: there its own is looked at. */
static enum turn spin_elsewhere(void)
{
	static u64 runtime;
	u64 begin = cpu_read_tsc(), before = runtime;

	do {
		if (wildparent_take())
			return TURN_MESSAGE;
	} while (cpu_read_tsc() - begin < SPIN);
	runtime = child_get(&child, HV_REGISTER_VP_RUNTIME);
	share_look(&share, SHARE_ALL);
	return runtime == before ? TURN_IDLE : TURN_BUSY;
}

/* The child is suspended until it has its answer. */
static bool answer_message(void)
{
	bool goes_on;

	share_look(&share, SHARE_GAP);
	goes_on = wildparent_answer() && !test_failed();
	if (child.message.type == HV_MESSAGE_INVALID_VP_REGISTER_VALUE &&
	    second_stop())
		refused_by_us();
	share_look(&share, SHARE_ALL);
	return goes_on && child_go(&child);
}

/* It runs, we answer and disturb, until it is over. */
static bool live(u64 ticks)
{
	u64 begin = cpu_read_tsc();
	bool goes_on;
	u32 idle = 0;
	enum turn turn;

	share_look(&share, SHARE_ALL);
	goes_on = child_go(&child);
	second_go(&child);
	share_look(&share, SHARE_CALL);
	while (goes_on && idle < IDLE_MAX && share.last - begin < ticks) {
		turn = second_is_there() ? spin_elsewhere() : spin();
		idle = turn == TURN_IDLE ? idle + 1 : 0;
		goes_on = turn == TURN_MESSAGE ? answer_message()
		                               : wildparent_disturb();
		share_look(&share, SHARE_CALL);
		goes_on = goes_on && share_check(&share);
	}
	if (!second_stop() || test_failed() || !child_stop(&child))
		return false;
	/* One that came with the stop. */
	if (wildparent_take() &&
	    child.message.type == HV_MESSAGE_INVALID_VP_REGISTER_VALUE)
		refused_by_us();
	return wildparent_unmap(second_is_there()) && !test_failed();
}

/* ---- From one child to another ---- */

/* Not with registers of ours that break a rule: said before the first byte. */
static bool can_be_saved(bool *can)
{
	enum hv_status status;
	u32 state;

	whole.size = 0;
	status = saved_take_piece(&whole, child.id, HV_SAVE_RESTORE_STATE_START,
	                          &state);
	*can = status == HV_STATUS_SUCCESS && !wild_is_left_by_emulator(&child);
	return wildparent_answered(
		status, WILD_MAY(HV_STATUS_SUCCESS) |
				WILD_MAY(HV_STATUS_INVALID_VP_STATE));
}

static bool move(u64 life)
{
	struct child target;
	bool can;

	if (!EXPECT_SUCCESS(partition_set_property(
		    child.id, HV_PROPERTY_STASIS_SAVE_MEMORY, 1)) ||
	    !can_be_saved(&can))
		return false;
	share_open(&share);
	if (!can)
		return EXPECT_SUCCESS(partition_set_property(
			child.id, HV_PROPERTY_STASIS_SAVE_MEMORY, 0));
	done.moves++;
	if (!saved_take(&whole, child.id, 0) ||
	    !child_create_like(&target, &child))
		return false;
	target.message = child.message;
	if (!child_destroy(&child))
		return false;
	child = target;
	if (!child_deposit(&child, MORE_POOL))
		return false;
	if (!saved_restore(&whole, child.id,
	                   HV_SAVE_DATA_MAX - random_below(HALF_PIECE))) {
		loglines_read(&log_position, loglines_print);
		return false;
	}
	if (!dress(life))
		return false;
	share_open(&share);
	return true;
}

/* ---- Beginnings ---- */

static void copy(struct saved *to, const struct saved *from)
{
	__builtin_memcpy(to->data, from->data, from->size);
	to->size = from->size;
}

/* The state in `stream`; *base is the one it comes from. */
static bool compose(u32 *base, u32 *bits)
{
	struct bases_vp vp;

	*base = random_below(bases_count());
	copy(&stream, &bases[*base]);
	if (!bases_open(&vp, &stream))
		return false;
	wildstate_make(&vp, *base);
	*bits = wildstate_bits(&vp);
	if (random_one_in(4))
		mutate_stream(&stream, bases, bases_count());
	chunks_seal(&stream);
	return true;
}

/* Some states are none that a processor can have: then the next one. */
static bool begin_life(u64 life)
{
	struct stream_outcome o;
	u32 base, bits;

	reseed(life);
	for (u32 i = 0; i < TRIES; i++) {
		if (!compose(&base, &bits))
			return false;
		if (i == 0)
			wildstate_fill(&child, bits);
		/* To bring it to life is of our share, to make it is not. */
		share_open(&share);
		o = saved_offer(&stream, child.id, 0, HV_SAVE_DATA_MAX);
		if (!EXPECT_SUCCESS(o.status) ||
		    !EXPECT(o.state == HV_STATE_COMPLETE ||
		            o.state == HV_STATE_CORRUPT_DATA))
			return false;
		if (o.state == HV_STATE_COMPLETE)
			return true;
		done.refused++;
	}
	return EXPECT(!"a state of so many is taken");
}

static bool one_life(u64 life)
{
	test_context("life", life);
	done.lives++;
	if (life % SAME_CHILD == 0 && (!child_destroy(&child) || !create(life)))
		return false;
	return begin_life(life) && live(LIFE) &&
	       (!random_one_in(8) || (move(life) && live(LIFE / 4))) &&
	       selfcheck_holds();
}

/* ---- Counting exits ---- */

#define REASONS 70u /* that processors have */
#define COUNT_EVERY 16u

/* Turns that began with an exit of a child, by the counters of the test build. */
static u64 exits(void)
{
	u64 sum = 0;

	for (u32 reason = 0; reason < REASONS; reason++)
		sum += tally_ask(TALLY_FROM_CHILD | reason, TALLY_COUNT) +
		       tally_ask(TALLY_FROM_CHILD | TALLY_TO_CHILD | reason,
		                 TALLY_COUNT);
	return sum;
}

static void print_reasons(void)
{
	u64 count;

	for (u32 reason = 0; reason < REASONS; reason++) {
		count = tally_ask(TALLY_FROM_CHILD | reason, TALLY_COUNT) +
		        tally_ask(TALLY_FROM_CHILD | TALLY_TO_CHILD | reason,
		                  TALLY_COUNT);
		if (count)
			serial_print("WILD reason %u exits %u\r\n", (u64)reason,
			             count);
	}
}

static void tell(void)
{
	serial_print("WILD seed %u exits %u lives %u refused %u moves %u "
	             "children %u\r\n",
	             seed, done.exits, done.lives, done.refused, done.moves,
	             done.children);
	serial_print("WILD entries refused by the emulator alone %u, unclear "
	             "%u\r\n",
	             done.excused, done.unclear);
	wildparent_print();
	second_print();
	print_reasons();
	serial_print("WILD share least %u of 1000 in %u windows\r\n",
	             share.least, share.windows);
}

static bool begin(void)
{
	struct bases_vp vp;

	share_begin(&share, share_wanted);
	tally_reset();
	loglines_read(&log_position, worst_line);
	if (!EXPECT(bases_count() <= BASES_MAX) || !selfcheck_begin() ||
	    !second_begin(seed) || !wildparent_begin(&child) ||
	    !saved_begin(&stream, STREAM_PAGES) ||
	    !saved_begin(&whole, WHOLE_PAGES) || !create(first_life) ||
	    !saved_take(&stream, child.id, 0))
		return false;
	for (u32 i = 0; i < bases_count(); i++) {
		if (!saved_begin(&bases[i], STREAM_PAGES))
			return false;
		copy(&bases[i], &stream);
		if (!bases_open(&vp, &bases[i]))
			return false;
		bases_make(&vp, i);
		chunks_seal(&bases[i]);
	}
	/* An exit at least: these are counted. */
	return EXPECT(tally_ask(TALLY_ALL, TALLY_COUNT) > HV_STATUS_NO_DATA);
}

static void anything_at_all(void)
{
	MUST(begin());
	for (u64 life = first_life; done.exits < exits_wanted; life++) {
		MUST(one_life(life));
		if (life % COUNT_EVERY == 0)
			done.exits = exits();
		if (life % TELL_EVERY == 0)
			serial_print("life %u: %u exits\r\n", life, done.exits);
	}
	MUST(child_destroy(&child) && (!beside.id || child_destroy(&beside)));
	MUST(EXPECT(share.windows > 0) && selfcheck_holds());
	MUST(EXPECT(loglines_read(&log_position, look_at)));
	EXPECT_EQUAL(entries_failed, done.excused);
	tell();
	for (u32 i = 0; i < bases_count(); i++)
		saved_end(&bases[i]);
	saved_end(&stream);
	saved_end(&whole);
	wildparent_end();
	second_end();
	EXPECT(selfcheck_end());
}

static const struct test_case cases[] = {
	{ "children that do anything", anything_at_all },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

/* Every model has a seed of its own. */
EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	exits_wanted = arguments_number(image, table, "exits", EXITS);
	seed = arguments_number(image, table, "seed", cpu_cpuid(1).eax);
	first_life = arguments_number(image, table, "first", 0);
	wildcode_breaks = arguments_number(image, table, "breaks", 1);
	wildcode_locks = arguments_number(image, table, "locks", 1);
	wildcode_sregs = arguments_number(image, table, "sregs", 1);
	wild_lax = arguments_number(image, table, "lax", 0);
	values_odd_events = arguments_number(image, table, "odd", 1);
	share_wanted = arguments_number(image, table, "share", SHARE_THIRD);
	return test_run(image, table, "wild", cases, ARRAY_LEN(cases));
}
