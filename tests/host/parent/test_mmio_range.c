/*
 * Which accesses are a device's, and what hvctl says of those that it cannot carry out.
 */
#include "tests/host/parent/mmio_child.h"

#define NOWHERE 0x40000000ull
#define R HV_INTERCEPT_READ
#define W HV_INTERCEPT_WRITE
#define LOAD               \
	{                  \
		0x8b, 0x03 \
	}

static void load_from(u64 gpa, const u8 *code, u32 length)
{
	mmio_begin()->gpr[VP_RBX] = MMIO_LINEAR + (gpa - BANK_GPA);
	mmio_place(code, length, MMIO_CODE);
	mmio_step[0].gpa = gpa;
	mmio_step[0].access = R;
	mmio_runs();
}

/* Beyond the range nobody answers, also where another device begins. */
static void test_ranges(void **state)
{
	static const u8 load[] = { 0x8b, 0x03 },
			load_8[] = { 0x48, 0x8b, 0x03 };
	static const u8 store[] = { 0x89, 0x03 };

	(void)state;
	mmio_make(1);
	load_from(BANK_GPA + BANK_BYTES - 2, load, sizeof(load));
	assert_int_equal(mmio_vp->state.gpr[VP_RAX], 0xffffbfbe);
	assert_int_equal(bank->size, 2);
	load_from(BANK_GPA + BANK_BYTES - 1, load_8, sizeof(load_8));
	assert_int_equal(mmio_vp->state.gpr[VP_RAX], ~0xffull | 0xbf);
	assert_int_equal(bank->size, 1);
	/* Not aligned: a device sees it as it was made. */
	load_from(BANK_GPA + 5, load, sizeof(load));
	assert_int_equal(mmio_vp->state.gpr[VP_RAX], 0x88878685);
	assert_int_equal(bank->offset, 5);
	/* A row without functions: all ones, and dropped. */
	load_from(SILENT_GPA, load, sizeof(load));
	assert_int_equal(mmio_vp->state.gpr[VP_RAX], 0xffffffff);
	mmio_begin()->gpr[VP_RBX] = MMIO_LINEAR + BANK_BYTES;
	mmio_place(store, sizeof(store), MMIO_CODE);
	mmio_step[0].access = W;
	mmio_runs();
	assert_int_equal(bank->reads + bank->writes, 0);
	/* Memory that may not be written is a device's too, if a row claims it. */
	mmio_step[0].mapped = true;
	load_from(BANK_GPA, load, sizeof(load));
	assert_int_equal(mmio_vp->state.gpr[VP_RAX], 0x83828180);
}

/* ---- What cannot be ---- */

static const struct refusal {
	u8 code[4];
	u8 length;
	u8 access;
	i64 at; /* of the access, from the bank's beginning */
	i64 rbx;
	u64 pending;
	const char *says;
} refusals[] = {
	{ { 0x0f, 0x11, 0x03 },
	  3,
	  W,
	  0,
	  0,
	  0,
	  "device bank: the instruction is not known, at 0F 11 03" },
	{ { 0xa4 }, 1, W, 0, 0, 0, "the instruction is not known, at A4" },
	{ { 0xf0, 0x89, 0x03 },
	  3,
	  W,
	  0,
	  0,
	  0,
	  "the instruction is not known, at F0 89 03" },
	{ { 0xff, 0x33 },
	  2,
	  R,
	  0,
	  0,
	  0,
	  "the instruction cannot be carried out" },
	{ LOAD, 2, HV_INTERCEPT_EXECUTE, 0, 0, 0,
	  "code is to be executed there" },
	{ LOAD, 2, R, 4, 0, 0,
	  "the access is not to the instruction's operand" },
	{ LOAD, 2, R, 0, 0x100000000, 0,
	  "the access is not to the instruction's operand" },
	{ LOAD, 2, R, 0, -2, 0, "the access reaches into another page" },
	{ LOAD, 2, W, 0, 0, 0,
	  "the access is of another kind than the instruction's" },
	{ { 0x89, 0x03 },
	  2,
	  R,
	  0,
	  0,
	  0,
	  "the access is of another kind than the instruction's" },
	{ LOAD, 2, R, 0, 0, HV_PENDING_INTERRUPTION | 13u << 16,
	  "the access is of the delivery of an event" },
};

/* One line why; and the VP is where it was, before an access that nobody has seen. */
static void test_refusals(void **state)
{
	(void)state;
	mmio_make(1);
	for (u32 i = 0; i < ARRAY_LEN(refusals); i++) {
		const struct refusal *r = &refusals[i];
		struct vp_state *s = mmio_begin();

		s->gpr[VP_RBX] += (u64)r->rbx;
		s->pending_interruption = r->pending;
		mmio_place(r->code, r->length, MMIO_CODE);
		mmio_step[0].gpa = BANK_GPA + (u64)r->at;
		mmio_step[0].access = r->access;
		assert_int_equal(hvctl("run 2 quiet"), HVCTL_ABORTED);
		assert_says("message UnmappedGpa (0x80000000)");
		assert_says(r->says);
		assert_says("child 2 stopped after 0 characters");
		assert_int_equal(mmio_vp->state.rip, MMIO_CODE);
		assert_int_equal(mmio_vp->state.gpr[VP_RAX], MMIO_RAX);
		assert_int_equal(bank->reads + bank->writes, 0);
	}
}

static void test_no_code(void **state)
{
	static const u8 load[] = { 0x8b, 0x03 };

	(void)state;
	mmio_make(1);
	mmio_begin_at(MMIO_LINEAR + 0x3000);
	mmio_place(load, sizeof(load), MMIO_CODE);
	mmio_step[0].gpa = BANK_GPA;
	assert_int_equal(hvctl("run 2"), HVCTL_ABORTED);
	assert_says("device bank: the instruction cannot be read\n");
}

/* Where no device is there is nothing to say of one; and a child may go on elsewhere. */
static void test_nobody(void **state)
{
	static const u8 load[] = { 0x8b, 0x03 };

	(void)state;
	mmio_make(1);
	mmio_begin();
	mmio_place(load, sizeof(load), MMIO_CODE);
	mmio_step[0].gpa = NOWHERE;
	assert_int_equal(hvctl("run 2"), HVCTL_ABORTED);
	assert_says("message UnmappedGpa (0x80000000)");
	assert_says("GPA 0x40000000");
	assert_not_says("device");
	mmio_step[0].gpa = SILENT_GPA + 8;
	assert_int_equal(hvctl("run 2"), HVCTL_ABORTED);
	assert_not_says("device");
	mmio_step[0].gpa = BANK_GPA;
	mmio_runs();
}

/* Whose access it is, the message says: its registers and its tables. */
static void test_another_vp(void **state)
{
	static const u8 load[] = { 0x8b, 0x03 };
	struct partition *p;

	(void)state;
	mmio_make(2);
	p = guest_partition(2);
	p->vps[0]->state.activity = HV_ACTIVITY_HALT_SUSPEND;
	mmio_vp = p->vps[1];
	mmio_begin();
	mmio_vp->state.activity = 0;
	mmio_place(load, sizeof(load), MMIO_CODE);
	mmio_step[0].gpa = BANK_GPA;
	mmio_runs();
	assert_int_equal(mmio_vp->state.gpr[VP_RAX], 0x83828180);
	assert_int_not_equal(p->vps[0]->state.gpr[VP_RAX], 0x83828180);
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, parent_setup, parent_teardown)
	const struct CMUnitTest tests[] = {
		ROW(test_ranges), ROW(test_refusals),   ROW(test_no_code),
		ROW(test_nobody), ROW(test_another_vp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
