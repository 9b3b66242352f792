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
u64 child_base;

int parent_setup(void **state)
{
	transport_reset();
	front_reset();
	devices_reset();
	child_program = NULL;
	child_steps = 0;
	child_base = 0;
	return guest_setup(state);
}

int parent_teardown(void **state)
{
	front_reset();
	return fake_teardown(state);
}

static u32 length_of(const struct child_step *s)
{
	return s->length ? s->length : STEP_BYTES;
}

/* The one whose first byte is at RIP, which is the only place that a VP may be. */
static const struct child_step *step_at(u64 rip)
{
	static const struct child_step end = { .port = EXIT_PORT, .size = 1 };
	u64 at = 0;

	for (u32 i = 0; i < child_steps; i++) {
		if (at == rip)
			return &child_program[i];
		at += length_of(&child_program[i]);
	}
	assert_true(rip >= at);
	return &end;
}

static enum exit_outcome touch(struct vp *vp, const struct child_step *s)
{
	const struct exit_memory m = { .gpa = gpa_of(s->gpa),
		                       .access = s->access,
		                       .mapped = s->mapped };

	return exit_memory(vp, &m);
}

static enum exit_outcome use_port(struct vp *vp, const struct child_step *s)
{
	const struct exit_io io = { .port = s->port,
		                    .size = s->size,
		                    .in = s->in,
		                    .string = s->string,
		                    .instruction_length = STEP_BYTES };

	if (!s->in && !s->from_rax)
		vp->state.gpr[VP_RAX] = s->value;
	return exit_io(vp, &io);
}

static void step(struct vp *vp)
{
	const struct child_step *s = step_at(vp->state.rip - child_base);
	enum exit_outcome outcome;

	outcome = s->length ? touch(vp, s) : use_port(vp, s);
	if (outcome == EXIT_SKIP)
		vp->state.rip += length_of(s);
	else
		assert_int_equal(outcome, EXIT_SUSPENDED);
}

void *child_at(u64 id, u64 gpa, u32 bytes)
{
	void *at = gpa_pin(&guest_partition(id)->space, gpa_of(gpa), bytes,
	                   ARCH_READ | ARCH_WRITE);

	assert_non_null(at);
	return at;
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
	enum hvctl_result result;
	u32 count = 0;

	assert_true(strlen(line) < sizeof(text));
	strcpy(text, line);
	parent_front.length = 0;
	parent_front.text[0] = 0;
	parent_transport.waits = 0;
	while ((words[count] = strtok_r(rest, " ", &rest)))
		assert_true(++count < WORDS);
	result = hvctl_main(count, words);
	/* Nothing of a program is called when it has ended. */
	assert_false(parent_transport.open);
	return result;
}
