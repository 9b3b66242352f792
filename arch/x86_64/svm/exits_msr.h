/*
 * Exits of RDMSR and WRMSR.
 */
#ifndef ARCH_SVM_EXITS_MSR_H
#define ARCH_SVM_EXITS_MSR_H

#include "arch/x86_64/common/exits.h"

enum exit_outcome exits_msr(struct exit *x);

#endif
