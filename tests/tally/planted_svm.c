/*
 * An entry that SVM refuses.
 */
#include "arch/x86_64/svm/svm_arch.h"
#include "tests/tally/planted.h"

/* ASID 0 is the host's (APM volume 2, 15.5.1). */
void planted_enter(void)
{
	if (planted != PLANTED_ENTRY)
		return;
	planted = PLANTED_NONE;
	vmcb_of(arch_this_cpu()->current)->asid = 0;
}
