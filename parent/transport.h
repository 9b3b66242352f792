/*
 * The door of a parent: all that parent/ needs from the system that it runs on is
 * pages whose GPA it knows, a hypercall, and messages. parent/uefi/ is UEFI's side
 * of it; tests/host/parent/ has one in memory.
 *
 * Above it there are no types of a firmware or an operating system, and nothing is
 * taken to be identity-mapped: an address is ours, a GPA is the hypervisor's.
 */
#ifndef STASIS_PARENT_TRANSPORT_H
#define STASIS_PARENT_TRANSPORT_H

#include "include/tlfs.h"

/* ---- Ready for use ---- */

/* True: the TLFS interface is there, and this partition may have children. */
bool transport_present(void);

enum transport_result {
	TRANSPORT_OPEN,
	TRANSPORT_NO_MEMORY,
	TRANSPORT_REFUSED, /* the hypervisor has refused the hypercall page */
};

/*
 * Makes calls and messages possible; transport_present has been true. kept: what the
 * transport has to know from one program to the next, all 0 before the first.
 */
#define TRANSPORT_WORDS 2
enum transport_result transport_open(u64 kept[TRANSPORT_WORDS]);

/*
 * To be called before the program ends, whether or not it was opened: what is kept stays,
 * and nothing of the program is called any more. transport_open opens again.
 */
void transport_close(void);

/* ---- Pages ---- */

/*
 * Pages to be deposited, mapped into a child, or kept when the program that took
 * them has ended: in one piece, zeroed, whose last byte's GPA is not above `last`.
 * The GPA, 0: there are none.
 */
#define TRANSPORT_ANYWHERE (~0ull)
u64 transport_take(u64 pages, u64 last);

/* Gives back pages that were taken, all of a run or some. pages may be 0. */
void transport_give(u64 gpa, u64 pages);

/* Where we see a byte of pages that were taken, and not deposited. */
void *transport_at(u64 gpa);

/* ---- Hypercalls ---- */

/* The pages of input and output: the largest blocks fill one and may cross none. */
struct transport_block {
	void *at;
	u64 gpa;
};
struct transport_block transport_input(void);
struct transport_block transport_output(void);

/* One call with two GPAs, or two words: the result value as it comes (TLFS 3.3). */
u64 transport_call(u64 control, u64 input, u64 output);

/* ---- Messages about children ---- */

/*
 * The message that is next, or null. It stays there until it is released: then the
 * hypervisor may put another one into its place.
 */
const struct hv_message *transport_message(void);
void transport_release(void);

/*
 * Waits for a message; returns although none has come, some time later. Children have
 * the processor meanwhile.
 */
void transport_wait(void);

#endif
