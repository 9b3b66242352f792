/*
 * Who has made the processor, as far as it matters where it has no way to run guests: of
 * which way it lacks. No UEFI in here.
 */
#ifndef STASIS_BOOT_MAKER_H
#define STASIS_BOOT_MAKER_H

#include "boot/hypervisor.h"

/* Its way is SVM, if it has any. */
bool maker_has_svm(hypervisor_cpuid cpuid);

#endif
