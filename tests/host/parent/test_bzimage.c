/*
 * parent/bzimage.c: which files are kernels, where all goes, and what a kernel finds.
 */
#include "parent/bzimage.h"
#include "tests/host/fixture/test.h"

#define MIB (1u << 20)
#define SETUP 3u /* sectors behind the first */
#define CODE ((SETUP + 1) * 512)
#define CODE_BYTES 5000u /* 313 times 16, less 8 */
#define FILE_BYTES (CODE + CODE_BYTES)
#define INITRD_BYTES 5001u
#define RAM (64u * MIB)

static u8 file[FILE_BYTES + 100], initrd[INITRD_BYTES];
static struct bzimage image;

static void set(u32 at, u64 value, u32 bytes)
{
	memcpy(file + at, &value, bytes);
}

/* A header as that of a kernel of 2023, with bytes in the code that tell their place. */
static int fresh(void **state)
{
	(void)state;
	for (u32 i = 0; i < sizeof(file); i++)
		file[i] = (u8)(i * 7 + i / 256);
	for (u32 i = 0; i < INITRD_BYTES; i++)
		initrd[i] = (u8)(i * 5 + 1);
	set(0x1f1, SETUP, 1);
	set(0x1f4, 313, 4);
	set(0x1fe, 0xaa55, 2);
	set(0x200, 0x6aeb, 2); /* a jump to 26CH */
	memcpy(file + 0x202, "HdrS", 4);
	set(0x206, 0x20f, 2);
	set(0x210, 0, 1);
	set(0x211, 1, 1);
	set(0x218, 0, 8);
	set(0x228, 0, 4);
	set(0x22c, 0x7fffffff, 4);
	set(0x238, 2047, 4);
	set(0x258, 16 * MIB, 8);
	set(0x260, 20 * MIB + 100, 4);
	return 0;
}

#define assert_good() assert_null(bzimage_read(file, FILE_BYTES, &image))

static void test_header(void **state)
{
	(void)state;
	assert_true(bzimage_is(file, FILE_BYTES));
	assert_good();
	assert_int_equal(image.version, 0x20f);
	assert_int_equal(image.code, CODE);
	assert_int_equal(image.code_size, CODE_BYTES);
	assert_int_equal(image.address, 16 * MIB);
	assert_int_equal(image.room, 20 * MIB + 100);
	assert_int_equal(image.initrd_last, 0x7fffffff);
	assert_int_equal(image.cmdline_most, 2047);
	/* A signature behind it is not loaded. */
	assert_null(bzimage_read(file, FILE_BYTES + 100, &image));
	assert_int_equal(image.code_size, 313 * 16);
	/* No number of sectors is four. */
	set(0x1f1, 0, 1);
	set(0x1f4, 200, 4);
	assert_good();
	assert_int_equal(image.code, 5 * 512);
}

static void test_files_that_will_not_do(void **state)
{
	static const struct {
		u32 at, bytes;
		u64 value;
		const char *says;
	} rows[] = {
		{ 0x1fe, 2, 0xaa54, "no Linux kernel" },
		{ 0x202, 4, 0x53726447, "no Linux kernel" },
		{ 0x206, 2, 0x209, "older than 2.10" },
		{ 0x211, 1, 0, "zImage" },
		{ 0x1f1, 1, 20, "ends too early" },
		{ 0x1f4, 4, 314, "ends too early" },
		{ 0x258, 8, MIB - 1, "no kernel's does" },
		{ 0x258, 8, 0xff000000, "no kernel's does" },
		{ 0x258, 8, ~0ull, "no kernel's does" },
		{ 0x260, 4, CODE_BYTES - 1, "no kernel's does" },
		{ 0x260, 4, 0xffffffff, "no kernel's does" },
	};
	const char *wrong;

	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		fresh(state);
		set(rows[i].at, rows[i].value, rows[i].bytes);
		wrong = bzimage_read(file, FILE_BYTES, &image);
		assert_non_null(wrong);
		assert_non_null(strstr(wrong, rows[i].says));
	}
	fresh(state);
	assert_false(bzimage_is(file, 0x263));
	assert_non_null(bzimage_read(file, 0x263, &image));
	assert_non_null(bzimage_read(file, CODE, &image));
	assert_non_null(bzimage_read(file, FILE_BYTES - 8, &image));
	assert_non_null(bzimage_read(file, 0, &image));
}

static struct bzimage_child child_of(u64 ram, u64 initrd_size)
{
	assert_good();
	return (struct bzimage_child){ .kernel = file,
		                       .image = image,
		                       .initrd = initrd,
		                       .initrd_size = initrd_size,
		                       .cmdline = "console=ttyS0",
		                       .cmdline_size = 13,
		                       .ram = ram,
		                       .acpi = 0xe0000 };
}

static void test_ram(void **state)
{
	struct bzimage_child child = child_of(0, 0);

	(void)state;
	assert_int_equal(bzimage_ram(&child), 37 * MIB);
	child.image.room = 20 * MIB;
	assert_int_equal(bzimage_ram(&child), 36 * MIB);
	child.initrd_size = MIB;
	assert_int_equal(bzimage_ram(&child), 37 * MIB);
	child.initrd_size = MIB + 1;
	assert_int_equal(bzimage_ram(&child), 38 * MIB);
	/* The last address is one that it may have. */
	child.initrd_size = MIB;
	child.image.initrd_last = 37 * MIB - 1;
	assert_int_equal(bzimage_ram(&child), 37 * MIB);
	child.image.initrd_last = 37 * MIB - 2;
	assert_int_equal(bzimage_ram(&child), 0);
	child.initrd_size = 0;
	assert_int_equal(bzimage_ram(&child), 36 * MIB);
}

static u64 word(const u8 *ram, u64 at, u32 bytes)
{
	u64 value = 0;

	memcpy(&value, ram + at, bytes);
	return value;
}

/* An entry of e820: where, how much, what. */
static void assert_e820(const u8 *params, u32 n, u64 at, u64 bytes, u32 type)
{
	assert_int_equal(word(params, 0x2d0 + 20 * n, 8), at);
	assert_int_equal(word(params, 0x2d0 + 20 * n + 8, 8), bytes);
	assert_int_equal(word(params, 0x2d0 + 20 * n + 16, 4), type);
}

static void test_load(void **state)
{
	const struct bzimage_child child = child_of(RAM, INITRD_BYTES);
	u8 *ram = calloc(1, RAM);
	const u8 *params = ram + 0x10000;

	(void)state;
	bzimage_load(&child, ram);
	/* Code, with nothing behind it. */
	assert_memory_equal(ram + 16 * MIB, file + CODE, CODE_BYTES);
	assert_int_equal(word(ram, 16 * MIB + CODE_BYTES, 8), 0);
	/* The initrd, page-aligned, at the very end. */
	assert_int_equal(word(params, 0x218, 4), RAM - 2 * 4096);
	assert_int_equal(word(params, 0x21c, 4), INITRD_BYTES);
	assert_memory_equal(ram + RAM - 2 * 4096, initrd, INITRD_BYTES);
	/* The header as it is in the file, up to where it says that it ends. */
	assert_memory_equal(params + 0x1f1, file + 0x1f1, 0x210 - 0x1f1);
	assert_int_equal(params[0x210], 0xff);
	assert_int_equal(params[0x211], 1);
	assert_memory_equal(params + 0x22c, file + 0x22c, 0x26c - 0x22c);
	assert_int_equal(word(params, 0x26c, 8), 0);
	/* What we tell. */
	assert_int_equal(word(params, 0x070, 8), 0xe0000);
	assert_int_equal(word(params, 0x228, 4), 0x20000);
	assert_string_equal((const char *)ram + 0x20000, "console=ttyS0");
	assert_int_equal(params[0x1e8], 3);
	assert_e820(params, 0, 0, 0xa0000, 1);
	assert_e820(params, 1, 0xe0000, 0x20000, 2);
	assert_e820(params, 2, MIB, RAM - MIB, 1);
	/* Selectors 10H and 18H: flat, code and data. */
	assert_int_equal(word(ram, 0x1010, 8), 0x00cf9b000000ffffull);
	assert_int_equal(word(ram, 0x1018, 8), 0x00cf93000000ffffull);
	free(ram);
}

static void test_load_below_the_last_address(void **state)
{
	struct bzimage_child child = child_of(RAM, 4096);
	u8 *ram = calloc(1, RAM);

	(void)state;
	child.image.initrd_last = 40 * MIB - 2;
	bzimage_load(&child, ram);
	assert_int_equal(word(ram, 0x10218, 4), 40 * MIB - 2 * 4096);
	memset(ram, 0, RAM);
	child.image.initrd_last = 40 * MIB - 1;
	bzimage_load(&child, ram);
	assert_int_equal(word(ram, 0x10218, 4), 40 * MIB - 4096);
	/* None: no address and no size. */
	memset(ram, 0, RAM);
	child.initrd_size = 0;
	bzimage_load(&child, ram);
	assert_int_equal(word(ram, 0x10218, 8), 0);
	free(ram);
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup(f, fresh)
	const struct CMUnitTest tests[] = {
		ROW(test_header),
		ROW(test_files_that_will_not_do),
		ROW(test_ram),
		ROW(test_load),
		ROW(test_load_below_the_last_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
