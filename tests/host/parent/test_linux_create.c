/*
 * hvctl create with a Linux kernel: what does not fit, and where one that does starts.
 */
#include "tests/host/parent/fake.h"
#include "tests/host/parent/linux_file.h"

#define MIB (1u << 20)

static void test_what_does_not_fit(void **state)
{
	static const struct {
		const char *line;
		const char *says;
		enum hvctl_result result;
	} rows[] = {
		{ "create initrd initrd=initrd",
		  "hvctl: initrd: it is no Linux kernel (bzImage)\n  give it "
		  "a bzImage",
		  HVCTL_TOO_LARGE },
		{ "create initrd cmdline=quiet", "it is no Linux kernel",
		  HVCTL_TOO_LARGE },
		{ "create vmlinuz mem=2",
		  "hvctl: vmlinuz needs 3 MiB to start, with its initrd\n  "
		  "give the child more with mem=\n",
		  HVCTL_TOO_LARGE },
		{ "create vmlinuz mem=3 initrd=initrd", "needs 4 MiB to start",
		  HVCTL_TOO_LARGE },
		{ "create vmlinuz mem=4 initrd=none", "cannot open none",
		  HVCTL_FILE },
		{ "create vmlinuz mem=4 cmdline=123456789012345678901",
		  "longer than the 20 letters that this kernel takes",
		  HVCTL_TOO_LARGE },
		{ "create vmlinuz mem=4 vps=65", "want a number",
		  HVCTL_BAD_WORDS },
	};
	u32 taken;

	(void)state;
	assert_done("list");
	taken = parent_transport.taken;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		assert_ends(rows[i].line, rows[i].result);
		assert_says(rows[i].says);
	}
	/* A kernel that looks for it lower than it can be. */
	linux_file_set(0x22c, 3 * MIB, 4);
	front_put("vmlinuz", linux_file, sizeof(linux_file));
	assert_ends("create vmlinuz mem=8 initrd=initrd", HVCTL_TOO_LARGE);
	assert_says("initrd has 4097 bytes, and this kernel looks for it below "
	            "0x300000\n  give it a smaller one\n");
	/* Nothing was made. */
	assert_int_equal(parent_transport.taken, taken);
	assert_int_equal(parent_front.blocks, 0);
	assert_done("create vmlinuz mem=4 cmdline=12345678901234567890");
	assert_done("create vmlinuz mem=3");
}

static void test_where_it_starts(void **state)
{
	const struct vp_state *s;
	u32 word;

	(void)state;
	assert_done(LINUX_CREATE " vps=3");
	assert_says("hvctl: child 2 created, 4096 KiB of RAM, suspended\n");
	s = &guest_partition(2)->vps[0]->state;
	assert_int_equal(s->rip, MIB);
	assert_int_equal(s->gpr[VP_RSI], 0x10000);
	assert_int_equal(s->cr0, 0x31);
	assert_int_equal(s->segment[VP_CS].selector, 0x10);
	assert_int_equal(s->segment[VP_CS].attributes, 0xc09b);
	assert_int_equal(s->segment[VP_CS].limit, ~0u);
	assert_int_equal(s->segment[VP_CS].base, 0);
	for (u32 i = 0; i < 4; i++)
		if (i != VP_CS) {
			assert_int_equal(s->segment[i].selector, 0x18);
			assert_int_equal(s->segment[i].attributes, 0xc093);
			assert_int_equal(s->segment[i].limit, ~0u);
		}
	assert_int_equal(s->gdtr.base, 0x1000);
	assert_int_equal(s->gdtr.limit, 0x1f);
	/* What is in memory, of each part one word. */
	memcpy(&word, child_at(2, 0x20000, 4), 4);
	assert_int_equal(word, 0x736e6f63); /* "cons" */
	memcpy(&word, child_at(2, 0x10218, 4), 4);
	assert_int_equal(word, 4 * MIB - 2 * 4096);
	memcpy(&word, child_at(2, MIB, 4), 4);
	assert_int_equal(word, 0x90909090);
	assert_memory_equal(child_at(2, 0xe0000, 8), "RSD PTR ", 8);
	assert_int_equal(parent_front.blocks, 0);
}

int main(void)
{
#define ROW(f) \
	cmocka_unit_test_setup_teardown(f, linux_file_setup, parent_teardown)
	const struct CMUnitTest tests[] = {
		ROW(test_what_does_not_fit),
		ROW(test_where_it_starts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
