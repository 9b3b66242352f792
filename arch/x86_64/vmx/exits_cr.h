/*
 * Exits of MOV to and from control registers.
 */
#ifndef ARCH_EXITS_CR_H
#define ARCH_EXITS_CR_H

#include "arch/x86_64/common/exits.h"

enum exit_outcome exits_cr(struct exit *x);

#endif
