/*
 * Nested page faults.
 */
#ifndef ARCH_SVM_EXITS_MEMORY_H
#define ARCH_SVM_EXITS_MEMORY_H

#include "arch/x86_64/common/exits.h"

enum exit_outcome exits_memory(struct exit *x);

#endif
