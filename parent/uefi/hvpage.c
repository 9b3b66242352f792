/*
 * Discovery, the hypercall page, and the call through it.
 */
#include "parent/uefi/hvpage.h"

#include "include/x86.h"
#include "parent/cpu.h"

#define PAGE_BITS (~(u64)(PAGE_SIZE - 1))

static u64 hypercall_page;

bool hvpage_present(void)
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

u32 hvpage_version(void)
{
	return cpu_cpuid(HV_CPUID_VERSION).ebx;
}

u64 hvpage_setup(u64 page)
{
	u64 msr;

	if (!hvpage_present())
		return 0;
	/* The page cannot be enabled while the OS id is 0 (TLFS 4.12). */
	if (cpu_read_msr(HV_MSR_GUEST_OS_ID) == 0)
		cpu_write_msr(HV_MSR_GUEST_OS_ID, HVPAGE_GUEST_OS_ID);
	msr = cpu_read_msr(HV_MSR_HYPERCALL);
	if (!(msr & HV_MSR_PAGE_ENABLE)) {
		msr = page | (msr & HV_MSR_PAGE_RSVD) | HV_MSR_PAGE_ENABLE;
		cpu_write_msr(HV_MSR_HYPERCALL, msr);
		msr = cpu_read_msr(HV_MSR_HYPERCALL);
	}
	hypercall_page = msr & HV_MSR_PAGE_ENABLE ? msr & PAGE_BITS : 0;
	return hypercall_page;
}

/* As lenient as TLFS 2.0a asks of a caller: all that it says may change. */
u64 hvpage_call(u64 control, u64 input, u64 output)
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
