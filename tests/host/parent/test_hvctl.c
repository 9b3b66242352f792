/*
 * hvctl's core on the host: its words, its errors, and a child's way from create to
 * restore, with the hypervisor's core behind the hypercalls.
 */
#include "hv/call/hypercall.h"
#include "include/container.h"
#include "include/stream.h"
#include "tests/host/parent/fake.h"
#include "tools/hvctl/book.h"

#define IMAGE "child.img"
#define TEXT "0123456789abcdefghij"
#define LENGTH 20u
#define HALF 7u

static struct child_step printing[LENGTH];

static void program(void)
{
	for (u32 i = 0; i < LENGTH; i++)
		printing[i] = (struct child_step){ .port = 0xe9,
			                           .size = 1,
			                           .value = (u8)TEXT[i] };
	child_program = printing;
	child_steps = LENGTH;
	front_put(IMAGE, "code", 4);
}

#define assert_done(line) assert_int_equal(hvctl(line), HVCTL_DONE)
#define assert_ends(line, result) assert_int_equal(hvctl(line), result)

/* ---- Words ---- */

static void test_words_that_do_not_fit(void **state)
{
	static const struct {
		const char *line;
		const char *says;
	} rows[] = {
		{ "", "hvctl create IMAGE" },
		{ "destroy", "there is no command destroy" },
		{ "save 2", "hvctl save ID FILE" },
		{ "list 2", "use it so" },
		{ "save 2 a state b", "hvctl save ID FILE" },
		{ "create child.img mem=0",
		  "mem=0: want a number from 1 to 1024" },
		{ "create child.img mem=1025", "want a number" },
		{ "create child.img mem=", "want a number" },
		{ "create child.img mem=4x", "want a number" },
		{ "create child.img vps=65",
		  "vps=65: want a number from 1 to 64" },
		{ "create child.img mem=99999999999999999999",
		  "want a number" },
		{ "restore a.sav piece=0", "want a number from 1 to" },
		{ "restore a.sav piece=4081", "want a number from 1 to 4080" },
	};

	(void)state;
	program();
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		assert_ends(rows[i].line, HVCTL_BAD_WORDS);
		assert_says(rows[i].says);
	}
	assert_done("help");
	assert_says("hvctl restore FILE [piece=BYTES] [into=ID]");
	assert_done("HELP Save");
	assert_says("  hvctl save ID FILE [state]\n");
	assert_not_says("hvctl create");
}

static void test_children_and_files_that_are_not_there(void **state)
{
	static const char *const lines[] = {
		"run 2",  "save 2 a.sav", "suspend x", "resume 0",
		"regs 9", "delete 2",     "run 2x",
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(lines); i++) {
		assert_ends(lines[i], HVCTL_NOT_FOUND);
		assert_says("is not the id of a child of hvctl");
	}
	assert_ends("restore a.sav into=2", HVCTL_NOT_FOUND);
	assert_ends("create child.img", HVCTL_FILE);
	assert_says("cannot open child.img");
	assert_ends("restore a.sav", HVCTL_FILE);
	assert_ends("check a.sav", HVCTL_FILE);
}

static void test_no_hypervisor(void **state)
{
	(void)state;
	parent_transport.absent = true;
	assert_ends("list", HVCTL_NOT_READY);
	assert_says("Stasis is not running");
	assert_done("help"); /* needs none */
	parent_transport.absent = false;
	parent_transport.refused = true;
	assert_ends("list", HVCTL_REFUSED);
	assert_says("the hypercall page cannot be enabled");
}

static void test_stats(void **state)
{
	struct counters *c = fake.cpu.counters;

	(void)state;
	memset(c, 0, sizeof(*c));
	assert_done("stats");
	assert_not_says("mean");
	c->of[HV_COUNTER_CALL][hypercall_slot(HVCALL_SAVE_PARTITION_STATE)] =
		(struct counter){ 4, 10, 7 };
	c->of[HV_COUNTER_ROOT_EXIT][10] = (struct counter){ 12345678901, 0, 5 };
	c->of[HV_COUNTER_CHILD_EXIT][COUNTER_SLOTS - 1].count = 1;
	assert_done("stats");
	assert_says(
		"       count   mean ticks  worst ticks  hypercall\n"
		"           4            2            7  5E SavePartitionState\n"
		"\n");
	assert_says(" 12345678901            0            5   A ");
	assert_says("exit of a child, but for hypercalls\n"
	            "           1            0            0     other\n");
	memset(c, 0, sizeof(*c));
}

/* ---- A child's life ---- */

static void test_create_and_delete(void **state)
{
	u32 taken;

	(void)state;
	program();
	assert_done("list");
	taken = parent_transport.taken;
	assert_done("create child.img mem=1 vps=3");
	assert_says("hvctl: child 2 created, 1024 KiB of RAM, suspended\n");
	assert_done("list");
	assert_says("   2   suspended  3   1024");
	assert_says("  child.img\n");
	assert_done("regs 2 0 core");
	assert_says("    CS 1000      0000000000010000  0000FFFF  009B\n");
	assert_ends("regs 2 3 core", HVCTL_ABORTED);
	assert_says("HV_STATUS_INVALID_VP_INDEX (0x000E)");
	assert_ends("regs 2 0 fpu", HVCTL_BAD_WORDS);
	assert_done("delete 2");
	assert_says("child 2 deleted");
	/* What stays is what the hypervisor keeps for the next. */
	assert_true(parent_transport.taken <= taken + 2 * 16);
	taken = parent_transport.taken;
	assert_done("create child.img mem=1");
	assert_done("delete 3");
	assert_int_equal(parent_transport.taken, taken);
}

static void test_images_that_do_not_fit(void **state)
{
	static u8 image[1 << 20];

	(void)state;
	front_put("empty", image, 0);
	front_put("large", image, sizeof(image));
	front_put("exact", image, sizeof(image) - 0x10000);
	assert_ends("create empty", HVCTL_TOO_LARGE);
	assert_ends("create large mem=1", HVCTL_TOO_LARGE);
	assert_says("do not fit in 1 MiB");
	assert_done("create exact mem=1");
	assert_done("create large mem=2");
}

static void test_too_little_memory(void **state)
{
	(void)state;
	program();
	assert_done("list");
	parent_transport.limit = parent_transport.taken + 256;
	assert_ends("create child.img mem=2", HVCTL_ABORTED);
	assert_says("has no 512 free pages in one piece");
	/* The RAM, but not the pool: all of it goes back. */
	assert_ends("create child.img mem=1", HVCTL_ABORTED);
	assert_says("has no 1 free pages");
	assert_true(parent_transport.taken <=
	            parent_transport.limit - 256 + 32);
	parent_transport.limit = 0;
	assert_done("create child.img mem=1");
}

static void test_run_to_the_end(void **state)
{
	(void)state;
	program();
	assert_done("create child.img mem=1");
	assert_done("run 2");
	assert_string_equal(parent_front.text,
	                    TEXT "\nhvctl: child 2 ended with code 0 after 20 "
	                         "characters\n");
	assert_ends("run 2", HVCTL_ABORTED);
	assert_says("has ended with code 0");
	assert_done("list");
	assert_says("   2       ended  1");
}

static void test_run_is_stopped(void **state)
{
	(void)state;
	program();
	assert_done("create child.img mem=1");
	assert_done("run 2 for=3");
	assert_says("012\nhvctl: child 2 suspended after 3 characters\n");
	assert_done("run 2 for=2 quiet");
	assert_string_equal(parent_front.text,
	                    "hvctl: child 2 suspended after 2 characters\n");
	parent_front.key_after = 1;
	assert_done("run 2");
	assert_says("child 2 suspended after");
	assert_done("resume 2");
	assert_done("list");
	/* With a message that nobody has taken; it is made again. */
	assert_says("   2   intercept  1");
	assert_done("suspend 2");
	assert_done("run 2");
	assert_says("j\nhvctl: child 2 ended with code 0");
}

/* Bytes from 80H on are letters of ISO 8859-1; a wide write prints its low byte. */
static void test_what_a_child_prints(void **state)
{
	static const struct child_step steps[] = {
		{ .port = 0xe9, .size = 1, .value = 0xe4 },
		{ .port = 0xe9, .size = 2, .value = 0x4241 },
		{ .port = 0xe9, .size = 4, .value = 0x44434243 },
		{ .port = 0xe9, .size = 1, .value = 0 },
		{ .port = 0xe9, .size = 1, .value = '\n' },
		{ .port = 0xf4, .size = 1, .value = 5 },
	};

	(void)state;
	program();
	child_program = steps;
	child_steps = ARRAY_LEN(steps);
	assert_done("create child.img mem=1");
	assert_ends("run 2", HVCTL_ABORTED);
	assert_string_equal(parent_front.text,
	                    "\xc3\xa4"
	                    "AC\nhvctl: child 2 ended with code 5 after 5 "
	                    "characters\n");
}

static void test_what_nobody_serves(void **state)
{
	static const struct child_step string = { .port = 0xe9,
		                                  .size = 1,
		                                  .string = true };

	(void)state;
	program();
	child_program = &string;
	child_steps = 1;
	assert_done("create child.img mem=1");
	assert_ends("run 2", HVCTL_ABORTED);
	assert_says("message IoPortIntercept (0x80010000)");
	assert_says("port 0xE9, 1 bytes, string");
	assert_says("child 2 stopped after 0 characters");
}

/* ---- Files ---- */

static void test_save_and_restore(void **state)
{
	const struct stream_header *header;
	struct front_file *f;

	(void)state;
	program();
	assert_done("create child.img mem=1 vps=2");
	assert_done("run 2 for=7");
	assert_done("save 2 a.sav");
	assert_says("saved: ");
	f = front_find("a.sav");
	header = (const void *)f->data;
	assert_int_equal(header->id, STREAM_PROLOG); /* a stream alone */
	assert_done("check a.sav");
	assert_done("check a.sav 2");
	assert_done("restore a.sav");
	assert_says("(child 3)\n");
	assert_done("run 2");
	assert_says("789abcdefghij\n");
	assert_done("run 3 for=1");
	assert_says("7\n");
	assert_done("restore a.sav into=3 piece=100");
	assert_done("run 3");
	assert_says("789abcdefghij\nhvctl: child 3 ended with code 0");
	/* One that has ended is none any more. */
	assert_done("restore a.sav into=2");
	assert_done("run 2");
	assert_says("789abcdefghij\n");
	assert_int_equal(parent_front.blocks, 0);
}

static void test_a_file_that_cannot_be_written(void **state)
{
	(void)state;
	program();
	assert_done("create child.img mem=1");
	parent_front.file_room = 1;
	assert_ends("save 2 a.sav", HVCTL_ABORTED);
	assert_says("cannot write");
	assert_null(front_find("a.sav"));
	assert_false(parent_front.file_open);
	parent_front.file_room = 0;
	assert_done("resume 2");
	assert_ends("save 2 a.sav", HVCTL_ABORTED);
	assert_says("suspend it first: hvctl suspend");
	assert_null(front_find("a.sav"));
	assert_done("suspend 2");
	parent_front.block_limit = parent_front.blocks = 1;
	assert_ends("save 2 a.sav", HVCTL_NO_MEMORY);
	parent_front.blocks = 0;
	assert_done("save 2 a.sav");
}

/* Of a bare stream: each bit counts, and what was made for it goes again. */
static void test_a_damaged_stream(void **state)
{
	struct front_file *f;
	u32 taken;

	(void)state;
	program();
	assert_done("create child.img mem=1");
	assert_done("save 2 a.sav");
	f = front_find("a.sav");
	for (u64 at = 0; at < f->size; at += f->size / 16) {
		f->data[at] ^= 4;
		taken = parent_transport.taken;
		assert_true(hvctl("restore a.sav") != HVCTL_DONE);
		assert_true(parent_transport.taken <= taken + 2 * 16);
		f->data[at] ^= 4;
	}
	f->size /= 2;
	assert_ends("restore a.sav", HVCTL_ABORTED);
	assert_says("ends too early");
	assert_done("list");
	assert_not_says("a.sav");
}

/* ---- What a device remembers ---- */

static const struct child_step latching[] = {
	{ .port = LATCH_PORT, .size = 1, .value = 'L' },
	{ .port = 0xe9, .size = 1, .value = '1' },
	{ .port = LATCH_PORT, .size = 1, .in = true },
	{ .port = 0xe9, .size = 1, .from_rax = true },
	{ .port = LATCH_PORT + 1, .size = 2, .in = true },
	{ .port = 0xe9, .size = 1, .from_rax = true },
};

static void make_with_latch(void)
{
	program();
	child_program = latching;
	child_steps = ARRAY_LEN(latching);
	assert_done("create child.img mem=1");
	assert_done("run 2 for=1");
	assert_done("save 2 a.sav");
}

static void test_states_fit_into_the_book(void **state)
{
	(void)state;
	assert_in_range(device_state_size(&devices_table), 1, BOOK_DEVICES);
	for (u32 i = 0; i < devices_table.count; i++)
		assert_true(devices_table.row[i].state_size <=
		            DEVICE_STATE_MAX);
}

static void test_a_device_comes_back(void **state)
{
	struct container_header *header;
	struct front_file *f;

	(void)state;
	make_with_latch();
	f = front_find("a.sav");
	header = (void *)f->data;
	assert_int_equal(header->magic, CONTAINER_MAGIC);
	assert_int_equal(header->part_count, 1);
	assert_int_equal(header->head_size, 32 + 16 + 8);
	assert_done("check a.sav");
	assert_done("delete 2");
	assert_done("restore a.sav");
	assert_done("run 3");
	assert_string_equal(parent_front.text,
	                    "L\nhvctl: child 3 ended with code 0 after 2 "
	                    "characters\n");
	/* The second character was the 0 of the latch's second byte. */
	assert_done("restore a.sav into=3");
	assert_done("run 3 for=1");
	assert_says("L\n");
}

/* A stream alone, as hvctl wrote all files once: devices are as after a reset. */
static void test_a_bare_stream_resets_devices(void **state)
{
	(void)state;
	make_with_latch();
	assert_done("create child.img mem=1");
	assert_done("save 3 bare.sav");
	assert_done("restore bare.sav into=2");
	assert_done("save 2 again.sav");
	assert_int_not_equal(*(u64 *)(void *)front_find("again.sav")->data,
	                     CONTAINER_MAGIC);
}

static void refused(const char *why)
{
	u32 taken = parent_transport.taken;

	assert_ends("restore a.sav", HVCTL_ABORTED);
	assert_says(why);
	assert_ptr_equal(strchr(parent_front.text, '\n'),
	                 parent_front.text + parent_front.length - 1);
	assert_ends("check a.sav", HVCTL_ABORTED);
	assert_says(why);
	assert_ends("restore a.sav into=2", HVCTL_ABORTED);
	assert_says(why);
	assert_int_equal(parent_transport.taken, taken);
	assert_int_equal(parent_front.blocks, 0);
}

/* One line, nothing made, and a child that was the target goes on. */
static void test_a_damaged_container(void **state)
{
	struct container_header *header;
	struct front_file *f;
	u64 size;

	(void)state;
	make_with_latch();
	f = front_find("a.sav");
	header = (void *)f->data;
	/* Of its magic: then it is taken for a stream, and is none. */
	for (u64 at = 8; at < header->head_size; at++) {
		f->data[at] ^= 0x10;
		refused("hvctl: a.sav: ");
		f->data[at] ^= 0x10;
	}
	size = f->size;
	f->size = 40;
	refused("ends too early");
	f->size = size;
	assert_done("run 2");
	assert_says("L\nhvctl: child 2 ended");
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, parent_setup, parent_teardown)
	const struct CMUnitTest tests[] = {
		ROW(test_words_that_do_not_fit),
		ROW(test_children_and_files_that_are_not_there),
		ROW(test_no_hypervisor),
		ROW(test_stats),
		ROW(test_create_and_delete),
		ROW(test_images_that_do_not_fit),
		ROW(test_too_little_memory),
		ROW(test_run_to_the_end),
		ROW(test_run_is_stopped),
		ROW(test_what_a_child_prints),
		ROW(test_what_nobody_serves),
		ROW(test_save_and_restore),
		ROW(test_a_file_that_cannot_be_written),
		ROW(test_a_damaged_stream),
		ROW(test_states_fit_into_the_book),
		ROW(test_a_device_comes_back),
		ROW(test_a_bare_stream_resets_devices),
		ROW(test_a_damaged_container),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
