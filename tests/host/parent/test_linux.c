/*
 * hvctl with a child that is a Linux kernel: its serial port, its interrupts, and how it
 * ends.
 */
#include "hv/interrupt/lapic.h"
#include "include/container.h"
#include "include/x86_apic.h"
#include "lib/crc32c.h"
#include "parent/ioapic.h"
#include "tests/host/parent/fake.h"
#include "tests/host/parent/linux_file.h"

#define COM1 0x3f8

static struct child_step steps[64];
static u32 count;

static int setup(void **state)
{
	int result = linux_file_setup(state);

	memset(steps, 0, sizeof(steps));
	count = 0;
	child_program = steps;
	child_base = LINUX_FILE_START;
	return result;
}

/* ---- The child's program ---- */

static void out(u16 port, u32 value)
{
	steps[count++] =
		(struct child_step){ .port = port, .size = 1, .value = value };
	child_steps = count;
}

static void out_long(u16 port, u32 value)
{
	out(port, value);
	steps[count - 1].size = 4;
}

/* IN, and what came goes to the plain console. */
static void in_and_show(u16 port)
{
	steps[count++] =
		(struct child_step){ .port = port, .size = 1, .in = true };
	steps[count++] = (struct child_step){ .port = 0xe9,
		                              .size = 1,
		                              .from_rax = true };
	child_steps = count;
}

/* MOV DWORD [IOAPIC + offset], value, in the child's memory too. */
static void put_ioapic(u32 offset, u32 value)
{
	struct child_step s = { .length = 10,
		                .access = HV_INTERCEPT_WRITE,
		                .gpa = IOAPIC_GPA + offset };
	u32 at = (u32)s.gpa;

	s.code[0] = 0xc7;
	s.code[1] = 0x05;
	memcpy(s.code + 2, &at, 4);
	memcpy(s.code + 6, &value, 4);
	steps[count++] = s;
	child_steps = count;
}

/* Behind create: its instructions into its memory, as far as they are read there. */
static void place(u64 id)
{
	u64 at = LINUX_FILE_START;

	for (u32 i = 0; i < count; i++) {
		if (steps[i].length)
			memcpy(child_at(id, at, steps[i].length), steps[i].code,
			       steps[i].length);
		at += steps[i].length ? steps[i].length : 2;
	}
}

/* ---- The serial port ---- */

static void test_console(void **state)
{
	struct front_file *f;

	(void)state;
	out(COM1, 'a');
	out(COM1, 0xc3);
	out(COM1, 0xa4);
	out(COM1, '\n');
	out(COM1, 'b');
	out(0xf4, 3);
	assert_done(LINUX_CREATE);
	assert_done("run 2 for=2 log=con");
	assert_string_equal(parent_front.text,
	                    "a\xc3\nhvctl: child 2 suspended after 2 "
	                    "characters\n");
	f = front_find("con");
	assert_int_equal(f->size, 2);
	assert_ends("run 2 log=con", HVCTL_ABORTED);
	assert_says("\xa4\nb\nhvctl: child 2 ended with code 3 after 2 "
	            "characters\n");
	f = front_find("con");
	assert_int_equal(f->size, 3);
	assert_memory_equal(f->data, "\xa4\nb", 3);
	assert_false(parent_front.file_open);
}

/* Whatever it does, it is stopped after a time, here of one tick in a millisecond. */
static void test_stopped_after_a_time(void **state)
{
	(void)state;
	for (u32 i = 0; i < 60; i++)
		out(0xe9, '.');
	out(0xf4, 0);
	assert_done(LINUX_CREATE);
	assert_done("run 2 ms=50");
	assert_says("hvctl: child 2 suspended after ");
	assert_ends("run 2 ms=0", HVCTL_BAD_WORDS);
	assert_done("run 2");
	assert_says("hvctl: child 2 ended with code 0");
}

/* Back into the child that has its memory still, and into no other. */
static void test_state_without_memory(void **state)
{
	(void)state;
	out(0xe9, 'a');
	out(0xe9, 'b');
	out(0xf4, 0);
	assert_done(LINUX_CREATE);
	assert_done("run 2 for=1");
	assert_done("save 2 a.sav");
	assert_done("save 2 b.sav state");
	assert_true(front_find("a.sav")->size > front_find("b.sav")->size);
	assert_ends("save 2 b.sav memory", HVCTL_BAD_WORDS);
	assert_ends("restore b.sav", HVCTL_ABORTED);
	assert_done("run 2 for=1");
	assert_done("restore b.sav into=2");
	assert_done("run 2");
	assert_says("b\nhvctl: child 2 ended with code 0");
	assert_done("save 2 c.sav");
	assert_true(front_find("c.sav")->size > front_find("b.sav")->size);
}

/* A file that is full is no reason to stop the child. */
static void test_log_is_full(void **state)
{
	(void)state;
	out(COM1, 'a');
	out(0xf4, 0);
	assert_done(LINUX_CREATE);
	parent_front.file_room = 0;
	assert_done("run 2 for=1 log=con quiet");
	assert_string_equal(parent_front.text,
	                    "hvctl: child 2 suspended after 1 characters\n");
	assert_int_equal(front_find("con")->size, 1);
}

/* Long enough for keys to be looked for, then LSR and three bytes. */
static void reading(void)
{
	out(COM1 + 2, 0x01);
	for (u32 i = 0; i < 30; i++)
		out(0xe9, '.');
	in_and_show(COM1 + 5);
	for (u32 i = 0; i < 3; i++)
		in_and_show(COM1);
}

/* Keys go to the child, q and Ctrl-C too. */
static void test_typing(void **state)
{
	(void)state;
	reading();
	assert_done(LINUX_CREATE);
	parent_front.key_after = 1;
	parent_front.typed = "q\x03x";
	assert_done("run 2");
	assert_says("..aq\x03x\nhvctl: child 2 ended with code 0");
}

/* The escape key ends; what has been typed waits in the port, and is saved with it. */
static void test_typing_is_saved(void **state)
{
	(void)state;
	reading();
	assert_done(LINUX_CREATE);
	assert_done("run 2 for=1");
	parent_front.key_after = 1;
	parent_front.typed = "qx\x1d";
	assert_done("run 2");
	assert_says("\nhvctl: child 2 suspended after ");
	assert_done("save 2 a.sav");
	assert_int_equal(*(u64 *)(void *)front_find("a.sav")->data,
	                 CONTAINER_MAGIC);
	assert_done("delete 2");
	assert_done("restore a.sav");
	assert_done("run 3");
	assert_says(".aqx\nhvctl: child 3 ended with code 0");
}

/* A child that has no use for keys: they are hvctl's, as ever. */
static void test_keys_of_a_child_without_serial_port(void **state)
{
	static const char *const keys[] = { "q", "\x03", "\x1b", "\x1d" };

	(void)state;
	for (u32 i = 0; i < 40; i++)
		out(0xe9, '.');
	assert_done(LINUX_CREATE);
	for (u32 i = 0; i < ARRAY_LEN(keys); i++) {
		parent_front.key_after = 1;
		parent_front.typed = keys[i];
		assert_done("run 2");
		assert_says("child 2 suspended after");
	}
	parent_front.key_after = 1;
	parent_front.typed = "x";
	assert_done("run 2");
	assert_says("child 2 ended with code 0");
}

/* ---- Interrupts, and the end ---- */

static bool irr(u64 id, u32 vp, u32 vector)
{
	const struct vp *v = guest_partition(id)->vps[vp];

	return lapic_highest(v, LAPIC_IRR) == vector;
}

/* Pin 4 to APIC 1, vector 61H, by edge; then THRE. */
static void test_interrupt(void **state)
{
	(void)state;
	put_ioapic(0, 0x19);
	put_ioapic(0x10, 0x01000000);
	put_ioapic(0, 0x18);
	put_ioapic(0x10, 0x61);
	out(COM1 + 4, 0x08);
	out(COM1 + 1, 0x02);
	out(0xe9, '.');
	in_and_show(COM1 + 2);
	assert_done(LINUX_CREATE " vps=2");
	place(2);
	for (u32 vp = 0; vp < 2; vp++)
		lapic_write_page(guest_partition(2)->vps[vp], LAPIC_SVR, 0x1ff);
	assert_done("run 2 for=1");
	assert_true(irr(2, 1, 0x61));
	assert_false(irr(2, 0, 0x61));
	/* Its cause is in IIR; and all of it comes back. */
	assert_done("save 2 a.sav");
	assert_done("restore a.sav");
	assert_true(irr(3, 1, 0x61));
	assert_done("run 3 for=1");
	assert_says("\x02\nhvctl: child 3 suspended");
}

/* A bit of the state's first byte that no state has, or back; with right CRCs. */
/* Of each kind a bit that its device does not have. */
static const struct {
	u32 kind, offset;
	u8 bit;
} impossible[] = {
	{ 0x314d4f43, 0, 0x80 },  /* COM1: IER */
	{ 0x31414f49, 2, 0x02 },  /* IOA1: reserved, of the first pin's entry */
	{ 0x31525750, 0, 0x80 },  /* PWR1 */
	{ 0x31435452, 10, 0x80 }, /* RTC1 */
	{ 0x31494350, 0, 0x02 },  /* PCI1: of CONFIG_ADDRESS */
};

static void damage(struct container_part *part, u8 *payload)
{
	u32 i = 0;

	while (impossible[i].kind != part->kind)
		assert_true(++i < ARRAY_LEN(impossible));
	payload[impossible[i].offset] ^= impossible[i].bit;
	part->payload_crc = crc32c(0, payload, part->length);
	part->header_crc = crc32c(0, part, 12);
}

/* Where nothing is: ones, and dropped, as on a PC. The page before is nobody's. */
static void test_chipset(void **state)
{
	static const u32 at[] = { 0xfed00000, 0xfed803c0, 0xfedffffc,
		                  0xfef00000, 0xfffffffc };

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(at); i++)
		put_ioapic(at[i] - (u32)IOAPIC_GPA, 1);
	out(0xe9, '.');
	put_ioapic(0xfecffffc - (u32)IOAPIC_GPA, 1);
	assert_done(LINUX_CREATE);
	place(2);
	assert_done("run 2 for=1");
	assert_ends("run 2", HVCTL_ABORTED);
	assert_says("message UnmappedGpa");
	assert_says("GPA 0xFECFFFFC");
}

static void test_states_that_cannot_be(void **state)
{
	struct container_header *header;
	struct container_part *part;
	struct front_file *f;
	u8 *at;

	(void)state;
	put_ioapic(0, 0x18);
	out(COM1 + 4, 0x08);
	out(0x604, 0x10);
	out(0x70, 0x0c);
	out_long(0xcf8, 0x80000000);
	out(0xe9, '.');
	assert_done(LINUX_CREATE);
	place(2);
	assert_done("run 2 for=1");
	assert_done("save 2 a.sav");
	f = front_find("a.sav");
	header = (void *)f->data;
	assert_int_equal(header->part_count, ARRAY_LEN(impossible));
	at = f->data + sizeof(*header);
	for (u32 i = 0; i < ARRAY_LEN(impossible); i++) {
		part = (void *)at;
		damage(part, at + sizeof(*part));
		assert_ends("restore a.sav", HVCTL_ABORTED);
		assert_says("holds what that device cannot");
		damage(part, at + sizeof(*part));
		at += sizeof(*part) + part->length;
	}
	assert_done("restore a.sav");
}

/* The clock has the time of our own system, then and when it is restored; PCI a bridge. */
static void test_clock_and_pci(void **state)
{
	(void)state;
	parent_front.time = (struct rtc_time){ 2041, 12, 1, 7, 57, 45 };
	for (u32 life = 0; life < 2; life++) {
		out(0x70, 9);
		in_and_show(0x71); /* 41H, the year */
		out(0x70, 2);
		in_and_show(0x71);
		out(0x70, 0);
		in_and_show(0x71);
		out_long(0xcf8, 0x80000000);
		in_and_show(0xcfe); /* 37H of 12378086H */
	}
	assert_done(LINUX_CREATE);
	assert_done("run 2 for=4");
	assert_says("AWE7\n");
	assert_done("save 2 a.sav");
	assert_done("delete 2");
	parent_front.time = (struct rtc_time){ 2043, 5, 2, 1, 58, 46 };
	assert_done("restore a.sav");
	assert_done("run 3 for=4");
	assert_says("CXF7\n");
	parent_front.time.year = 0;
}

static void test_ends(void **state)
{
	(void)state;
	out(0x604, 0x34);
	assert_done(LINUX_CREATE);
	assert_done("run 2");
	assert_says("hvctl: child 2 switched itself off after 0 characters\n");
	assert_done("list");
	assert_says("   2         off  1");
	assert_ends("run 2", HVCTL_ABORTED);
	assert_says("hvctl: child 2 switched itself off\n");
}

/* It begins anew by itself, from the same files: as child 3, then 4, until it is enough. */
static void test_reset(void **state)
{
	struct front_file *f;

	(void)state;
	out(COM1, 'a');
	out(0x606, 1);
	assert_done(LINUX_CREATE " vps=2");
	assert_done("run 2 for=3 log=con");
	assert_string_equal(parent_front.text,
	                    "a\nhvctl: child 2 is reset\n"
	                    "hvctl: child 3 created, 4096 KiB of RAM, "
	                    "suspended\n"
	                    "a\nhvctl: child 3 is reset\n"
	                    "hvctl: child 4 created, 4096 KiB of RAM, "
	                    "suspended\n"
	                    "a\nhvctl: child 4 suspended after 3 "
	                    "characters\n");
	f = front_find("con");
	assert_int_equal(f->size, 3);
	assert_memory_equal(child_at(4, 0x20000, 8), "console=", 8);
	assert_non_null(guest_partition(4)->vps[1]);
	/* Of one from a file it is not known. */
	assert_done("save 4 a.sav");
	assert_done("delete 4");
	assert_done("restore a.sav");
	assert_ends("run 5", HVCTL_ABORTED);
	assert_string_equal(parent_front.text,
	                    "hvctl: child 5 wants a reset, and it is not known "
	                    "what it was created from\n  delete it, and create "
	                    "it anew\nhvctl: child 5 wants a reset after 0 "
	                    "characters\n");
	assert_done("list");
	assert_says("   5       reset  2");
	assert_ends("run 5", HVCTL_ABORTED);
	assert_done("delete 5");
}

/* The files are not what they were. */
static void test_reset_without_files(void **state)
{
	(void)state;
	out(0x606, 1);
	assert_done(LINUX_CREATE);
	front_find("initrd")->name[0] = 'x';
	assert_ends("run 2", HVCTL_ABORTED);
	assert_string_equal(parent_front.text, "hvctl: child 2 is reset\n"
	                                       "hvctl: cannot open initrd\n");
	assert_ends("run 2", HVCTL_NOT_FOUND);
	assert_int_equal(parent_front.blocks, 0);
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, setup, parent_teardown)
	const struct CMUnitTest tests[] = {
		ROW(test_console),
		ROW(test_stopped_after_a_time),
		ROW(test_state_without_memory),
		ROW(test_log_is_full),
		ROW(test_typing),
		ROW(test_typing_is_saved),
		ROW(test_keys_of_a_child_without_serial_port),
		ROW(test_interrupt),
		ROW(test_chipset),
		ROW(test_states_that_cannot_be),
		ROW(test_clock_and_pci),
		ROW(test_ends),
		ROW(test_reset),
		ROW(test_reset_without_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
