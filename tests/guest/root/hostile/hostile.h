/*
 * The scenario "hostile": its options, and our share of the processor beside a child.
 */
#ifndef GUEST_HOSTILE_H
#define GUEST_HOSTILE_H

#include "include/types.h"

#define PAGES 12
#define HOLE 0x30000000ull /* below 1 GiB, above all RAM of the machine */

/*
 * From the command line: share=percent that is ours at least; int1=0, a hypervisor below
 * forgets that INT1 was being delivered; masked=0, see hostile_spinner_leaves_us_ours;
 * wrap=0, not with KVM and Bochs below (docs/testing.md); pushes=0, no data breakpoint
 * where an exception is pushed, at which QEMU ends; faults=0, no child whose instructions
 * all fault, as QEMU's clock may count those that are done (docs/svm.md).
 */
extern u64 hostile_least_share;
extern bool hostile_int1, hostile_masked, hostile_wraps, hostile_pushes,
	hostile_faults;

/* The child runs, and we get our share of the time. */
void hostile_share_is_ours(void);

/*
 * A child that makes no exits with interrupts masked. On a processor whose interrupts
 * wait for it, though they shall exit, a hypervisor below does not get its timer.
 */
void hostile_spinner_leaves_us_ours(void);

/* The cases: the table of hostile.c says what each shows. */

/* pages.c */
void hostile_real_stack_in_hypercall_page(void);
void hostile_real_stack_in_tsc_page(void);
void hostile_real_delivery_has_no_error_code(void);
void hostile_second_fault_is_double(void);
void hostile_refusal_is_delivered(void);
void hostile_third_fault_is_the_end(void);
void hostile_refusals_are_intercepted(void);
void hostile_places_of_the_parent(void);
void hostile_page_tables_in_overlay(void);
void hostile_handler_in_sim_page(void);

/* loops.c */
void hostile_db_raises_itself(void);
void hostile_db_loop_is_the_parents(void);
void hostile_ac_is_given_back(void);
void hostile_ac_raises_itself(void);
void hostile_ac_loop_is_the_parents(void);
void hostile_fault_in_the_handler(void);
void hostile_read_in_the_handler(void);

/* waiting.c */
void hostile_nmi_behind_sti(void);
void hostile_window_that_never_opens(void);
void hostile_code_over_4_gib(void);
void hostile_timer_always_expired(void);

#endif
