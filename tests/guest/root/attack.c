/*
 * A root that attacks: hypercalls at random, with arguments that are good, bad, or each
 * good for something else; pages of its own, the hypervisor's, its children's, devices';
 * children run meanwhile, are saved and restored. Behind each batch the hypervisor of the
 * image for tests goes through its books, and the root reads pages that it must not have.
 * In the end the machine is whole.
 *
 * Where there is a second processor it attacks at the same time, with a row of calls of its
 * own, the same children and in part the same pages. Both stand still behind each batch; in
 * some the books are gone through while the other one goes on.
 *
 * attack.efi [seed=n] [calls=n] [batch=n]
 *
 * The root could end itself, by a deposit of the page that it executes, of its stack or
 * tables. It gives away pages of one run alone, which has a copy of its code as well.
 */
#include "tests/guest/root/attack/attack.h"

#include "parent/cpu.h"
#include "parent/hvcall.h"
#include "parent/uefi/synic.h"
#include "tests/guest/lib/arguments.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/loglines.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/processors.h"
#include "tests/guest/lib/random.h"
#include "tests/guest/lib/selfcheck.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/tally.h"
#include "tests/guest/lib/test.h"

#define CALLS 5000u /* unless the shell says otherwise */
#define BATCH 100u
#define ERA 2000u /* calls, behind which all is taken down and made anew */
#define PROBES 24u
#define STREAM_PAGES 48u
#define LEAST_GOOD 10u /* percent that succeed */
#define PORT 0x80
#define LONG_PATIENCE (60 * CHILD_PATIENCE)
#define OWN_PAGES 6u /* of a processor: in, out, stop, sim */

struct attack attack;

static u64 seed, calls_wanted, batch;
static struct {
	u64 calls;
	u64 eras;
	u64 audits;
	u64 pages; /* that the books had last */
} done;

static bool audit(void)
{
	done.audits++;
	done.pages = tally_audit();
	/* Less is an answer of a hypervisor that knows no such question, or too much RAM. */
	return EXPECT(done.pages > HV_STATUS_NO_RESOURCES);
}

/* ---- Both ---- */

/* Its part of a batch. */
static void make_calls(void *argument)
{
	static struct attack_call calls[MP_PROCESSORS];
	struct attack_call *c = &calls[mp_here()];
	u64 count = *(u64 *)argument;

	for (u64 i = 0; i < count && !test_failed(); i++) {
		attack_compose(c);
		attack_outcome(c, hvcall_raw(c->control, c->input, c->output));
	}
}

/* The other one reads pages as well: what it has cached of them is its own affair. */
static void probe(void *argument)
{
	(void)argument;
	attack_forget_messages(attack_me()->sim);
	attack_probe(PROBES);
}

static bool both_still(void)
{
	mp_wait();
	if (test_failed() || !attack_settle())
		return false;
	mp_start(probe, NULL);
	mp_wait();
	return !test_failed();
}

/* One of the children, that both have much to do with; and who saves it. */
static void choose_focus(void)
{
	attack.focus = random_below(4) ? attack_child_alive() : 0;
	attack.all[0].saves = random_one_in(4);
	attack.all[1].saves = random_one_in(4);
}

/* In one of four the books are gone through in the midst of what the other does. */
static bool make_all_calls(void)
{
	u64 each = batch / MP_PROCESSORS, half = each / 2;
	bool good = true;

	if (attack.attackers == 1) {
		make_calls(&batch);
		return !test_failed();
	}
	choose_focus();
	mp_start(make_calls, &each);
	make_calls(&half);
	if (random_one_in(4))
		good = audit();
	half = each - half;
	make_calls(&half);
	return both_still() && good;
}

static bool one_batch(void)
{
	u64 from = done.calls;

	done.calls += batch;
	test_context("batch", from);
	if (!make_all_calls())
		return false;
	test_context("call", done.calls);
	if (!audit())
		return false;
	attack_children_answer();
	return attack_children_look() && attack_probe(PROBES) &&
	       attack_children_renew();
}

static void begin_row(void *argument)
{
	random_seed(seed * 1000003 + done.eras + *(u64 *)argument);
}

static void check_self(void *argument)
{
	(void)argument;
	selfcheck_registers_hold();
}

/* On the other one, if there is one. */
static bool other(void (*work)(void *), void *argument)
{
	if (attack.attackers == 1)
		return true;
	mp_start(work, argument);
	mp_wait();
	return !test_failed();
}

/* Everything from the beginning, to the same end. */
static bool one_era(void)
{
	u64 rows[MP_PROCESSORS] = { 0, 500000 };

	/* A boot that says nothing for long is taken for one that hangs. */
	serial_print("ATTACK era %u from call %u on\r\n", done.eras,
	             done.calls);
	begin_row(&rows[0]);
	other(begin_row, &rows[1]);
	done.eras++;
	if (!attack_children_make())
		return false;
	for (u64 i = 0; i < ERA && done.calls < calls_wanted; i += batch)
		if (!one_batch())
			return false;
	return attack_children_end() && attack_probe_all() && audit() &&
	       selfcheck_holds() && other(check_self, NULL);
}

/* ---- Beginning and end ---- */

static bool begin_attacker(struct attacker *a)
{
	u64 pages = page_run(OWN_PAGES);

	*a = (struct attacker){ .in = pages,
		                .out = pages + 2 * PAGE_SIZE,
		                .stop = pages + 4 * PAGE_SIZE,
		                .sim = pages + 5 * PAGE_SIZE };
	return EXPECT(pages);
}

/* What comes to its root VP has a place. */
static void begin_there(void *argument)
{
	(void)argument;
	synic_setup_polling(attack_me()->sim);
	selfcheck_registers_begin();
}

static void end_there(void *argument)
{
	(void)argument;
	cpu_write_msr(HV_MSR_SINT0, HV_SINT_RESET);
	cpu_write_msr(HV_MSR_SCONTROL, 0);
	cpu_write_msr(HV_MSR_SIMP, 0);
}

static bool begin_both(void)
{
	attack.attackers = processors_count() > 1 ? MP_PROCESSORS : 1;
	for (u32 i = 0; i < attack.attackers; i++)
		if (!begin_attacker(&attack.all[i]))
			return false;
	return attack.attackers == 1 ||
	       (mp_begin_whole() && other(begin_there, NULL));
}

static bool begin(void)
{
	attack.pages = page_run(ATTACK_PAGES);
	/* The copy of our code: the page of this function, as it is. */
	if (!EXPECT(attack.pages) || !begin_both())
		return false;
	cpu_copy((void *)attack.pages,
	         (const void *)((u64)one_batch & ~(u64)(PAGE_SIZE - 1)),
	         PAGE_SIZE);
	return EXPECT(attack_find_reserved()) && selfcheck_begin() &&
	       saved_begin(&attack.stream, STREAM_PAGES) &&
	       attack_note_balance() && audit();
}

static void end(void)
{
	saved_end(&attack.stream);
	EXPECT(selfcheck_end());
	if (attack.attackers > 1) {
		other(end_there, NULL);
		mp_end();
	}
	page_run_free(attack.pages, ATTACK_PAGES);
	for (u32 i = 0; i < attack.attackers; i++)
		page_run_free(attack.all[i].in, OWN_PAGES);
}

static void tell(void)
{
	serial_print("ATTACK seed %u processors %u hypercalls %u eras %u "
	             "audits %u pages of the hypervisor %u\r\n",
	             seed, (u64)attack.attackers, done.calls, done.eras,
	             done.audits, done.pages);
	attack_outcome_print();
	attack_children_print();
}

static void anything_at_all(void)
{
	MUST(begin());
	while (done.calls < calls_wanted) {
		if (!one_era()) {
			serial_print("ATTACK failed at call %u of seed %u\r\n",
			             done.calls, seed);
			tell();
			return;
		}
	}
	tell();
	EXPECT(attack_successes() * 100 >= LEAST_GOOD * done.calls);
	end();
}

/* Nothing of all that has stayed: on each processor, as the next one gets the next child. */
static void run_a_child(void)
{
	static const u8 code[] = { MOV_EAX(0x600d), OUT_EAX(PORT), HLT };
	struct child child;

	MUST(child_create(&child, 8) && child_intercept_out(&child, PORT));
	CHILD_PUT_CODE(&child, code);
	MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
	/* Its processor may be a thread of a host that is busy. */
	MUST(child_go(&child) &&
	     EXPECT(child_next_message(&child.message, LONG_PATIENCE)));
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_RAX), 0x600d);
	MUST(audit());
	child_destroy(&child);
	MUST(audit());
}

static void a_child_as_ever(void)
{
	struct child first;

	run_a_child();
	if (attack.attackers == 1)
		return;
	MUST(child_create(&first, 8));
	run_a_child();
	child_destroy(&first);
}

static const struct test_case cases[] = {
	{ "hypercalls of a root that attacks", anything_at_all },
	{ "a child behind the attack", a_child_as_ever },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	seed = arguments_number(image, table, "seed", 1);
	calls_wanted = arguments_number(image, table, "calls", CALLS);
	batch = arguments_number(image, table, "batch", BATCH);
	return test_run(image, table, "attack", cases, ARRAY_LEN(cases));
}
