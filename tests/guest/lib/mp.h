/*
 * A second logical processor of the root's that runs a function of the test beside us, by
 * the firmware's EFI_MP_SERVICES. It has no services of the firmware and no vector registers
 * there, and hypercalls on blocks of its own.
 */
#ifndef GUEST_MP_H
#define GUEST_MP_H

#include "include/tlfs.h"

/* What a function on another processor is compiled with. */
#define ON_OTHER __attribute__((target("general-regs-only")))

/* Blocks of a processor: one page each. */
struct mp_blocks {
	void *in;
	void *out;
};
bool mp_blocks_begin(struct mp_blocks *b);
void mp_blocks_end(struct mp_blocks *b);

/* A simple call on them; on any processor. */
ON_OTHER enum hv_status mp_call(const struct mp_blocks *b,
                                enum hvcall_code code);

/* The other one waits for work from here on. What fails fails the case. */
bool mp_begin(void);
/* Back to the firmware. */
void mp_end(void);

/* It runs work(argument), and we go on. */
void mp_start(void (*work)(void *argument), void *argument);
/* Has it come to its end? */
bool mp_is_done(void);
/* Up to that. */
void mp_wait(void);

#endif
