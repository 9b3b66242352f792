/*
 * The scenario "statuses": blocks of our own, and calls with them by control word.
 */
#ifndef GUEST_STATUSES_H
#define GUEST_STATUSES_H

#include "tests/guest/lib/calls.h"

#define PAGES 8
#define PORT 0x80
#define NOBODY 0x7777777ull /* a partition id that nobody has */
#define BEYOND BIT(51)      /* an address that no model has */
#define START HV_SAVE_RESTORE_STATE_START

/* Blocks of our own: two pages each, to go over their ends. */
extern u64 statuses_in, statuses_out;

/* Takes the blocks, and gives them back. */
bool statuses_begin(void);
void statuses_end(void);

/* The status of a call with these blocks. */
u32 statuses_call(u64 control, u64 input, u64 output);

/* A good control word. */
u64 statuses_control(const struct call *c);

/* The cases: the table of statuses.c says what each shows. */

/* all.c */
void statuses_unknown_codes(void);
void statuses_reserved_control_bits(void);
void statuses_rep_and_fast_bits(void);
void statuses_bad_blocks(void);
void statuses_overlapping_blocks(void);
void statuses_blocks_without_memory(void);
void statuses_ids(void);

/* fields.c */
void statuses_wrong_fields(void);

/* ways.c */
void statuses_fast_calls(void);
void statuses_rep_start(void);
void statuses_rep_lists_over_the_page(void);
void statuses_blocks_of_save_and_restore(void);
void statuses_calls_of_a_child(void);
void statuses_unmapped_block_of_a_child(void);

#endif
