/*
 * A root that attacks: hypercalls at random, with arguments that are good, bad, or each
 * good for something else; pages of its own, the hypervisor's, its children's, devices';
 * children run meanwhile, are saved and restored. Behind each batch the hypervisor of the
 * image for tests goes through its books, and the root reads pages that it must not have.
 * In the end the machine is whole.
 *
 * attack.efi [seed=n] [calls=n] [batch=n]
 *
 * The root could end itself, by a deposit of the page that it executes, of its stack or
 * tables. It gives away pages of one run alone, which has a copy of its code as well.
 */
#include "tests/guest/root/attack/attack.h"

#include "parent/cpu.h"
#include "parent/hvcall.h"
#include "tests/guest/lib/arguments.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/loglines.h"
#include "tests/guest/lib/pages.h"
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

static bool one_batch(void)
{
	static struct attack_call c;

	for (u64 i = 0; i < batch; i++, done.calls++) {
		attack_compose(&c);
		if (!attack_outcome(&c,
		                    hvcall_raw(c.control, c.input, c.output)))
			return false;
	}
	test_context("call", done.calls);
	if (!audit())
		return false;
	attack_children_answer();
	return attack_children_look() && attack_probe(PROBES) &&
	       attack_children_renew();
}

/* Everything from the beginning, to the same end. */
static bool one_era(void)
{
	random_seed(seed * 1000003 + done.eras++);
	if (!attack_children_make())
		return false;
	for (u64 i = 0; i < ERA && done.calls < calls_wanted; i += batch)
		if (!one_batch())
			return false;
	return attack_children_end() && attack_probe_all() && audit() &&
	       selfcheck_holds();
}

static bool begin(void)
{
	attack.pages = page_run(ATTACK_PAGES);
	attack.in = page_run(2);
	attack.out = page_run(2);
	/* The copy of our code: the page of this function, as it is. */
	if (!EXPECT(attack.pages && attack.in && attack.out))
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
	page_run_free(attack.pages, ATTACK_PAGES);
	page_run_free(attack.in, 2);
	page_run_free(attack.out, 2);
}

static void tell(void)
{
	serial_print("ATTACK seed %u hypercalls %u eras %u audits %u pages of "
	             "the hypervisor %u\r\n",
	             seed, done.calls, done.eras, done.audits, done.pages);
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

/* Nothing of all that has stayed. */
static void a_child_as_ever(void)
{
	static const u8 code[] = { MOV_EAX(0x600d), OUT_EAX(PORT), HLT };
	struct child child;
	u64 value = 0;

	MUST(child_create(&child, 8) && child_intercept_out(&child, PORT));
	CHILD_PUT_CODE(&child, code);
	MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
	MUST(child_run_to_out(&child, PORT, &value));
	EXPECT_EQUAL(value, 0x600d);
	MUST(audit());
	child_destroy(&child);
	MUST(audit());
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
