/*
 * The stream that tests forge others from.
 */
#include "tests/host/fake_forged.h"

#include "tests/host/fake_state.h"
#include "tests/host/fake_test.h"

/* 64-bit code at CPL 0 and no event: what else is wrong is seen. */
static void calm(struct vp *vp)
{
	struct vp_state *regs = vp_state_write(vp);
	u64 seed = 1;

	do
		state_set_mode(regs, STATE_LONG, &seed);
	while (regs->segment[VP_SS].attributes & 0x60);
	regs->activity = regs->interrupt_state = 0;
	regs->pending_interruption = regs->pending_debug = regs->mov_ss = 0;
}

u64 forged_make(struct child_shape *shape, struct guest_stream *s)
{
	u64 source;
	u32 result;

	child_shape_small(shape, 6);
	shape->vp_set = 5;
	shape->vps = 2;
	for (u32 i = 3; i < 6; i++)
		shape->gpns[i] += 100;
	source = child_make(shape);
	child_fill(source, shape, 4);
	calm(guest_partition(source)->vps[0]);
	if (!list_linked(&guest_partition(source)->vps[2]->message_link))
		exit_triple_fault(guest_partition(source)->vps[2]);
	assert_ok(guest_save(source, 0, s, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	return child_make_target(shape);
}

u64 forged_begin(struct forge *good)
{
	struct guest_stream s = { .data = NULL };
	struct child_shape shape;
	u64 target = forged_make(&shape, &s);

	forge_open(good, &s);
	guest_stream_free(&s);
	return target;
}

u32 forged_offer(const struct guest_stream *s, u64 target)
{
	u32 result;

	assert_ok(guest_restore(target, 0, s, 4080, &result));
	return result;
}

u32 forged_restore(const struct forge *f, u64 target)
{
	struct guest_stream s = { .data = NULL };
	u32 result;

	forge_close(f, &s);
	result = forged_offer(&s, target);
	guest_stream_free(&s);
	return result;
}
