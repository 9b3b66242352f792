/*
 * A parent that sets registers at random, several in one call.
 */
#include "tests/guest/root/storm/storm.h"

#include "parent/vp.h"
#include "tests/guest/lib/bases.h"
#include "tests/guest/lib/chunks.h"
#include "tests/guest/lib/mutate.h"
#include "tests/guest/lib/random.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/test.h"

#define REGISTERS_EVERY 4u /* rounds of restores for one of registers */

static struct hv_register_assoc list[6];
static u32 listed;

/* Together in one call, as far as they are taken. */
static void set_registers(void)
{
	enum hv_status status = HV_STATUS_INVALID_PARAMETER;
	u32 set;

	listed = 1 + random_below(ARRAY_LEN(list));
	for (u32 i = 0; i < listed; i++)
		mutate_register(&list[i]);
	for (u32 from = 0; status && from < listed; from += set + 1) {
		status = vp_set_registers(storm.child.id, 0, list + from,
		                          listed - from, &set);
		storm.tries += set + !!status;
		storm.complete += set;
		storm.corrupt += status == HV_STATUS_INVALID_PARAMETER;
		storm.other += status && status != HV_STATUS_INVALID_PARAMETER;
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

	storm_copy(&storm.stream, &storm.bases[base]);
	storm_move_rip();
	chunks_seal(&storm.stream);
	if (!storm_renew(round) ||
	    !saved_restore(&storm.stream, storm.child.id, 4080))
		return false;
	set_registers();
	if (storm_run_child() && (round % LOG_EVERY || storm_log_is_clean()))
		return true;
	print_list(base);
	return false;
}

void storm_registers_set(void)
{
	u64 all = storm.rounds / REGISTERS_EVERY;

	MUST(storm_begin(storm.seed));
	for (u32 i = 1; i <= all; i++) {
		test_context("round", i);
		MUST(register_round(i));
		storm_tell(i, all);
	}
	MUST(storm_log_is_clean());
	storm_print_done("registers");
	EXPECT(storm.complete > 0 && storm.corrupt > 0);
	EXPECT(storm_ends[STORM_OUT].count * 100 >= LEAST_RUN * all);
	storm_end();
}
