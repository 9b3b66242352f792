/*
 * Exits of writes to control registers and to DR7.
 */
#ifndef ARCH_SVM_EXITS_CR_H
#define ARCH_SVM_EXITS_CR_H

#include "arch/x86_64/common/exits.h"

enum exit_outcome exits_cr0(struct exit *x);
enum exit_outcome exits_cr4(struct exit *x);
enum exit_outcome exits_cr8(struct exit *x);
enum exit_outcome exits_dr7(struct exit *x);

#endif
