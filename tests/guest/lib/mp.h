/*
 * A second logical processor of the root's that runs a function of the test beside us, by
 * the firmware's EFI_MP_SERVICES, on a stack of ours. It has no services of the firmware
 * there, and hypercalls on blocks of its own. What it calls with mp_begin_whole has vector
 * registers, and our gates (trap.h).
 */
#ifndef GUEST_MP_H
#define GUEST_MP_H

#include "include/tlfs.h"
#include "include/x86_apic.h"

#define MP_PROCESSORS 2u
#define MP_STACK_BYTES 0x10000ull

/* Of the other one; 0: it does not run. */
extern u64 mp_stack;

/* Which of the two runs this: 0 the first, 1 the other one. */
static inline u32 mp_here(void)
{
	return (u64)__builtin_frame_address(0) - mp_stack < MP_STACK_BYTES;
}

/* What a function on another processor is compiled with, unless that is whole. */
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

/* By the local APIC of the processor that runs this: what ICR says besides whom it is for. */
ON_OTHER void mp_send(enum lapic_shorthand to, u32 what);

/* The other one waits for work from here on. What fails fails the case. */
bool mp_begin(void);
/* The same, and it does all that the first one can, but for what the firmware offers. */
bool mp_begin_whole(void);
/* Back to the firmware. */
void mp_end(void);

/* It runs work(argument), and we go on. */
void mp_start(void (*work)(void *argument), void *argument);
/* Has it come to its end? */
bool mp_is_done(void);
/* Up to that. */
void mp_wait(void);

#endif
