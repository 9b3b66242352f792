/*
 * What SVM features we need or use, each by its name in the APM, and what of them a
 * processor has. No hardware in here: unit tests run it.
 */
#ifndef ARCH_SVM_OFFER_H
#define ARCH_SVM_OFFER_H

#include "include/handoff.h"

/* What a processor is like, as far as a launch depends on it. */
struct svm_offer {
	bool has_svm; /* CPUID 80000001:ECX.SVM; without it all else is 0 */
	u64 cr4;      /* as the firmware has it */
	u64 efer;
	u64 vm_cr;      /* VM_CR */
	u32 asids;      /* CPUID 8000000A:EBX */
	u32 features;   /* EDX */
	bool has_crc32; /* CPUID.1:ECX.SSE4.2 */
};

/*
 * Can Stasis be launched there? HANDOFF_OK, or the first reason against it; the
 * findings have all of them, and each feature that we know of, for boot to print.
 */
enum handoff_result offer_check(const struct svm_offer *offer,
                                struct handoff_findings *findings);

#endif
