/*
 * A machine for hvctl, and what its children do.
 */
#include "hv/run/vp_run.h"
#include "include/x86_operands.h"
#include "tests/host/parent/fake.h"

#define STEP_BYTES 2u
#define EXIT_PORT 0xf4
#define WORDS 8u

const struct child_step *child_program;
u32 child_steps;

int parent_setup(void **state)
{
	transport_reset();
	front_reset();
	devices_reset();
	child_program = NULL;
	child_steps = 0;
	return guest_setup(state);
}

int parent_teardown(void **state)
{
	front_reset();
	return fake_teardown(state);
}

static void step(struct vp *vp)
{
	static const struct child_step end = { .port = EXIT_PORT, .size = 1 };
	u64 at = vp->state.rip / STEP_BYTES;
	const struct child_step *s = at < child_steps ? &child_program[at]
	                                              : &end;
	const struct exit_io io = { .port = s->port,
		                    .size = s->size,
		                    .in = s->in,
		                    .string = s->string,
		                    .instruction_length = STEP_BYTES };
	enum exit_outcome outcome;

	if (!s->in && !s->from_rax)
		vp->state.gpr[VP_RAX] = s->value;
	outcome = exit_io(vp, &io);
	if (outcome == EXIT_SKIP)
		vp->state.rip += STEP_BYTES;
	else
		assert_int_equal(outcome, EXIT_SUSPENDED);
}

void child_turn(void)
{
	struct vp *vp;
	u64 at = 0;

	while ((vp = fake_next_vp(&at)))
		if (vp != fake_root_vp() && vp_runnable(vp))
			step(vp);
}

enum hvctl_result hvctl(const char *line)
{
	char text[256], *words[WORDS], *rest = text;
	u32 count = 0;

	assert_true(strlen(line) < sizeof(text));
	strcpy(text, line);
	parent_front.length = 0;
	parent_front.text[0] = 0;
	parent_transport.waits = 0;
	while ((words[count] = strtok_r(rest, " ", &rest)))
		assert_true(++count < WORDS);
	return hvctl_main(count, words);
}
