/*
 * parent/device.c and parent/container.c: who claims an address; forged containers.
 */
#include "lib/crc32c.h"
#include "parent/container.h"
#include "tests/host/parent/fake.h"

#define PORT 0x60u
#define GPA 0xfec00000ull
#define KIND_A 0x41u
#define KIND_B 0x42u
#define SIZE_A 5u
#define SIZE_B 16u

static struct device_access seen;
static u64 answer;

static u64 read(const struct device_access *access)
{
	seen = *access;
	return answer;
}

static void write(const struct device_access *access)
{
	seen = *access;
}

static void reset_a(void *state)
{
	memset(state, 0xa5, SIZE_A);
}

/* Two bytes of five are saved, and the second may not be 9. */
static u32 save_a(const void *state, u8 *to)
{
	memcpy(to, state, 2);
	return 2;
}

static bool restore_a(void *state, const u8 *from, u32 length)
{
	if (length != 2 || from[1] == 9)
		return false;
	memcpy(state, from, 2);
	return true;
}

static const struct device rows[] = {
	{ .name = "a",
	  .range = { { DEVICE_PORT, PORT, 4 }, { DEVICE_MEMORY, GPA, 0x20 } },
	  .read = read,
	  .write = write,
	  .state_size = SIZE_A,
	  .reset = reset_a,
	  .kind = KIND_A,
	  .save = save_a,
	  .restore = restore_a },
	{ .name = "mute",
	  .range = { { DEVICE_PORT, PORT + 4, 1 },
	             { DEVICE_MEMORY, ~0ull - 3, 4 } } },
	{ .name = "b",
	  .range = { { DEVICE_PORT, 0xffff, 1 } },
	  .read = read,
	  .state_size = SIZE_B,
	  .kind = KIND_B },
};
static const struct device_table table = { rows, ARRAY_LEN(rows) };
static u8 states[8 + 16];

static u64 read_at(enum device_space space, u64 at, u32 size, bool claimed)
{
	u64 value = 0;

	assert_int_equal(
		device_read(&table, states, states, space, at, size, &value),
		claimed);
	return value;
}

/* ---- The table ---- */

static void test_who_claims_an_address(void **state)
{
	static const struct {
		enum device_space space;
		u64 at;
		u32 row; /* ARRAY_LEN(rows): nobody */
		u32 range;
	} places[] = {
		{ DEVICE_PORT, PORT, 0, 0 },
		{ DEVICE_PORT, PORT + 3, 0, 0 },
		{ DEVICE_PORT, PORT + 4, 1, 0 },
		{ DEVICE_PORT, PORT + 5, 3, 0 },
		{ DEVICE_PORT, PORT - 1, 3, 0 },
		{ DEVICE_PORT, 0, 3, 0 },
		{ DEVICE_PORT, GPA, 3, 0 },
		{ DEVICE_PORT, 0xffff, 2, 0 },
		{ DEVICE_MEMORY, GPA, 0, 1 },
		{ DEVICE_MEMORY, GPA + 0x1f, 0, 1 },
		{ DEVICE_MEMORY, GPA + 0x20, 3, 0 },
		{ DEVICE_MEMORY, PORT, 3, 0 },
		{ DEVICE_MEMORY, 0, 3, 0 },
		{ DEVICE_MEMORY, ~0ull, 1, 1 },
	};
	const struct device *row;
	u32 range;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(places); i++) {
		range = 0;
		row = device_find(&table, places[i].space, places[i].at,
		                  &range);
		assert_ptr_equal(row, places[i].row < 3 ? &rows[places[i].row]
		                                        : NULL);
		assert_int_equal(range, places[i].range);
	}
	assert_ptr_equal(device_of_kind(&table, KIND_B), &rows[2]);
	assert_null(device_of_kind(&table, 0));
	assert_null(device_of_kind(&table, 7));
}

static void test_reads(void **state)
{
	(void)state;
	answer = 0x1122334455667788;
	assert_int_equal(read_at(DEVICE_PORT, PORT + 1, 1, true), 0x88);
	assert_int_equal(seen.offset, 1);
	assert_int_equal(seen.size, 1);
	assert_int_equal(seen.range, 0);
	assert_ptr_equal(seen.state, states);
	assert_ptr_equal(seen.parent, states);
	assert_int_equal(read_at(DEVICE_MEMORY, GPA + 8, 8, true), answer);
	assert_int_equal(seen.range, 1);
	assert_int_equal(seen.offset, 8);
	/* What reaches beyond the range is cut, and the rest is ones. */
	assert_int_equal(read_at(DEVICE_PORT, PORT + 2, 4, true), 0xffff7788);
	assert_int_equal(seen.size, 2);
	assert_int_equal(read_at(DEVICE_PORT, 0xffff, 4, true), 0xffffff88);
	assert_ptr_equal(seen.state, states + 8);
	/* Nobody's, and a device that cannot be read. */
	assert_int_equal(read_at(DEVICE_PORT, PORT + 5, 1, false), 0xff);
	assert_int_equal(read_at(DEVICE_PORT, PORT + 4, 2, false), 0xffff);
	assert_int_equal(read_at(DEVICE_MEMORY, 0, 4, false), 0xffffffff);
	assert_int_equal(read_at(DEVICE_MEMORY, ~0ull, 8, false), ~0ull);
}

static bool write_at(u64 at, u32 size, u64 value)
{
	seen = (struct device_access){ 0 };
	return device_write(&table, states, NULL, DEVICE_PORT, at, size, value);
}

static void test_writes(void **state)
{
	(void)state;
	assert_true(write_at(PORT, 2, 0x12345678));
	assert_int_equal(seen.value, 0x5678);
	assert_true(write_at(PORT + 3, 4, 0x12345678));
	assert_int_equal(seen.value, 0x78);
	assert_int_equal(seen.size, 1);
	assert_false(write_at(PORT + 4, 1, 1));
	assert_false(write_at(0xffff, 1, 1));
	assert_false(write_at(PORT + 5, 1, 1));
	assert_int_equal(seen.size, 0);
}

/* ---- Containers ---- */

#define STREAM "the stream"
#define HEAD (32u + 16 + 8 + 16 + 16) /* both devices have a part */
#define PART_A 32u
#define PART_B (32u + 16 + 8)

static u8 file[HEAD + sizeof(STREAM)];
static u64 size;

static int make(void **state)
{
	u32 head;

	(void)state;
	crc32c_init();
	assert_int_equal(device_state_size(&table), sizeof(states));
	device_reset(&table, states);
	memcpy(states, "ab", 2);
	memcpy(states + 8, "0123456789abcdef", SIZE_B);
	assert_true(container_write(&table, states, file, HEAD, &head));
	assert_int_equal(head, HEAD);
	memcpy(file + HEAD, STREAM, sizeof(STREAM));
	size = sizeof(file);
	return 0;
}

/* In a block of that size, so that a look behind it is seen. NULL: it is good. */
static const char *wrong_with(const u8 *bytes, u64 count)
{
	const char *wrong;
	u8 *copy = malloc(count ? count : 1);
	const u8 *stream;
	u64 rest;
	u32 kind = 0;

	memcpy(copy, bytes, count);
	wrong = container_read(copy, count, &stream, &rest);
	if (!wrong) {
		assert_ptr_equal(stream + rest, copy + count);
		wrong = container_restore(&table, states, copy, count, &kind);
	}
	free(copy);
	return wrong;
}

static void test_what_was_written_comes_back(void **state)
{
	const u8 *stream;
	u64 rest;

	(void)state;
	assert_null(container_read(file, size, &stream, &rest));
	assert_int_equal(rest, sizeof(STREAM));
	assert_string_equal((const char *)stream, STREAM);
	memset(states, 0, sizeof(states));
	assert_null(wrong_with(file, size));
	assert_memory_equal(states, "ab\xa5\xa5\xa5", SIZE_A);
	assert_memory_equal(states + 8, "0123456789abcdef", SIZE_B);
}

/* A state that nothing has happened to has no part, and comes back by a reset. */
static void test_what_is_as_after_a_reset(void **state)
{
	u32 head;

	(void)state;
	memset(states + 8, 0, SIZE_B);
	assert_true(container_write(&table, states, file, HEAD, &head));
	assert_int_equal(head, PART_B);
	memset(states, 0x77, sizeof(states));
	assert_null(wrong_with(file, head));
	assert_memory_equal(states, "ab\xa5\xa5\xa5", SIZE_A);
	assert_int_equal(states[8], 0);
	device_reset(&table, states);
	assert_true(container_write(&table, states, file, 0, &head));
	assert_int_equal(head, 0);
	states[0] = 1;
	for (u32 room = 0; room < PART_B; room++)
		assert_false(
			container_write(&table, states, file, room, &head));
}

/* A stream alone, whatever is in it, and the shortest files. */
static void test_what_is_no_container(void **state)
{
	u8 bytes[64] = { 0 };

	(void)state;
	for (u32 count = 0; count < sizeof(bytes); count++)
		assert_null(wrong_with(bytes, count));
	assert_memory_equal(states, "\xa5\xa5\xa5\xa5\xa5", SIZE_A);
	/* Too short for a header: the hypervisor will say what it is. */
	for (u32 count = 0; count < sizeof(struct container_header); count++)
		assert_null(wrong_with(file, count));
}

static void test_damage(void **state)
{
	(void)state;
	for (u32 bit = 64; bit < 8 * HEAD; bit++) {
		file[bit / 8] ^= (u8)(1u << bit % 8);
		assert_non_null(wrong_with(file, size));
		file[bit / 8] ^= (u8)(1u << bit % 8);
	}
	for (u64 count = 32; count < HEAD; count++)
		assert_non_null(wrong_with(file, count));
	assert_null(wrong_with(file, HEAD));
}

/* ---- With every CRC right, by one who knows the format ---- */

static void seal(u32 at)
{
	struct container_part part;

	memcpy(&part, file + at, sizeof(part));
	if (part.length <= HEAD - at - sizeof(part))
		part.payload_crc =
			crc32c(0, file + at + sizeof(part), part.length);
	part.header_crc = crc32c(0, &part, 12);
	memcpy(file + at, &part, sizeof(part));
}

static void seal_all(void)
{
	u32 crc;

	seal(PART_A);
	seal(PART_B);
	crc = crc32c(0, file, 28);
	memcpy(file + 28, &crc, sizeof(crc));
}

static void test_forged(void **state)
{
	static const struct {
		const char *what;
		u32 at;
		u32 value;
		const char *says;
	} rows_forged[] = {
		{ "version", 8, 2, "its version is not known here" },
		{ "no parts", 12, 0, "hold what no hvctl writes" },
		{ "too many parts", 12, 65, "hold what no hvctl writes" },
		{ "most parts", 12, 64, "reaches into the stream" },
		{ "one part too few", 12, 1, "do not reach the stream" },
		{ "one part too many", 12, 3, "reaches into the stream" },
		{ "head too short", 16, 24, "hold what no hvctl writes" },
		{ "head not aligned", 16, HEAD - 4, "what no hvctl writes" },
		{ "head beyond the end", 16, HEAD + 16, "it ends too early" },
		{ "head as large as it may be", 16, 65536, "ends too early" },
		{ "head too large", 16, 65544, "hold what no hvctl writes" },
		{ "head of all ones", 16, ~7u, "hold what no hvctl writes" },
		{ "head without the last part", 16, PART_B, "reaches into" },
		{ "reserved", 20, 1, "hold what no hvctl writes" },
		{ "reserved", 24, 1, "hold what no hvctl writes" },
		{ "kind 0", PART_A, 0, "a part of it has no kind" },
		{ "kind of another part", PART_A, KIND_B, "the same kind" },
		{ "unknown kind", PART_A, 7, "that is not known here" },
		{ "part too long", PART_B + 4, 17, "reaches into the stream" },
		{ "part of all ones", PART_B + 4, ~0u, "reaches into" },
		{ "part without its end", PART_B + 4, 8, "do not reach" },
		{ "part of another length", PART_B + 4, 15,
		  "what that device" },
		{ "padding", PART_A + 20, 1, "between its parts" },
		{ "state", PART_A + 16, 0x0961, "what that device cannot" },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows_forged); i++) {
		const char *wrong;

		make(NULL);
		memcpy(file + rows_forged[i].at, &rows_forged[i].value, 4);
		if (rows_forged[i].at == PART_B + 4 &&
		    rows_forged[i].value == 15)
			file[PART_B + 16 + 15] = 0;
		seal_all();
		wrong = wrong_with(file, size);
		if (!wrong || !strstr(wrong, rows_forged[i].says))
			fail_msg("%s: %s", rows_forged[i].what,
			         wrong ? wrong : "nothing is wrong");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_who_claims_an_address, make),
		cmocka_unit_test_setup(test_reads, make),
		cmocka_unit_test_setup(test_writes, make),
		cmocka_unit_test_setup(test_what_was_written_comes_back, make),
		cmocka_unit_test_setup(test_what_is_as_after_a_reset, make),
		cmocka_unit_test_setup(test_what_is_no_container, make),
		cmocka_unit_test_setup(test_damage, make),
		cmocka_unit_test_setup(test_forged, make),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
