/*
 * parent/ioapic.c against the data sheet (82093AA), and parent/acpi_power.c.
 */
#include "parent/acpi_power.h"
#include "parent/ioapic.h"
#include "tests/host/fixture/test.h"

#define SELECT 0x00u
#define WINDOW 0x10u
#define END 0x40u
#define MASKED 0x10000u
#define LEVEL 0x8000u
#define REMOTE 0x4000u

static struct ioapic io;
static struct ioapic_message m;

static int fresh(void **state)
{
	(void)state;
	memset(&io, 0xff, sizeof(io));
	ioapic_reset(&io);
	return 0;
}

static u32 get(u32 reg)
{
	ioapic_write(&io, SELECT, reg);
	return ioapic_read(&io, WINDOW);
}

static void put(u32 reg, u32 value)
{
	ioapic_write(&io, SELECT, reg);
	ioapic_write(&io, WINDOW, value);
}

static void put_pin(u32 pin, u32 low, u32 high)
{
	put(0x10 + 2 * pin + 1, high);
	put(0x10 + 2 * pin, low);
}

#define assert_none() assert_false(ioapic_take(&io, &m))
#define raise(pin) ioapic_set_line(&io, pin, true)
#define lower(pin) ioapic_set_line(&io, pin, false)

static void assert_sends(u8 vector)
{
	assert_true(ioapic_take(&io, &m));
	assert_int_equal(m.vector, vector);
}

static void test_registers(void **state)
{
	(void)state;
	assert_int_equal(get(0), 0);
	assert_int_equal(get(1), 0x00170020); /* 24 pins, an EOI register */
	for (u32 pin = 0; pin < 24; pin++) {
		assert_int_equal(get(0x10 + 2 * pin), MASKED);
		assert_int_equal(get(0x11 + 2 * pin), 0);
	}
	put(0, 0xffffffff);
	assert_int_equal(get(0), 0x0f000000);
	assert_int_equal(get(2), 0x0f000000);
	put(1, 0);
	assert_int_equal(get(1), 0x00170020);
	put(0x3e, 0xffffffff);
	put(0x3f, 0xffffffff);
	assert_int_equal(get(0x3e), 0x0001afff);
	assert_int_equal(get(0x3f), 0xff000000);
	/* Beyond the table, and beside the registers. */
	put(0x40, 1);
	assert_int_equal(get(0x40), 0);
	put(0xff, 1);
	assert_int_equal(get(0xff), 0);
	ioapic_write(&io, SELECT, 0x123);
	assert_int_equal(ioapic_read(&io, SELECT), 0x23);
	ioapic_write(&io, 0x20, 1);
	assert_int_equal(ioapic_read(&io, 0x20), 0);
	assert_int_equal(ioapic_read(&io, END), 0);
	assert_true(ioapic_valid(&io));
}

static void test_what_is_sent(void **state)
{
	static const struct {
		u32 low, high;
		struct ioapic_message is;
	} rows[] = {
		{ 0x0031, 0, { 0, 0x31, 0, false, false } },
		{ 0x09fe, 0x05000000, { 5, 0xfe, 1, true, false } },
		{ 0x0400, 0xff000000, { 0xff, 0, 4, false, false } },
		{ 0xa740, 0x01000000, { 1, 0x40, 7, false, true } },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		put_pin(i, rows[i].low, rows[i].high);
		raise(i);
		assert_true(ioapic_take(&io, &m));
		assert_int_equal(m.destination, rows[i].is.destination);
		assert_int_equal(m.vector, rows[i].is.vector);
		assert_int_equal(m.delivery, rows[i].is.delivery);
		assert_int_equal(m.logical, rows[i].is.logical);
		assert_int_equal(m.level, rows[i].is.level);
		assert_none();
	}
}

static void test_edges(void **state)
{
	(void)state;
	/* At a masked pin an edge is lost, and the line being up is none. */
	raise(4);
	put_pin(4, 0x34, 0);
	assert_none();
	lower(4);
	raise(4);
	raise(4);
	assert_sends(0x34);
	assert_none();
	raise(4);
	assert_none();
	/* Edges that were not taken are one; masking forgets it. */
	for (u32 i = 0; i < 2; i++) {
		lower(4);
		raise(4);
	}
	assert_sends(0x34);
	assert_none();
	lower(4);
	raise(4);
	put_pin(4, MASKED | 0x34, 0);
	put_pin(4, 0x34, 0);
	assert_none();
	/* Several pins, the first one first. */
	put_pin(23, 0x50, 0);
	raise(23);
	lower(4);
	raise(4);
	assert_sends(0x34);
	assert_sends(0x50);
	assert_none();
}

static void test_levels(void **state)
{
	(void)state;
	raise(9);
	put_pin(9, LEVEL | MASKED | 0x39, 0);
	assert_none();
	put_pin(9, LEVEL | 0x39, 0);
	assert_sends(0x39);
	assert_true(m.level);
	/* Delivered, and not ended: nothing more, whatever the line does. */
	assert_int_equal(get(0x22), REMOTE | LEVEL | 0x39);
	assert_none();
	lower(9);
	raise(9);
	assert_none();
	/* Remote IRR is not for writing. */
	put_pin(9, LEVEL | 0x39, 0);
	assert_int_equal(get(0x22), REMOTE | LEVEL | 0x39);
	ioapic_write(&io, END, 0x38);
	assert_none();
	ioapic_write(&io, END, 0x39);
	assert_sends(0x39);
	lower(9);
	ioapic_end(&io, 0x39);
	assert_int_equal(get(0x22), LEVEL | 0x39);
	assert_none();
	/* One that becomes a pin of edges forgets it. */
	raise(9);
	assert_sends(0x39);
	put_pin(9, MASKED | 0x39, 0);
	assert_int_equal(get(0x22), MASKED | 0x39);
	put_pin(9, LEVEL | 0x39, 0);
	assert_sends(0x39);
	assert_true(ioapic_valid(&io));
}

static void test_states(void **state)
{
	static const struct {
		u64 entry;
		u32 lines, edges, id, select;
		bool good;
	} rows[] = {
		{ MASKED, 0, 0, 0, 0, true },
		{ 0xff0000000001afff, 0xffffff, 0, 0x0f000000, 0xff, true },
		{ LEVEL | REMOTE, 0, 0, 0, 0, true },
		{ REMOTE, 0, 0, 0, 0, false },
		{ 0x1000, 0, 0, 0, 0, false },
		{ 0x20000, 0, 0, 0, 0, false },
		{ 1ull << 55, 0, 0, 0, 0, false },
		{ 0, 0, 0x000001, 0, 0, true },
		{ MASKED, 0, 0x000001, 0, 0, false },
		{ LEVEL, 0, 0x000001, 0, 0, false },
		{ 0, 0x1000000, 0, 0, 0, false },
		{ 0, 0, 0x1000000, 0, 0, false },
		{ 0, 0, 0, 0x10000000, 0, false },
		{ 0, 0, 0, 1, 0, false },
		{ 0, 0, 0, 0, 0x100, false },
	};

	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		fresh(state);
		io.entry[0] = rows[i].entry;
		io.lines = rows[i].lines;
		io.edges = rows[i].edges;
		io.id = rows[i].id;
		io.select = rows[i].select;
		assert_int_equal(ioapic_valid(&io), rows[i].good);
	}
	fresh(state);
	io.entry[23] = 0x20000;
	assert_false(ioapic_valid(&io));
}

static void test_power(void **state)
{
	struct acpi_power p = { 0 };

	(void)state;
	/* Only S5, and only with the bit that says go. */
	for (u32 value = 0; value < 0x100; value++) {
		assert_int_equal(acpi_power_write(&p, 0, (u8)value),
		                 (value & 0x3c) == (0x20 | 5 << 2)
		                         ? ACPI_POWER_SWITCHED_OFF
		                         : ACPI_POWER_NONE);
		assert_int_equal(acpi_power_read(&p, 0), value & 0x1c);
		assert_true(acpi_power_valid(&p));
		assert_int_equal(acpi_power_write(&p, 1, (u8)value),
		                 ACPI_POWER_NONE);
		assert_int_equal(acpi_power_write(&p, 2, (u8)value),
		                 value == 1 ? ACPI_POWER_IS_RESET
		                            : ACPI_POWER_NONE);
		assert_int_equal(acpi_power_read(&p, 1), 0);
		assert_int_equal(acpi_power_read(&p, 2), 0);
	}
	p.control = 0x20;
	assert_false(acpi_power_valid(&p));
	p.control = 0;
	p.rsvd_z[6] = 1;
	assert_false(acpi_power_valid(&p));
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup(f, fresh)
	const struct CMUnitTest tests[] = {
		ROW(test_registers), ROW(test_what_is_sent), ROW(test_edges),
		ROW(test_levels),    ROW(test_states),       ROW(test_power),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
