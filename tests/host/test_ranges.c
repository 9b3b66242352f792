/*
 * boot/ranges.c: RAM out of the memory maps of firmwares.
 */
#include "boot/ranges.h"
#include "hv/memory/frame.h"
#include "tests/host/fixture/test.h"

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define DESCRIPTORS 4096
#define STRIDE 48 /* EDK2's: larger than the descriptor, on purpose */
#define BIN_PAGES 0x80ull
#define OEM 0x70000000u
#define LOADERS 0x80000000u

enum type {
	RESERVED = 0,
	LOADER_CODE = 1,
	LOADER_DATA = 2,
	BOOT_CODE = 3,
	BOOT_DATA = 4,
	RUNTIME_CODE = 5,
	RUNTIME_DATA = 6,
	CONVENTIONAL = 7,
	UNUSABLE = 8,
	ACPI_RECLAIM = 9,
	ACPI_NVS = 10,
	DEVICE = 11,
	DEVICE_PORTS = 12,
	PAL_CODE = 13,
	PERSISTENT = 14,
	UNACCEPTED = 15,
	TYPES = 16,
};

static const u32 ram_types[] = {
	LOADER_CODE,  LOADER_DATA, BOOT_CODE,  BOOT_DATA,    RUNTIME_CODE,
	RUNTIME_DATA, ACPI_NVS,    PERSISTENT, ACPI_RECLAIM, CONVENTIONAL,
	LOADERS,      LOADERS + 5, ~0u,
};

static const u32 other_types[] = {
	RESERVED,   UNUSABLE, DEVICE,  DEVICE_PORTS, PAL_CODE,
	UNACCEPTED, TYPES,    OEM - 1, OEM,          LOADERS - 1,
};

static struct {
	u8 bytes[DESCRIPTORS * STRIDE];
	u64 size;
} firmware;

static struct memory_map map;

/* Offsets are those of UEFI 2.10, 7.2. */
static void write_at(u64 at, u32 type, u64 base, u64 size)
{
	u64 pages = size / PAGE_SIZE;

	memset(firmware.bytes + at, 0xa5, STRIDE);
	memcpy(firmware.bytes + at, &type, sizeof(type));
	memcpy(firmware.bytes + at + 8, &base, sizeof(base));
	memcpy(firmware.bytes + at + 24, &pages, sizeof(pages));
}

static void add(u32 type, u64 base, u64 size)
{
	assert_true(firmware.size < sizeof(firmware.bytes));
	write_at(firmware.size, type, base, size);
	firmware.size += STRIDE;
}

static enum ranges_result read_map(void)
{
	return ranges_read(&map, firmware.bytes, firmware.size, STRIDE);
}

static void check_range(u32 i, u64 base, u64 end)
{
	assert_true(i < map.range_count);
	assert_int_equal(map.ranges[i].base, base);
	assert_int_equal(map.ranges[i].base + map.ranges[i].size, end);
}

/* What must hold of every map: ascending, apart, and counted. */
static void check_order(void)
{
	u64 pages = 0;

	for (u32 i = 0; i < map.range_count; i++) {
		const struct handoff_range *r = &map.ranges[i];

		assert_int_not_equal(r->size, 0);
		assert_int_equal(r->base % PAGE_SIZE, 0);
		assert_int_equal(r->size % PAGE_SIZE, 0);
		if (i)
			assert_true(r[-1].base + r[-1].size < r->base);
		pages += r->size / PAGE_SIZE;
	}
	assert_int_equal(map.page_count, pages);
}

static int setup(void **state)
{
	firmware.size = 0;
	return guest_setup(state);
}

#define RANGES_TEST(f) cmocka_unit_test_setup_teardown(f, setup, fake_teardown)

/* ---- Types ---- */

static void test_types_that_are_ram(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(ram_types); i++) {
		firmware.size = 0;
		add(ram_types[i], MIB, MIB);
		assert_int_equal(read_map(), RANGES_OK);
		assert_int_equal(map.range_count, 1);
		check_range(0, MIB, 2 * MIB);
	}
}

static void test_types_that_are_not(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(other_types); i++) {
		firmware.size = 0;
		add(other_types[i], MIB, MIB);
		assert_int_equal(read_map(), RANGES_NONE);
		assert_int_equal(map.range_count, 0);
		add(CONVENTIONAL, 2 * MIB, MIB);
		assert_int_equal(read_map(), RANGES_OK);
		assert_int_equal(map.range_count, 1);
		check_range(0, 2 * MIB, 3 * MIB);
	}
}

/* ---- A machine of 64 GiB, whose firmware has a bin of each type ---- */

#define BINS_BASE (2 * GIB)
#define BIN_BYTES (BIN_PAGES * PAGE_SIZE)
#define BINS_END (BINS_BASE + TYPES * BIN_BYTES)

static u64 bin_of(u32 type)
{
	return BINS_BASE + type * BIN_BYTES;
}

/* Between the bins nothing is free: RAM in them must be found bin by bin. */
static void make_64_gib(void)
{
	add(CONVENTIONAL, 0, 640 * KIB);
	add(RESERVED, 640 * KIB, 384 * KIB);
	add(CONVENTIONAL, MIB, BINS_BASE - MIB);
	for (u32 type = 0; type < TYPES; type++)
		add(type, bin_of(type), BIN_BYTES);
	add(BOOT_DATA, BINS_END, 3 * GIB - BINS_END);
	add(DEVICE, 0xfec00000, MIB);
	add(CONVENTIONAL, 4 * GIB, 61 * GIB);
}

static void check_64_gib(void)
{
	assert_int_equal(read_map(), RANGES_OK);
	check_order();
	check_range(0, 0, 640 * KIB);
	check_range(1, MIB, bin_of(RESERVED));
	check_range(2, bin_of(LOADER_CODE), bin_of(UNUSABLE));
	check_range(3, bin_of(ACPI_RECLAIM), bin_of(DEVICE));
	check_range(4, bin_of(PERSISTENT), bin_of(UNACCEPTED));
	check_range(5, BINS_END, 3 * GIB);
	check_range(6, 4 * GIB, 65 * GIB);
	assert_int_equal(map.range_count, 7);
	/* 64 GiB but for the hole of 384 KiB and six bins. */
	assert_int_equal(map.page_count,
	                 64 * GIB / PAGE_SIZE - 96 - 6 * BIN_PAGES);
}

static void test_64_gib_with_bins(void **state)
{
	(void)state;
	make_64_gib();
	check_64_gib();
}

static void test_order_does_not_matter(void **state)
{
	u8 other[STRIDE];
	u64 count, a, b;

	(void)state;
	make_64_gib();
	count = firmware.size / STRIDE;
	for (u32 round = 0; round < 200; round++) {
		a = (u64)rand() % count * STRIDE;
		b = (u64)rand() % count * STRIDE;
		memcpy(other, firmware.bytes + a, STRIDE);
		memmove(firmware.bytes + a, firmware.bytes + b, STRIDE);
		memcpy(firmware.bytes + b, other, STRIDE);
		check_64_gib();
	}
}

/* What the page database makes of it. */
static void test_bins_in_the_page_database(void **state)
{
	static struct handoff h;
	void *database;

	(void)state;
	make_64_gib();
	assert_int_equal(read_map(), RANGES_OK);
	h.range_count = map.range_count;
	memcpy(h.ranges, map.ranges, sizeof(h.ranges));
	h.reserved_base = GIB;
	h.reserved_size = 2 * MIB;
	assert_true(frame_database_size(&h) <= ranges_upkeep(&map));
	database = calloc(1, frame_database_size(&h));
	assert_non_null(database);
	frame_init(&h, database);
	for (u32 type = 0; type < TYPES; type++) {
		bool ram = false;

		for (u32 i = 0; i < ARRAY_LEN(ram_types); i++)
			ram |= ram_types[i] == type;
		for (u64 page = 0; page < BIN_PAGES; page++)
			assert_int_equal(frame_owner(hpa_of(bin_of(type) +
			                                    page * PAGE_SIZE)),
			                 ram ? FRAME_ROOT : FRAME_NONE);
	}
	assert_int_equal(frame_owner(hpa_of(GIB)), FRAME_RESERVED);
	assert_int_equal(frame_ram_end(), 65 * GIB);
	free(database);
}

/* ---- Descriptors that overlap ---- */

static void test_overlaps_of_ram(void **state)
{
	(void)state;
	add(BOOT_DATA, 3 * MIB, 2 * MIB);
	add(CONVENTIONAL, MIB, 3 * MIB);
	add(LOADER_DATA, 2 * MIB, MIB);  /* inside */
	add(LOADER_DATA, 2 * MIB, MIB);  /* and once more */
	add(RUNTIME_CODE, 5 * MIB, MIB); /* touches */
	add(CONVENTIONAL, 7 * MIB, 0);   /* nothing */
	add(CONVENTIONAL, 8 * MIB, PAGE_SIZE);
	assert_int_equal(read_map(), RANGES_OK);
	check_order();
	assert_int_equal(map.range_count, 2);
	check_range(0, MIB, 6 * MIB);
	check_range(1, 8 * MIB, 8 * MIB + PAGE_SIZE);
}

static void test_what_is_not_ram_wins(void **state)
{
	(void)state;
	add(CONVENTIONAL, 0, 16 * MIB);
	add(RESERVED, 0, MIB);               /* its beginning */
	add(DEVICE, 4 * MIB, MIB);           /* its middle */
	add(RESERVED, 5 * MIB, MIB);         /* behind that, */
	add(UNUSABLE, 4 * MIB, 3 * MIB);     /* and over both */
	add(RESERVED, 8 * MIB, 0);           /* nothing */
	add(UNACCEPTED, 15 * MIB, 32 * MIB); /* its end, and more */
	assert_int_equal(read_map(), RANGES_OK);
	check_order();
	assert_int_equal(map.range_count, 2);
	check_range(0, MIB, 4 * MIB);
	check_range(1, 7 * MIB, 15 * MIB);
}

static void test_nothing_is_left(void **state)
{
	(void)state;
	add(CONVENTIONAL, MIB, MIB);
	add(RESERVED, 0, 8 * MIB);
	assert_int_equal(read_map(), RANGES_NONE);
	assert_int_equal(map.range_count, 0);
}

/* ---- Maps that are not right ---- */

static void test_numbers_without_sense(void **state)
{
	(void)state;
	add(CONVENTIONAL, MIB, MIB);
	add(CONVENTIONAL, ~0ull - PAGE_SIZE + 1, 2 * PAGE_SIZE); /* wraps */
	add(CONVENTIONAL, 1ull << 52, MIB);
	add(DEVICE, 1ull << 63, MIB);
	add(RESERVED, 1536 * KIB, ~0ull); /* over everything behind it */
	assert_int_equal(read_map(), RANGES_OK);
	assert_int_equal(map.range_count, 1);
	check_range(0, MIB, 1536 * KIB);
}

static void test_ram_ends_where_addresses_do(void **state)
{
	(void)state;
	add(CONVENTIONAL, 1ull << 51, ~0ull);
	assert_int_equal(read_map(), RANGES_OK);
	assert_int_equal(map.range_count, 1);
	check_range(0, 1ull << 51, 1ull << 52);
}

static void test_these_are_no_descriptors(void **state)
{
	(void)state;
	add(CONVENTIONAL, MIB, MIB);
	add(CONVENTIONAL, 4 * MIB, MIB);
	for (u64 stride = 0; stride < 40; stride++)
		assert_int_equal(ranges_read(&map, firmware.bytes,
		                             firmware.size, stride),
		                 RANGES_NONE);
	for (u64 size = 0; size < 40; size++)
		assert_int_equal(
			ranges_read(&map, firmware.bytes, size, STRIDE),
			RANGES_NONE);
	/* Half a descriptor at the end is none. */
	assert_int_equal(ranges_read(&map, firmware.bytes, STRIDE + 39, STRIDE),
	                 RANGES_OK);
	assert_int_equal(map.range_count, 1);
	assert_int_equal(ranges_read(&map, firmware.bytes, STRIDE + 40, STRIDE),
	                 RANGES_OK);
	assert_int_equal(map.range_count, 2);
}

/* ---- Many pieces ---- */

static void add_pieces(u64 count)
{
	firmware.size = 0;
	for (u64 i = 0; i < count; i++) {
		/* From the highest down, with a hole of one page. */
		u64 base = (count - i) * MIB;

		add(CONVENTIONAL, base, MIB - PAGE_SIZE);
		add(RESERVED, base + MIB - PAGE_SIZE, PAGE_SIZE);
	}
}

static void test_as_many_pieces_as_fit(void **state)
{
	(void)state;
	add_pieces(RANGES_MAX);
	assert_int_equal(read_map(), RANGES_OK);
	check_order();
	assert_int_equal(map.range_count, RANGES_MAX);
	check_range(RANGES_MAX - 1, RANGES_MAX * MIB,
	            (RANGES_MAX + 1) * MIB - PAGE_SIZE);
}

static void test_one_piece_too_many(void **state)
{
	(void)state;
	add_pieces(RANGES_MAX + 1);
	assert_int_equal(read_map(), RANGES_TOO_MANY);
	add_pieces(1000);
	assert_int_equal(read_map(), RANGES_TOO_MANY);
	/* Many descriptors are not many pieces. */
	firmware.size = 0;
	for (u64 i = 0; i < DESCRIPTORS; i++)
		add(ram_types[i % ARRAY_LEN(ram_types)], i * MIB, MIB);
	assert_int_equal(read_map(), RANGES_OK);
	assert_int_equal(map.range_count, 1);
	check_range(0, 0, DESCRIPTORS * MIB);
}

/* A sparse machine: the database goes up to the end, over the hole. */
static void test_sparse(void **state)
{
	struct handoff h = { .range_count = 2 };

	(void)state;
	add(CONVENTIONAL, 0, 2 * GIB);
	add(CONVENTIONAL, 1024 * GIB, 2 * GIB);
	assert_int_equal(read_map(), RANGES_OK);
	check_order();
	assert_int_equal(map.range_count, 2);
	memcpy(h.ranges, map.ranges, 2 * sizeof(h.ranges[0]));
	assert_true(ranges_upkeep(&map) > frame_database_size(&h));
	assert_int_equal(ranges_upkeep(&map),
	                 (1026 * GIB + 4 * GIB) / PAGE_SIZE * sizeof(u32));
}

static void test_upkeep(void **state)
{
	(void)state;
	assert_int_equal(read_map(), RANGES_NONE);
	assert_int_equal(ranges_upkeep(&map), 0);
	add(CONVENTIONAL, 0, GIB);
	assert_int_equal(read_map(), RANGES_OK);
	assert_int_equal(ranges_upkeep(&map), GIB / PAGE_SIZE * 8);
}

/* ---- Our own reservation ---- */

static void test_add_in_a_bin(void **state)
{
	(void)state;
	add(CONVENTIONAL, MIB, MIB);
	add(RESERVED, 2 * MIB, 8 * MIB);
	add(CONVENTIONAL, 10 * MIB, MIB);
	assert_int_equal(read_map(), RANGES_OK);
	assert_true(ranges_add(&map, 4 * MIB, 2 * MIB)); /* by itself */
	check_order();
	assert_int_equal(map.range_count, 3);
	check_range(1, 4 * MIB, 6 * MIB);
	assert_true(ranges_add(&map, 2 * MIB, MIB)); /* touches one below */
	check_order();
	assert_int_equal(map.range_count, 3);
	check_range(0, MIB, 3 * MIB);
	assert_true(ranges_add(&map, 8 * MIB, 2 * MIB)); /* one above */
	check_order();
	check_range(2, 8 * MIB, 11 * MIB);
	assert_true(ranges_add(&map, MIB, 2 * MIB)); /* known already */
	check_order();
	assert_int_equal(map.range_count, 3);
	assert_true(ranges_add(&map, 0, 32 * MIB)); /* all of them */
	check_order();
	assert_int_equal(map.range_count, 1);
	check_range(0, 0, 32 * MIB);
}

static void test_add_before_and_behind(void **state)
{
	(void)state;
	add(CONVENTIONAL, 4 * MIB, MIB);
	assert_int_equal(read_map(), RANGES_OK);
	assert_true(ranges_add(&map, MIB, MIB));
	assert_true(ranges_add(&map, 8 * MIB, MIB));
	check_order();
	assert_int_equal(map.range_count, 3);
	check_range(0, MIB, 2 * MIB);
	check_range(1, 4 * MIB, 5 * MIB);
	check_range(2, 8 * MIB, 9 * MIB);
}

/* There is room for one whatever the firmware has, and for no more. */
static void test_add_to_a_full_map(void **state)
{
	u64 behind = (RANGES_MAX + 2) * MIB;

	(void)state;
	add_pieces(RANGES_MAX);
	assert_int_equal(read_map(), RANGES_OK);
	assert_true(ranges_add(&map, behind, MIB));
	assert_int_equal(map.range_count, HANDOFF_RANGES);
	check_order();
	assert_false(ranges_add(&map, behind + 2 * MIB, MIB));
	assert_int_equal(map.range_count, HANDOFF_RANGES);
	check_order();
	/* One that makes no new piece is welcome. */
	assert_true(ranges_add(&map, behind + MIB, MIB));
	check_range(HANDOFF_RANGES - 1, behind, behind + 2 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RANGES_TEST(test_types_that_are_ram),
		RANGES_TEST(test_types_that_are_not),
		RANGES_TEST(test_64_gib_with_bins),
		RANGES_TEST(test_order_does_not_matter),
		RANGES_TEST(test_bins_in_the_page_database),
		RANGES_TEST(test_overlaps_of_ram),
		RANGES_TEST(test_what_is_not_ram_wins),
		RANGES_TEST(test_nothing_is_left),
		RANGES_TEST(test_numbers_without_sense),
		RANGES_TEST(test_ram_ends_where_addresses_do),
		RANGES_TEST(test_these_are_no_descriptors),
		RANGES_TEST(test_as_many_pieces_as_fit),
		RANGES_TEST(test_one_piece_too_many),
		RANGES_TEST(test_sparse),
		RANGES_TEST(test_upkeep),
		RANGES_TEST(test_add_in_a_bin),
		RANGES_TEST(test_add_before_and_behind),
		RANGES_TEST(test_add_to_a_full_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
