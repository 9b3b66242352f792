/*
 * Children in few lines: made, given code, started in one of three modes, run
 * to their next message, taken down with every page accounted for.
 *
 * A child's memory is a run of our pages, RWX, from GPA 0 on; its last three
 * pages are for the page tables of long mode. A forked child has instead a copy
 * of this whole program, at the same addresses, and runs a C function of it.
 *
 * What fails here fails the case; the functions then answer false.
 */
#ifndef GUEST_CHILD_H
#define GUEST_CHILD_H

#include <efi.h>

#include "include/tlfs.h"
#include "include/x86.h"

/* CR0 as children begin, in real mode and with protection. */
#define CR0_REAL (CR0_ET | CR0_NE)
#define CR0_PROTECTED (CR0_REAL | CR0_PE | CR0_MP)

#define MSR_NOBODYS 0x12345 /* that no processor has */

#define CHILD_MESSAGE_VECTOR 0x51
/* TSC ticks until a wait gives up: seconds, as a busy host has others to run, too. */
#define CHILD_PATIENCE 10000000000ull
#define CHILD_TABLES 3 /* pages */

#define CHILD_CODE 0x1000 /* where code goes by convention */
#define CHILD_RWX \
	(HV_MAP_GPA_READABLE | HV_MAP_GPA_WRITABLE | HV_MAP_GPA_EXECUTABLE)

struct child {
	u64 id;
	u64 memory; /* where we see its first page */
	u64 base;   /* where it sees that page */
	u64 pages;
	u64 deposited;             /* pages in its pool */
	struct hv_message message; /* its last one */
};

/* Answers where our image is. */
u64 child_begin(EFI_HANDLE image);
void child_run_begin(void); /* part of it */
void child_end(void);

/* ---- Making ---- */

/* All of it: partition, pool, memory, VP 0 in reset state, suspended. */
bool child_create(struct child *c, u64 pages);

/* The same, in steps. */
bool child_create_bare(struct child *c); /* a partition, not initialized */
bool child_deposit(struct child *c, u64 count);
bool child_initialize(struct child *c); /* with a pool that suffices */
bool child_add_memory(struct child *c, u64 base, u64 pages);

/* A copy of us that begins with function(a, b), at CPL 0 in long mode. */
bool child_fork(struct child *c, void (*function)(u64 a, u64 b), u64 a, u64 b);

/* Memory and VP for a stream of `like` to be restored into. */
bool child_create_like(struct child *c, const struct child *like);

/* ---- Its state ---- */

/* Its byte at this address, where we see it. */
void *child_at(const struct child *c, u64 gpa);
void child_put(const struct child *c, u64 gpa, const void *bytes, u64 size);
#define CHILD_PUT_CODE(c, code) child_put((c), CHILD_CODE, (code), sizeof(code))

bool child_set(const struct child *c, enum hv_register_name name, u64 value);
u64 child_get(const struct child *c, enum hv_register_name name);

/* Of one that did what it should not: the registers that say where it stands. */
void child_print(const struct child *c);
bool child_set_segment(const struct child *c, enum hv_register_name name,
                       u64 base, u32 limit, u16 selector, u16 attributes);

/* The next instruction is at this address, in this mode. */
bool child_set_real(const struct child *c, u64 gpa);
bool child_set_protected(const struct child *c, u64 gpa);
bool child_set_long(const struct child *c, u64 gpa, u64 stack);

bool child_intercept(const struct child *c, enum hv_intercept_type type,
                     u64 parameter, u32 access);
/* Writes to this port. */
bool child_intercept_out(const struct child *c, u16 port);

/* ---- Running ---- */

bool child_go(const struct child *c);   /* clears both suspend bits */
bool child_stop(const struct child *c); /* explicitly */

/* Its next message, into c->message; another child's is a failure. */
bool child_wait(struct child *c);

/* go, wait, and the message is of this type. */
bool child_run_to(struct child *c, enum hv_message_type type);

/* Behind the instruction of its message. */
bool child_skip(struct child *c);

/* Runs to an OUT to this port, skips it; *value gets RAX. */
bool child_run_to_out(struct child *c, u16 port, u64 *value);

/* It runs on until this register of its VP has this value. */
bool child_run_until(const struct child *c, u32 name, u64 value);

/* Anybody's next message; false when none comes within so many ticks. */
bool child_next_message(struct hv_message *message, u64 ticks);

/* Interrupts of CHILD_MESSAGE_VECTOR so far. */
u64 child_message_interrupts(void);

/* We go on with other things (HLT) for so many ticks. */
void child_let_run(u64 ticks);

/* ---- Its end ---- */

/*
 * Finalize, withdraw, delete. Checks that nothing is left in use, that as many
 * pages come back as were deposited, and that all are zero.
 */
bool child_destroy(struct child *c);

/* The same by steps, for a partition in any state. */
bool child_withdraw_all(struct child *c);

/* Whatever children there are. True: there were none. */
bool child_destroy_all(void);

#endif
