/*
 * What comes of a call: who has which page, and what cannot be read.
 */
#include "parent/names.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/random.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/trap.h"
#include "tests/guest/root/attack/attack.h"

#define STATUSES 32u
#define ROWS_MAX 64u

static u64 statuses[STATUSES], good_rows[ROWS_MAX];
static u64 probes, given, taken;

/* ---- Pages ---- */

static void count(u64 *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

/* The other one's news of a page may come before or behind ours. */
bool attack_page_back(u64 gpn)
{
	u32 number = attack_number(gpn);

	test_context("page", gpn);
	if (!EXPECT(number < ATTACK_PAGES &&
	            (attack.attackers > 1 || attack_is_gone(number))))
		return false;
	count(&taken);
	/* Another's may be anybody's by now. */
	if (attack_is_own(number) && !EXPECT(page_is_zero(gpn << PAGE_SHIFT)))
		return false;
	__atomic_add_fetch(&attack.back[number], 1, __ATOMIC_RELEASE);
	return true;
}

static bool given_away(u64 gpn)
{
	u32 number = attack_number(gpn);

	test_context("page", gpn);
	if (!EXPECT(number < ATTACK_PAGES &&
	            (attack.attackers > 1 || !attack_is_gone(number))))
		return false;
	count(&given);
	__atomic_add_fetch(&attack.given[number], 1, __ATOMIC_RELEASE);
	return true;
}

bool attack_settle(void)
{
	for (u32 i = 0; i < ATTACK_PAGES; i++) {
		test_context("page", (attack.pages >> PAGE_SHIFT) + i);
		if (!EXPECT(attack.given[i] - attack.back[i] <= 1))
			return false;
	}
	return true;
}

/* A page is read: by its owner alone. */
static bool probe(u64 address, bool can)
{
	u64 value;

	count(&probes);
	test_context("probe", address);
	return EXPECT_EQUAL(trap_read(address, &value),
	                    can ? TRAP_NONE : VECTOR_MC);
}

static bool probe_number(u32 number)
{
	return probe(attack.pages + number * PAGE_SIZE,
	             !attack_is_gone(number));
}

bool attack_probe(u32 count)
{
	bool good = true;

	for (u32 i = 0; good && i < count; i++)
		good = probe_number(random_below(ATTACK_PAGES));
	return good && probe(attack.reserved +
	                             random_below((u32)attack.reserved_pages) *
	                                     PAGE_SIZE,
	                     false);
}

bool attack_probe_all(void)
{
	bool good = true;

	for (u32 i = 0; good && i < ATTACK_PAGES; i++)
		good = probe_number(i);
	return good;
}

/* ---- Calls ---- */

static bool is_documented(u32 status)
{
	return status < STATUSES &&
	       names_of_status(status) != names_of_status(~0u);
}

/* How far a list has come: from where it was to begin on. */
static bool pages_moved(const struct attack_call *c, u32 done)
{
	u32 from = (u32)(c->control >> HV_CONTROL_REP_START_SHIFT) &
	           HV_CONTROL_REP_MASK;
	const u64 *back = (const u64 *)c->output;
	bool good = true;

	for (u32 i = from; good && i < done && i < ATTACK_LIST; i++) {
		if ((u16)c->control == HVCALL_DEPOSIT_MEMORY)
			good = given_away(c->list[i]);
		else if ((u16)c->control == HVCALL_WITHDRAW_MEMORY)
			good = attack_page_back(back[i]);
	}
	return good;
}

/* The process is where the stream has been taken to, or has ended. */
static void follow_process(const struct attack_call *c, u32 status)
{
	const struct hv_output_restore_partition_state *out =
		(const void *)c->output;
	struct attacker *me = attack_me();

	if (status != HV_STATUS_SUCCESS) {
		me->process_left = 0;
	} else if (me->process_code == HVCALL_RESTORE_PARTITION_STATE) {
		me->stream_at += out->restore_data_consumed;
		if (out->restore_state != HV_STATE_INCOMPLETE ||
		    me->stream_at >= attack.stream.size)
			me->process_left = 0;
	}
}

bool attack_outcome(const struct attack_call *c, u64 result)
{
	u32 status = (u32)(result & HV_RESULT_STATUS);
	u32 done = (u32)(result >> HV_RESULT_REPS_SHIFT) & HV_CONTROL_REP_MASK;
	u32 reps = (u32)(c->control >> HV_CONTROL_REP_COUNT_SHIFT) &
	           HV_CONTROL_REP_MASK;

	test_context("control", c->control);
	if (!EXPECT(is_documented(status)) ||
	    !EXPECT(done <= reps || status == HV_STATUS_INVALID_ALIGNMENT))
		return false;
	count(&statuses[status]);
	if (status == HV_STATUS_SUCCESS) {
		if (!EXPECT(c->row < attack_rows()) ||
		    !EXPECT_EQUAL(done, reps))
			return false;
		count(&good_rows[c->row]);
	}
	if (c->of_process)
		follow_process(c, status);
	return pages_moved(c, done);
}

u64 attack_successes(void)
{
	return statuses[HV_STATUS_SUCCESS];
}

void attack_outcome_print(void)
{
	for (u32 i = 0; i < STATUSES; i++)
		if (statuses[i])
			serial_print("ATTACK status %x %s: %u\r\n", (u64)i,
			             names_of_status(i)->name, statuses[i]);
	for (u32 i = 0; i < attack_rows(); i++)
		serial_print("ATTACK call %x succeeded: %u\r\n",
		             (u64)attack_row_code(i), good_rows[i]);
	serial_print("ATTACK pages given %u, back by the attack or behind it "
	             "%u, reads of pages %u\r\n",
	             given, taken, probes);
}
