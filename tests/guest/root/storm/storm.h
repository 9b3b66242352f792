/*
 * The scenario "storm": its child, its streams, and what came of them.
 */
#ifndef GUEST_STORM_H
#define GUEST_STORM_H

#include "tests/guest/lib/bases.h"

#define BASES_MAX 32u
#define STORM_ANEW 512u /* rounds that a child lives */
#define LOG_EVERY 32u
#define LEAST_RUN 10u /* percent */
#define STORM_ENDS 7u
#define STORM_OUT 0u    /* of storm_ends: the code got to its OUT */
#define STORM_TRIPLE 1u /* a triple fault */

extern struct storm {
	u64 rounds, seed; /* from the command line */
	u64 patience;     /* likewise: slices that a child may take */
	struct child child;
	struct saved bases[BASES_MAX]; /* each base's stream */
	struct saved stream;           /* the one that is offered */
	u64 tries, complete, corrupt, other, ran;
	u64 failures; /* entries that failed, by the log */
} storm;

extern struct storm_end {
	u32 type; /* of the message, none: it still ran or halted */
	u64 count;
} storm_ends[STORM_ENDS];

/* A case begins, with numbers of this seed, and ends. */
bool storm_begin(u64 of_seed);
void storm_end(void);

void storm_copy(struct saved *to, const struct saved *from);

/* The stream becomes that of the base whose name begins so. */
bool storm_open_base(const char *name, struct bases_vp *vp);

/* RIP anywhere in the code, or where the base is; with an MSR to write to. */
void storm_move_rip(void);

/* What is new in a round: memory now and then, more rarely a child. */
bool storm_renew(u32 round);

/* The child runs for a while. False: an entry failed. */
bool storm_run_child(void);

/* Restores the stream; if it is taken, the child runs. */
bool storm_offer(void);

/* False, and the case has failed: an entry did, or the log may hide one. */
bool storm_log_is_clean(void);

/* To the serial port: what came of all; how far it is. */
void storm_print_done(const char *what);
void storm_tell(u32 round, u64 all);

/* registers.c */
void storm_registers_set(void);

#endif
