/*
 * A guest and its synthetic timers.
 */
#include "tests/host/fake_stimer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/interrupt/lapic.h"
#include "include/x86_apic.h"
#include "tests/host/fake_guest_vp.h"

u64 timed_id;
struct vp *timed;

u32 timed_config(u32 timer)
{
	return HV_MSR_STIMER0_CONFIG + 2 * timer;
}

void timed_put(u32 msr, u64 value)
{
	guest_write_msr(timed, msr, value);
}

u64 timed_get(u32 msr)
{
	return guest_read_msr(timed, msr);
}

void timed_start(u32 timer, u64 config, u64 count)
{
	timed_put(timed_config(timer) + 1, count);
	timed_put(timed_config(timer), config | HV_STIMER_ENABLE);
}

void timed_make(void)
{
	timed_id = guest_child(60, 1);
	timed = guest_partition(timed_id)->vps[0];
	assert_int_equal(
		guest_set(timed_id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0),
		HV_STATUS_SUCCESS);
	lapic_write_page(timed, LAPIC_SVR, 0x1ff);
	timed_put(HV_MSR_SCONTROL, 1);
	timed_put(HV_MSR_SIMP, TIMED_SIM_GPN << PAGE_SHIFT | 1);
	timed_put(HV_MSR_SINT0 + TIMED_SINT, TIMED_VECTOR);
}

u64 timed_now(void)
{
	return reference_time(timed->partition);
}

void timed_pass(u64 units)
{
	fake.tsc += units * TIMED_TICKS;
}

struct hv_message *timed_slot(u32 sint)
{
	return guest_slot(timed, TIMED_SIM_GPN, sint);
}

bool timed_irr(u32 vector)
{
	return guest_irr(timed, vector);
}

void timed_take_interrupt(u8 vector)
{
	assert_int_equal(lapic_pending(timed), vector);
	lapic_accept(timed, vector);
	lapic_eoi(timed);
}

bool timed_take(struct hv_timer_message *out)
{
	struct hv_message m =
		guest_take_message(timed, TIMED_SIM_GPN, TIMED_SINT);

	if (m.type == HV_MESSAGE_NONE)
		return false;
	assert_int_equal(m.type, HV_MESSAGE_TIMER_EXPIRED);
	assert_int_equal(m.payload_size, sizeof(*out));
	memcpy(out, m.payload, sizeof(*out));
	return true;
}

void timed_take_one(u32 timer, u64 expiration)
{
	struct hv_timer_message m;

	assert_true(timed_take(&m));
	assert_int_equal(m.timer, timer);
	assert_int_equal(m.expiration_time, expiration);
}
