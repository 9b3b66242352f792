/*
 * State that lives in registers for as long as the child computes: all XMM (and
 * YMM) registers, MXCSR, the x87 control word, and across each OUT all general
 * registers. Each character checks them; a register that was lost is found.
 */
#ifndef PI_GUARD_H
#define PI_GUARD_H

#include "include/types.h"

/* The vector registers are taken: no function of the child may use them. */
#define NO_VECTORS __attribute__((target("no-sse")))

/* Fills the registers; ymm: there are upper halves. */
void guard_start(bool ymm);

/* Prints. False: a register is not as it must be. */
bool guard_put(char c);

/* setup.c: own IDT, AVX where it is. True: there are YMM registers. */
bool setup(void);

/* main.c: the exit code. */
int pi_main(void);

#endif
