/*
 * Hypercalls: one table row each, one dispatcher for all (TLFS 3).
 *
 * The dispatcher alone reads the control word, copies the input in (once, so
 * that what was checked is what is used), checks it against the row, calls the
 * handler, and hands out the results.
 */
#ifndef HV_HYPERCALL_H
#define HV_HYPERCALL_H

#include "hv/base/counter.h"
#include "hv/run/exit.h"
#include "include/tlfs.h"

struct vp;
struct partition;

/*
 * A VMCALL that the processor's mode allows (CPL 0, protected or long mode).
 * in: control word and GPAs as the caller's width has them. out: result, and
 * for a rep call the control word with the new start index.
 */
struct hypercall_registers {
	u64 control;
	u64 input;
	u64 output;
	u64 result;
	bool is_rep; /* write `control` back (RCX or EDX:EAX) */
};
/*
 * EXIT_SKIP: write the result. EXIT_AGAIN: continuation, write `control` back
 * if is_rep, leave RIP. EXIT_SUSPENDED: a parameter page needs the parent.
 */
enum exit_outcome hypercall_execute(struct vp *vp,
                                    struct hypercall_registers *call);

struct hypercall;

/*
 * What a handler gets. in, variable and in_rep are copies; out and out_rep are guest
 * memory, to be written and never read.
 */
struct hypercall_frame {
	const struct hypercall *row;
	struct vp *vp;            /* the caller */
	struct partition *from;   /* its partition */
	struct partition *target; /* as the row says, NULL: it has none */
	struct vp *target_vp;     /* of the target, NULL: the row has none */
	const void *in;           /* fixed input */
	const void *in_rep;       /* input of the element at `rep` */
	void *out;          /* fixed output, up to the row's `out` bytes */
	void *out_rep;      /* output of the element at `rep` */
	u32 rep;            /* element index, from 0 */
	u32 first;          /* the first element of this turn */
	u32 spent;          /* by the elements of this turn, if they count */
	u32 variable_bytes; /* of a variable header (hypercall_variable) */
	const u8 *tail;     /* variable input, still in guest memory: read
	                         * every byte once; where the row copies it,
	                         * it is behind the fixed input instead */
	bool again;         /* set: not finished, run me again; an element
	                         * that is not the first of its turn may */
	bool unchanged;     /* set: a success that has changed nothing */
	bool ends_turn; /* set: this element took long, the turn ends behind it */
};

/*
 * Whose partition a call is about, by the id in its input. What the caller may not
 * name is ACCESS_DENIED, what there is not INVALID_PARTITION_ID (D5).
 */
enum hypercall_target {
	HYPERCALL_NOBODY,
	HYPERCALL_CHILD,  /* a child of the caller's */
	HYPERCALL_OWN,    /* the same, or the caller, by its id or as SELF */
	HYPERCALL_POOL,   /* the same, where the caller must be the root */
	HYPERCALL_SPACE,  /* a child; the caller's own space stays as it is */
	HYPERCALL_SYSTEM, /* a child, or by id 0 the system: no target */
};

struct hypercall {
	const char *name;
	enum hv_status (*run)(struct hypercall_frame *f);
	u16 in;          /* bytes of fixed input */
	u16 in_variable; /* most bytes of a variable header, 0: it has none */
	u16 in_rep;      /* bytes of input of one element */
	u16 out;         /* bytes of fixed output */
	u16 out_rep;     /* bytes of output of one element */
	u16 flags;       /* HYPERCALL_* */
	u8 turn;         /* elements a turn, 0: HYPERCALL_REPS_A_TURN */
	u64 privileges;  /* the caller must hold all of these */
	enum hypercall_target target;
	u8 states;    /* that it may be in, a bit each; 0: the handler asks */
	u8 target_at; /* where its id is in the input, */
	u8 vp_at;     /* and the index of its VP; 0: it is about no VP */
	/* Behind a turn: what elements [first, end) had begun is finished. */
	void (*settle)(struct hypercall_frame *f, u32 end);
	/*
	 * Bytes that follow the fixed input, as that input says; NULL: none. So a call
	 * whose block has two sizes has the smaller one in `in`, and the rest here.
	 */
	u32 (*tail)(const void *in);
};

#define HYPERCALL_FAST 1u /* may come in registers */
#define HYPERCALL_REP 2u
/* Of the privileges only the one to have children is needed. */
#define HYPERCALL_BY_PARENT 4u
#define HYPERCALL_KICKS 8u  /* its VP stands still when the handler runs */
#define HYPERCALL_WAKES 16u /* its VP may have got something to do */
#define HYPERCALL_CHANGES \
	32u /* a success ends the target's open process (D10) */
#define HYPERCALL_FLUSHES 64u      /* the target's space, behind each turn */
#define HYPERCALL_COPIES_TAIL 128u /* it is short: a part of the input as any */
/* About the target's first VP, of which there may be none: target_vp is NULL then. */
#define HYPERCALL_FIRST_VP 256u
/* It takes no page from anybody, nor what leads to one: memory may be at work on beside it. */
#define HYPERCALL_BESIDE 512u

/*
 * Most elements of one rep call that are done before interrupts get a chance.
 * A call whose elements take long has a number of its own in the table.
 */
#define HYPERCALL_REPS_A_TURN 32u

/* The row of a call code, NULL: no such call (hypercall_table.c). */
const struct hypercall *hypercall_find(u32 code);

/* For who counts by call: a number below HYPERCALL_SLOTS each, 0 for all other codes. */
#define HYPERCALL_SLOTS COUNTER_SLOTS
#define HYPERCALL_OURS 2u /* calls that the TLFS does not number */
#define HYPERCALL_FIRST_SLOT (HYPERCALL_OURS + 1) /* of the TLFS's */
static inline u32 hypercall_slot(u32 code)
{
	/* On the way of each call, which has no jump then. */
	if (__builtin_expect(code - HVCALL_CREATE_PARTITION <
	                             HYPERCALL_SLOTS - HYPERCALL_FIRST_SLOT,
	                     true))
		return code - HVCALL_CREATE_PARTITION + HYPERCALL_FIRST_SLOT;
	return code - HVCALL_STASIS_READ_LOG < HYPERCALL_OURS
	               ? code - HVCALL_STASIS_READ_LOG + 1
	               : 0;
}
static inline u32 hypercall_of_slot(u32 slot)
{
	if (slot >= HYPERCALL_FIRST_SLOT)
		return slot - HYPERCALL_FIRST_SLOT + HVCALL_CREATE_PARTITION;
	return slot ? slot - 1 + HVCALL_STASIS_READ_LOG : 0;
}

/* The variable header, behind the fixed one. */
static inline const void *hypercall_variable(const struct hypercall_frame *f)
{
	return (const u8 *)f->in + ((f->row->in + 7u) & ~7u);
}

/* Handlers, one file a TLFS chapter: hvcall_*.c. */
enum hv_status hvcall_create_partition(struct hypercall_frame *f);
enum hv_status hvcall_initialize_partition(struct hypercall_frame *f);
enum hv_status hvcall_finalize_partition(struct hypercall_frame *f);
enum hv_status hvcall_delete_partition(struct hypercall_frame *f);
enum hv_status hvcall_get_partition_property(struct hypercall_frame *f);
enum hv_status hvcall_set_partition_property(struct hypercall_frame *f);
enum hv_status hvcall_get_partition_id(struct hypercall_frame *f);
enum hv_status hvcall_get_next_child(struct hypercall_frame *f);
enum hv_status hvcall_deposit_memory(struct hypercall_frame *f);
enum hv_status hvcall_withdraw_memory(struct hypercall_frame *f);
enum hv_status hvcall_get_memory_balance(struct hypercall_frame *f);
enum hv_status hvcall_map_gpa_pages(struct hypercall_frame *f);
enum hv_status hvcall_unmap_gpa_pages(struct hypercall_frame *f);
enum hv_status hvcall_read_gpa(struct hypercall_frame *f);
enum hv_status hvcall_write_gpa(struct hypercall_frame *f);
enum hv_status hvcall_assert_virtual_interrupt(struct hypercall_frame *f);
enum hv_status hvcall_clear_virtual_interrupt(struct hypercall_frame *f);
enum hv_status hvcall_install_intercept(struct hypercall_frame *f);
enum hv_status hvcall_create_vp(struct hypercall_frame *f);
enum hv_status hvcall_delete_vp(struct hypercall_frame *f);
enum hv_status hvcall_get_vp_registers(struct hypercall_frame *f);
enum hv_status hvcall_set_vp_registers(struct hypercall_frame *f);
enum hv_status hvcall_create_port(struct hypercall_frame *f);
enum hv_status hvcall_delete_port(struct hypercall_frame *f);
enum hv_status hvcall_connect_port(struct hypercall_frame *f);
enum hv_status hvcall_disconnect_port(struct hypercall_frame *f);
enum hv_status hvcall_post_message(struct hypercall_frame *f);
enum hv_status hvcall_signal_event(struct hypercall_frame *f);
enum hv_status hvcall_save_partition_state(struct hypercall_frame *f);
enum hv_status hvcall_restore_partition_state(struct hypercall_frame *f);
enum hv_status hvcall_read_log(struct hypercall_frame *f);
enum hv_status hvcall_get_counters(struct hypercall_frame *f);
u32 hvcall_restore_tail(const void *in);
void hvcall_deposit_settle(struct hypercall_frame *f, u32 end);

#endif
