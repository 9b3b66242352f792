/*
 * Discovery, the hypercall page, and hypercalls without types.
 */
#include "parent/hvcall.h"

#include "include/x86.h"
#include "parent/cpu.h"

#define PAGE_BITS (~(u64)(PAGE_SIZE - 1))

/* Page-aligned: the largest blocks fill a page and may not cross one. */
static u8 input_block[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static u8 output_block[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

static u64 hypercall_page;

bool hvcall_present(void)
{
	struct cpu_id r;

	if (!(cpu_cpuid(1).ecx & CPUID_1_ECX_HYPERVISOR))
		return false;
	if (cpu_cpuid(HV_CPUID_VENDOR_AND_MAX).eax < HV_CPUID_LIMITS)
		return false;
	if (cpu_cpuid(HV_CPUID_INTERFACE).eax != HV_CPUID_INTERFACE_HV1)
		return false;
	r = cpu_cpuid(HV_CPUID_FEATURES);
	return ((u64)r.ebx << 32 | r.eax) & HV_PRIVILEGE_CREATE_PARTITIONS;
}

u32 hvcall_version(void)
{
	return cpu_cpuid(HV_CPUID_VERSION).ebx;
}

u64 hvcall_setup(u64 page)
{
	u64 msr;

	if (!hvcall_present())
		return 0;
	/* The page cannot be enabled while the OS id is 0 (TLFS 4.12). */
	if (cpu_read_msr(HV_MSR_GUEST_OS_ID) == 0)
		cpu_write_msr(HV_MSR_GUEST_OS_ID, HVCALL_GUEST_OS_ID);
	msr = cpu_read_msr(HV_MSR_HYPERCALL);
	if (!(msr & HV_MSR_PAGE_ENABLE)) {
		msr = page | (msr & HV_MSR_PAGE_RSVD) | HV_MSR_PAGE_ENABLE;
		cpu_write_msr(HV_MSR_HYPERCALL, msr);
		msr = cpu_read_msr(HV_MSR_HYPERCALL);
	}
	hypercall_page = msr & HV_MSR_PAGE_ENABLE ? msr & PAGE_BITS : 0;
	return hypercall_page;
}

void *hvcall_input(void)
{
	return input_block;
}

const void *hvcall_output(void)
{
	return output_block;
}

void *hvcall_input_zeroed(size_t size)
{
	return __builtin_memset(input_block, 0, size);
}

/* As lenient as TLFS 2.0a asks of a caller: all that it says may change. */
u64 hvcall_raw(u64 control, u64 input, u64 output)
{
	register u64 r8 __asm__("r8") = output;
	u64 result;

	__asm__ volatile("call *%[page]"
	                 : "=a"(result), "+c"(control), "+d"(input), "+r"(r8)
	                 : [page] "rm"(hypercall_page)
	                 : "r9", "r10", "r11", "cc", "memory", "xmm0", "xmm1",
	                   "xmm2", "xmm3", "xmm4", "xmm5");
	return result;
}

enum hv_status hvcall_simple(enum hvcall_code code)
{
	return (enum hv_status)(
		hvcall_raw(code, (u64)input_block, (u64)output_block) &
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
 */
enum hv_status hvcall_rep(enum hvcall_code code, u32 count, u32 *done)
{
	u64 input = (u64)input_block, output = (u64)output_block;
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
		if (status == HV_STATUS_SUCCESS && start <= before)
			break;
	}
	if (done)
		*done = (u32)start;
	return status;
}
