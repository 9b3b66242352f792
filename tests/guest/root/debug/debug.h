/*
 * The scenario "debug": what its parts have in common.
 */
#ifndef GUEST_DEBUG_H
#define GUEST_DEBUG_H

#include "include/tlfs.h"
#include "include/x86.h"

#define DR6_STEP 0xffff4ff0ull
#define DR6_HIT_0 0xffff0ff1ull
#define DB_PENDING                                            \
	(HV_PENDING_INTERRUPTION |                            \
	 HV_PENDING_TYPE_EXCEPTION << HV_PENDING_TYPE_SHIFT | \
	 (u64)VECTOR_DB << HV_PENDING_VECTOR_SHIFT)
#define DR7_ACCESS(len) (0x401ull | 3 << 16 | (len) << 18)
#define LEN_1 0ull
#define LEN_2 1ull
#define LEN_4 3ull

/* fills=0: a hypervisor below fills pages, by which a step comes twice and RF is lost. */
extern bool debug_fills;

/* The cases: the table of debug.c says what each shows. */

/* steps.c */
void debug_steps(void);
void debug_steps_before_interrupts(void);
void debug_step_before_nmi(void);
void debug_step_ends_hlt(void);
void debug_breakpoint_behind_mov_ss(void);

/* breakpoints.c */
void debug_port_breakpoints(void);
void debug_page_breakpoints(void);
void debug_general_detect(void);
void debug_no_branch_records(void);
void debug_faults_have_rf(void);
void debug_breakpoints_come_once(void);
void debug_fault_of_ours_intercepted(void);
void debug_general_detect_handed_on(void);

/* intercepted.c */
void debug_steps_handed_on(void);
void debug_steps_swallowed(void);
void debug_steps_travel(void);
void debug_steps_out_of_hlt(void);
void debug_steps_out_of_hlt_in_real_mode(void);
void debug_breakpoints_handed_on(void);

#endif
