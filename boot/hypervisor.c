/*
 * The leaves of hypervisors (TLFS 2.4; those of VMware and KVM for the TSC).
 */
#include "boot/hypervisor.h"

#include "include/tlfs.h"
#include "include/x86.h"

#define LEAF_TIMING 0x40000010u

/* By the signature alone: other hypervisors have our interface, too. */
static bool is_stasis(hypervisor_cpuid cpuid)
{
	u32 r[4];

	cpuid(STASIS_CPUID, r);
	/* Outside of Stasis the leaf may have any values: all three words of the name count. */
	return r[EAX] >= STASIS_CPUID && r[EBX] == STASIS_CPUID_EBX &&
	       r[ECX] == STASIS_CPUID_ECX && r[EDX] == STASIS_CPUID_EDX;
}

/* The MSR exists if the privilege and the feature are both there. */
static bool has_frequency_msr(hypervisor_cpuid cpuid)
{
	u32 r[4];

	cpuid(HV_CPUID_FEATURES, r);
	/* The one says that the MSR is there, the other that we may read it (TLFS 2.4). */
	return (r[EAX] & HV_PRIVILEGE_ACCESS_FREQUENCY_MSRS) &&
	       (r[EDX] & HV_FEATURE_FREQUENCY_MSRS);
}

void hypervisor_find(hypervisor_cpuid cpuid, struct hypervisor *found)
{
	u32 r[4];

	*found = (struct hypervisor){ 0 };
	cpuid(1, r);
	if (!(r[ECX] & CPUID_1_ECX_HYPERVISOR))
		return;
	cpuid(HV_CPUID_VENDOR_AND_MAX, r);
	/* Without a zero behind it: twelve letters fill it. */
	__builtin_memcpy(found->name, &r[EBX], 12);
	/* Early versions of KVM say 0 and mean the next leaf. */
	found->leaf_max = r[EAX] ? r[EAX] : HV_CPUID_INTERFACE;
	cpuid(HV_CPUID_INTERFACE, r);
	found->has_hv1 = r[EAX] == HV_CPUID_INTERFACE_HV1;
	found->is_stasis = is_stasis(cpuid);
	if (found->has_hv1) {
		found->has_frequency_msr = found->leaf_max >=
		                                   HV_CPUID_FEATURES &&
		                           has_frequency_msr(cpuid);
		/* Not beside the TLFS' interface: there the leaf is another one's, or nobody's. */
	} else if (found->leaf_max >= LEAF_TIMING) {
		cpuid(LEAF_TIMING, r);
		found->tsc_khz = r[EAX];
	}
}
