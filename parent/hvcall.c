/*
 * Hypercalls without types, on the blocks of the transport.
 */
#include "parent/hvcall.h"

#include "parent/transport.h"

void *hvcall_input(void)
{
	return transport_input().at;
}

const void *hvcall_output(void)
{
	return transport_output().at;
}

void *hvcall_input_zeroed(size_t size)
{
	return __builtin_memset(transport_input().at, 0, size);
}

u64 hvcall_raw(u64 control, u64 input, u64 output)
{
	return transport_call(control, input, output);
}

enum hv_status hvcall_simple(enum hvcall_code code)
{
	return (enum hv_status)(hvcall_raw(code, transport_input().gpa,
	                                   transport_output().gpa) &
	                        HV_RESULT_STATUS);
}

enum hv_status hvcall_fast(enum hvcall_code code, u64 first, u64 second)
{
	return (enum hv_status)(
		hvcall_raw(code | HV_CONTROL_FAST, first, second) &
		HV_RESULT_STATUS);
}

/*
 * The hypervisor continues a long call by itself: it leaves RIP at the VMCALL
 * and moves the start index in RCX. A hypervisor may also come back with
 * SUCCESS in the middle; then we call again from where it stopped. A call that
 * does no rep at all is asked no more: callers see it in done.
 *
 * Callers copy as many elements as are done out of a page: no answer, whatever it
 * is, may count more than were asked for.
 */
enum hv_status hvcall_rep(enum hvcall_code code, u32 count, u32 *done)
{
	u64 input = transport_input().gpa, output = transport_output().gpa;
	enum hv_status status = HV_STATUS_SUCCESS;
	u64 start = 0, before, result;

	while (start < count && status == HV_STATUS_SUCCESS) {
		before = start;
		result = hvcall_raw(
			code | (u64)count << HV_CONTROL_REP_COUNT_SHIFT |
				start << HV_CONTROL_REP_START_SHIFT,
			input, output);
		status = (enum hv_status)(result & HV_RESULT_STATUS);
		start = (result >> HV_RESULT_REPS_SHIFT) & HV_CONTROL_REP_MASK;
		if (start > count)
			start = count;
		if (status == HV_STATUS_SUCCESS && start <= before)
			break;
	}
	if (done)
		*done = (u32)start;
	return status;
}
