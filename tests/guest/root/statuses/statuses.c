/*
 * The blocks, and calls with them.
 */
#include "tests/guest/root/statuses/statuses.h"

#include "parent/hvcall.h"
#include "tests/guest/lib/calls.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/test.h"

u64 statuses_in, statuses_out;

u32 statuses_call(u64 control, u64 input, u64 output)
{
	return (u32)(hvcall_raw(control, input, output) & HV_RESULT_STATUS);
}

u64 statuses_control(const struct call *c)
{
	return c->code |
	       (c->flags & REP ? 1ull << HV_CONTROL_REP_COUNT_SHIFT : 0);
}

bool statuses_begin(void)
{
	statuses_in = page_run(2);
	statuses_out = page_run(2);
	return EXPECT(statuses_in) && EXPECT(statuses_out);
}

void statuses_end(void)
{
	page_run_free(statuses_in, 2);
	page_run_free(statuses_out, 2);
}
