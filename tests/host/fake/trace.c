/*
 * The door of arch/x86_64/vmx/trace.h in memory.
 */
#include "tests/host/fake/trace.h"

#include "tests/host/fixture/test.h"

struct fake_trace fake_trace;

const u32 fake_trace_msrs[FAKE_TRACE_MSRS] = { 0x38f, 0x3f1, 0x3f4, 0x570,
	                                       0x14ce };

u32 fake_trace_at(u32 msr)
{
	for (u32 i = 0; i < FAKE_TRACE_MSRS; i++)
		if (fake_trace_msrs[i] == msr)
			return i;
	fail_msg("MSR %x", msr);
	return 0;
}

bool trace_read(u32 msr, u64 *value)
{
	u32 at = fake_trace_at(msr);

	fake_trace.touched++;
	*value = fake_trace.value[at];
	return !fake_trace.missing[at];
}

void trace_write(u32 msr, u64 value)
{
	u32 at = fake_trace_at(msr);

	fake_trace.touched++;
	assert_false(fake_trace.missing[at]);
	fake_trace.value[at] = value;
}

void trace_changed(const struct trace *t)
{
	u32 msr;

	fake_trace.changes++;
	for (u32 i = 0; trace_trigger(i, &msr); i++)
		fake_trace.exits[fake_trace_at(msr)] = trace_exits(t, msr);
	fake_trace.xss = trace_xss(t);
}

/* The guest's values are stored first, then the host's are loaded (SDM 27). */
void fake_trace_exit(struct trace *t)
{
	for (u32 i = 0; i < t->count; i++) {
		u32 at = fake_trace_at(t->root[i].msr);

		assert_false(fake_trace.missing[at] || t->root[i].rsvd_z);
		t->root[i].value = fake_trace.value[at];
	}
	for (u32 i = 0; i < t->count; i++) {
		assert_int_equal(t->none[i].value | t->none[i].rsvd_z, 0);
		fake_trace.value[fake_trace_at(t->none[i].msr)] = 0;
	}
	fake_trace.exchanged += t->count;
}

void fake_trace_enter(const struct trace *t)
{
	for (u32 i = 0; i < t->count; i++)
		fake_trace.value[fake_trace_at(t->root[i].msr)] =
			t->root[i].value;
}
