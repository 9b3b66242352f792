/*
 * A parent's code, as it would run in the root partition: hypercalls with their
 * blocks in the root's memory, and the steps that tests share.
 */
#ifndef FAKE_GUEST_H
#define FAKE_GUEST_H

#include "hv/run/exit.h"
#include "hv/vp/partition.h"
#include "tests/host/fake_arch.h"

/* Blocks lie here unless a test places them elsewhere. */
#define GUEST_INPUT 0x200000ull
#define GUEST_OUTPUT 0x201000ull
#define GUEST_ARENA 0x400ull /* first page of guest_page() */

/* Most steps (fake.steps) that one exit of any guest call has taken so far. */
extern u64 guest_longest;
/* Turns (exits) that the last call took. */
extern u32 guest_turns;

/* A fresh page of root RAM, as a page number. */
u64 guest_page(void);
void guest_free(u64 gpn);
/* A default world, its pages all free: setup of a cmocka test. */
int guest_setup(void **state);
/* The same in a world of another kind; fake_stop ends it. */
enum handoff_result guest_start(const struct fake_options *options);
u8 *guest_at(u64 gpa);
/* Which pages are free. */
struct fake_span guest_span(void);

/*
 * One hypercall of `vp` until it is done: raw control word and addresses. The
 * result word; outcome other than EXIT_SKIP: *outcome.
 */
u64 guest_raw(struct vp *vp, u64 control, u64 input, u64 output,
              enum exit_outcome *outcome);

/* A simple call with its blocks; NULL and 0 where it has none. */
enum hv_status guest_call(u32 code, const void *in, u32 in_size, void *out,
                          u32 out_size);

/*
 * A rep call: fixed input, then `reps` elements of each direction. *done, when
 * not NULL: elements completed.
 */
enum hv_status guest_rep(u32 code, const void *in, u32 in_size,
                         const void *list, u32 list_size, void *out,
                         u32 out_size, u32 reps, u32 *done);

/* ---- Wrappers ---- */

enum hv_status guest_create(u64 *id);
enum hv_status guest_initialize(u64 id);
enum hv_status guest_finalize(u64 id);
enum hv_status guest_delete(u64 id);
enum hv_status guest_set_property(u64 id, u32 property, u64 value);
enum hv_status guest_get_property(u64 id, u32 property, u64 *value);
enum hv_status guest_deposit_page(u64 id, u64 gpn);
void guest_deposit(u64 id, u32 pages);
enum hv_status guest_withdraw_page(u64 id, u64 *gpn);
/* Takes all that can be taken, checks that it is zero. The count. */
u32 guest_withdraw_all(u64 id);
enum hv_status guest_balance(u64 id, u64 *available, u64 *in_use);
enum hv_status guest_map(u64 id, u64 target, u64 source, u32 flags);
enum hv_status guest_unmap(u64 id, u64 target);
enum hv_status guest_create_vp(u64 id, u32 index);
enum hv_status guest_delete_vp(u64 id, u32 index);
enum hv_status guest_set(u64 id, u32 index, u32 name, u64 value);
enum hv_status guest_set128(u64 id, u32 index, u32 name,
                            const union hv_register_value *value);
enum hv_status guest_get(u64 id, u32 index, u32 name,
                         union hv_register_value *value);
/* Many registers: as far as it goes, *done of them. */
enum hv_status guest_get_list(u64 id, u32 index, const u32 *names, u32 count,
                              union hv_register_value *values, u32 *done);
enum hv_status guest_set_list(u64 id, u32 index,
                              const struct hv_register_assoc *list, u32 count,
                              u32 *done);
#define GUEST_GET_MAX 250u /* that a block has room for */
#define GUEST_SET_MAX 120u
u64 guest_get64(u64 id, u32 index, u32 name);

/* A child: created, `pages` deposited, initialized, VPs 0 to vps - 1. */
u64 guest_child(u32 pages, u32 vps);
/* Back to nothing; fails the test when a page is missing. */
void guest_destroy(u64 id);
struct partition *guest_partition(u64 id);

/* ---- Save and restore ---- */

struct guest_stream {
	u8 *data;
	u32 size;
	u32 room;
	u32 calls;
};
#define GUEST_START HV_SAVE_RESTORE_STATE_START
#define GUEST_SUMMARY HV_SAVE_RESTORE_STATE_SUMMARY

/* One call. The piece is appended to the stream. */
enum hv_status guest_save_call(u64 id, u32 flags, struct guest_stream *s,
                               u32 *result);
/* From START to the end; HV_STATE_COMPLETE or the last result. */
enum hv_status guest_save(u64 id, u32 flags, struct guest_stream *s,
                          u32 *result);
enum hv_status guest_restore_call(u64 id, u32 flags, const void *data, u32 size,
                                  u32 *result, u32 *consumed);
/* Offers pieces of at most `piece` bytes until something final is said. */
enum hv_status guest_restore(u64 id, u32 flags, const struct guest_stream *s,
                             u32 piece, u32 *result);
/* All of it, to COMPLETE: else the test has failed. */
void guest_save_whole(u64 id, struct guest_stream *s);
void guest_restore_whole(u64 id, const struct guest_stream *s, u32 piece);
void guest_stream_free(struct guest_stream *s);

#endif
