/*
 * A parent that intercepts #DB: it hands each step on, keeps it, or saves the child
 * there and restores it into another one.
 */
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/saved.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/witness.h"
#include "tests/guest/root/debug/debug.h"

#define BUFFER_PAGES 256

static struct child child;

static void step_over_sti(u64 a, u64 b)
{
	(void)a;
	(void)b;
	witness_begin();
	witness.steps = 4;
	__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0\n\t" WITNESS_TF_ON
	                 "1: nop; sti; nop; nop; cli"
	                 : "=m"(witness.at[0])
	                 :
	                 : "rax", "memory", "cc");
	witness_end();
}

static bool create_watched(void)
{
	return witness_create(&child, step_over_sti, 0) &&
	       child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION, VECTOR_DB,
	                       HV_INTERCEPT_ACCESS_EXECUTE);
}

/* To the next one, which is so many bytes into the row. */
static bool next_step(u32 offset)
{
	const struct hv_exception_intercept *e =
		(const struct hv_exception_intercept *)child.message.payload;

	return child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT) &&
	       EXPECT_EQUAL(e->vector, VECTOR_DB) &&
	       EXPECT_EQUAL(e->header.rip,
	                    witness_of(&child)->at[0] + offset) &&
	       EXPECT_EQUAL(e->parameter, DEBUG_STEP) &&
	       EXPECT_EQUAL(child_get(&child, HV_REGISTER_DR6), DR6_STEP);
}

void debug_steps_handed_on(void)
{
	MUST(create_watched());
	for (u32 i = 1; i <= 4; i++) {
		test_context("step", i);
		MUST(next_step(i));
		MUST(child_set(&child, HV_REGISTER_PENDING_INTERRUPTION,
		               DB_PENDING));
	}
	MUST(witness_finish(&child));
	MUST(witness_count_is(&child, 4));
	for (u32 i = 0; i < 4; i++)
		EXPECT_EQUAL(witness_record(&child, i)->dr6, DR6_STEP);
	child_destroy(&child);
}

/* A debugger keeps them, and TF stays: each comes once all the same. */
void debug_steps_swallowed(void)
{
	MUST(create_watched());
	for (u32 i = 1; i <= 4; i++) {
		test_context("step", i);
		MUST(next_step(i));
		MUST(child_set(&child, HV_REGISTER_DR6, 0xffff0ff0));
	}
	MUST(child_set(&child, HV_REGISTER_RFLAGS,
	               child_get(&child, HV_REGISTER_RFLAGS) & ~RFLAGS_TF));
	MUST(witness_finish(&child));
	witness_count_is(&child, 0);
	child_destroy(&child);
}

/* Saved at each of them, and restored into another one. */
void debug_steps_travel(void)
{
	struct child target;
	struct saved stream;

	MUST(saved_begin(&stream, BUFFER_PAGES));
	MUST(create_watched());
	for (u32 i = 1; i <= 4; i++) {
		test_context("step", i);
		MUST(next_step(i));
		MUST(child_set(&child, HV_REGISTER_PENDING_INTERRUPTION,
		               DB_PENDING));
		MUST(child_stop(&child));
		MUST(saved_take(&stream, child.id, 0));
		MUST(child_create_like(&target, &child));
		MUST(child_destroy(&child));
		child = target;
		MUST(saved_restore(&stream, child.id, HV_SAVE_DATA_MAX));
		MUST(child_intercept_out(&child, WITNESS_PORT));
		MUST(child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION,
		                     VECTOR_DB, HV_INTERCEPT_ACCESS_EXECUTE));
	}
	MUST(witness_finish(&child));
	MUST(witness_count_is(&child, 4));
	for (u32 i = 0; i < 4; i++)
		EXPECT_EQUAL(witness_record(&child, i)->dr6, DR6_STEP);
	child_destroy(&child);
	saved_end(&stream);
}
