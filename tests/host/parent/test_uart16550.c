/*
 * parent/uart16550.c against the data sheet (PC16550D), and against what Linux' driver
 * looks for.
 */
#include "parent/uart16550.h"
#include "tests/host/fixture/test.h"

enum { RBR = 0, THR = 0, IER = 1, IIR = 2, FCR = 2, LCR, MCR, LSR, MSR, SCR };

static struct uart16550 u;

static int fresh(void **state)
{
	(void)state;
	memset(&u, 0, sizeof(u));
	return 0;
}

#define in(reg) uart16550_read(&u, reg)
#define out(reg, value) uart16550_write(&u, reg, value)
#define assert_in(reg, value) assert_int_equal(in(reg), value)
#define assert_line(on) assert_int_equal(uart16550_asserts(&u), on)

static void come(const char *bytes)
{
	for (; *bytes; bytes++)
		uart16550_receive(&u, (u8)*bytes);
}

static void test_reset(void **state)
{
	static const u8 values[] = { 0, 0, 1, 0, 0, 0x60, 0xb0, 0 };

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(values); i++)
		assert_in(i, values[i]);
	assert_line(false);
	assert_true(uart16550_valid(&u));
	assert_int_equal(uart16550_room(&u), 1);
}

static void test_registers(void **state)
{
	(void)state;
	out(IER, 0xff);
	assert_in(IER, 0x0f);
	out(MCR, 0xff);
	assert_in(MCR, 0x1f);
	out(SCR, 0xa5);
	assert_in(SCR, 0xa5);
	out(LSR, 0);
	out(MSR, 0);
	assert_in(LSR, 0x60);
	/* The divisor is behind DLAB, and IER and THR are not. */
	out(LCR, 0x83);
	assert_in(LCR, 0x83);
	assert_false(out(0, 0x34));
	out(1, 0x12);
	assert_in(0, 0x34);
	assert_in(1, 0x12);
	out(LCR, 0x03);
	assert_in(IER, 0x0f);
	assert_in(RBR, 0);
	assert_int_equal(u.divisor, 0x1234);
}

/* A byte goes out at once, and that it has gone is an interrupt. */
static void test_sending(void **state)
{
	(void)state;
	out(MCR, 0x08);
	assert_true(out(THR, 'x'));
	assert_line(false);
	out(IER, 0x02);
	assert_line(true);
	assert_in(IIR, 0x02);
	/* Told once. */
	assert_in(IIR, 0x01);
	assert_line(false);
	assert_true(out(THR, 'y'));
	assert_line(true);
	/* Off and on asks anew, on while on does not. */
	assert_in(IIR, 0x02);
	out(IER, 0x02);
	assert_line(false);
	out(IER, 0x00);
	out(IER, 0x02);
	assert_line(true);
	/* LSR has no part in it. */
	assert_in(LSR, 0x60);
	assert_line(true);
}

static void test_receiving_a_byte(void **state)
{
	(void)state;
	out(MCR, 0x08);
	out(IER, 0x01);
	come("a");
	assert_int_equal(uart16550_room(&u), 0);
	assert_line(true);
	assert_in(IIR, 0x04);
	assert_in(LSR, 0x61);
	assert_in(RBR, 'a');
	assert_line(false);
	assert_in(LSR, 0x60);
	/* The next one overwrites what was not read, and the status says so once. */
	come("bc");
	assert_in(LSR, 0x63);
	assert_in(LSR, 0x61);
	assert_in(RBR, 'c');
	assert_in(LSR, 0x60);
	assert_in(RBR, 0);
}

/* Each trigger level: below it the bytes time out, from it on they are ready. */
static void test_fifo(void **state)
{
	static const u8 levels[] = { 1, 4, 8, 14 };

	(void)state;
	out(MCR, 0x08);
	out(IER, 0x01);
	for (u32 i = 0; i < ARRAY_LEN(levels); i++) {
		out(FCR, (u8)(i << 6 | 0x07));
		assert_in(IIR, 0xc1);
		for (u32 n = 1; n <= 16; n++) {
			assert_int_equal(uart16550_room(&u), 17 - n);
			uart16550_receive(&u, (u8)n);
			assert_in(IIR, n < levels[i] ? 0xcc : 0xc4);
			assert_line(true);
		}
		/* No room: the new one is lost. */
		uart16550_receive(&u, 17);
		assert_in(LSR, 0x63);
		for (u32 n = 1; n <= 16; n++)
			assert_in(RBR, n);
		assert_in(LSR, 0x60);
		assert_line(false);
	}
}

static void test_fifo_is_emptied(void **state)
{
	(void)state;
	out(FCR, 0xc1);
	come("abc");
	out(FCR, 0xc5); /* of what is sent alone */
	assert_in(RBR, 'a');
	out(FCR, 0xc3);
	assert_in(LSR, 0x60);
	come("abc");
	out(FCR, 0xc0); /* bit 0 is off: no other bit counts */
	assert_in(LSR, 0x60);
	assert_int_equal(u.fifo, 0);
	come("a");
	out(FCR, 0x01);
	assert_in(LSR, 0x60);
	assert_in(IIR, 0xc1);
	assert_true(uart16550_valid(&u));
}

/* Table III: line status, data, THR, modem status. */
static void test_priorities(void **state)
{
	(void)state;
	out(MCR, 0x08);
	out(IER, 0x0f);
	come("ab"); /* an overrun */
	out(MCR, 0x18);
	out(MCR, 0x08); /* through the loop, where CTS and DSR were off */
	assert_in(IIR, 0x06);
	assert_in(IIR, 0x06);
	assert_in(LSR, 0x63);
	assert_in(IIR, 0x04);
	assert_in(RBR, 'b');
	assert_in(IIR, 0x02);
	assert_in(IIR, 0x00);
	assert_line(true);
	assert_in(MSR, 0xb3);
	assert_in(IIR, 0x01);
	assert_line(false);
	assert_in(MSR, 0xb0);
}

/* Each output is an input: RTS is CTS, DTR DSR, OUT1 RI, OUT2 DCD. */
static void test_loop(void **state)
{
	static const u8 modem[][2] = {
		{ 0x11, 0x20 }, { 0x12, 0x10 }, { 0x14, 0x40 },
		{ 0x18, 0x80 }, { 0x1a, 0x90 }, { 0x1f, 0xf0 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(modem); i++) {
		out(MCR, modem[i][0]);
		assert_int_equal(in(MSR)&0xf0, modem[i][1]);
	}
	assert_false(out(THR, 'x'));
	assert_in(LSR, 0x61);
	assert_in(RBR, 'x');
	/* From outside nothing comes in. */
	assert_int_equal(uart16550_room(&u), 0);
	come("y");
	assert_in(LSR, 0x60);
}

static void test_modem_changes(void **state)
{
	(void)state;
	out(MCR, 0x10);
	assert_in(MSR, 0x0b); /* all but RI were on */
	out(MCR, 0x14);
	assert_in(MSR, 0x40); /* RI begins: no change that counts */
	out(MCR, 0x10);
	assert_in(MSR, 0x04); /* and ends */
	out(MCR, 0x13);
	assert_in(MSR, 0x33);
	assert_in(MSR, 0x30);
}

/* On a PC OUT2 is what lets the interrupt through; in the loop that pin is off. */
static void test_out2(void **state)
{
	(void)state;
	out(IER, 0x01);
	come("a");
	assert_line(false);
	assert_in(IIR, 0x04);
	out(MCR, 0x08);
	assert_line(true);
	out(MCR, 0x18);
	assert_line(false);
	out(MCR, 0x0b);
	assert_line(true);
}

/* 8250_port.c: autoconfig, then the tests of its startup. */
static void test_linux_finds_a_16550a(void **state)
{
	(void)state;
	out(IER, 0);
	assert_in(IER, 0);
	out(IER, 0x0f);
	assert_in(IER, 0x0f);
	out(IER, 0);
	out(MCR, 0x10 | 0x0a);
	assert_int_equal(in(MSR)&0xf0, 0x90);
	out(MCR, 0);
	out(LCR, 0xbf);
	out(2, 0);
	out(LCR, 0);
	out(FCR, 0x01);
	assert_int_equal(in(IIR) >> 6, 3);
	out(LCR, 0x80);
	assert_int_not_equal(in(2), 0); /* no EFR */
	out(LCR, 0x00);
	out(FCR, 0x01 | 0x20);
	assert_int_equal(in(IIR) >> 5, 6); /* no 64 bytes */
	out(IER, 0x40);
	assert_in(IER, 0); /* no XScale */
	/* THRE comes back each time that it is enabled. */
	for (u32 i = 0; i < 2; i++) {
		out(IER, 0x02);
		assert_int_equal(in(IIR)&0x0f, 0x02);
		out(IER, 0x00);
	}
	out(IER, 0x02);
	assert_in(LSR, 0x60);
	assert_false(in(IIR)&0x01);
}

static void test_states(void **state)
{
	static const struct {
		u32 at;
		u8 good, bad;
	} rows[] = {
		{ 0, 0x0f, 0x10 }, { 2, 0x1f, 0x20 },  { 3, 0xc1, 0x40 },
		{ 3, 0x81, 0x03 }, { 5, 0x0f, 0x10 },  { 6, 0x02, 0x04 },
		{ 7, 0x01, 0x02 }, { 10, 0x01, 0x02 }, { 11, 0, 1 },
		{ 15, 0, 0x80 },   { 16, 0, 1 },       { 31, 0, 1 },
		{ 1, 0xff, 0xff }, { 4, 0xff, 0xff },  { 8, 0xff, 0xff },
		{ 9, 0xff, 0xff },
	};
	u8 *bytes = (u8 *)&u;

	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		fresh(state);
		bytes[rows[i].at] = rows[i].good;
		assert_true(uart16550_valid(&u));
		bytes[rows[i].at] = rows[i].bad;
		assert_int_equal(uart16550_valid(&u),
		                 rows[i].good == rows[i].bad);
	}
	fresh(state);
	u.fifo = 1;
	u.count = 16;
	memset(u.received, 0xee, sizeof(u.received));
	assert_true(uart16550_valid(&u));
	u.count = 15;
	assert_false(uart16550_valid(&u));
	u.count = 17;
	assert_false(uart16550_valid(&u));
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup(f, fresh)
	const struct CMUnitTest tests[] = {
		ROW(test_reset),
		ROW(test_registers),
		ROW(test_sending),
		ROW(test_receiving_a_byte),
		ROW(test_fifo),
		ROW(test_fifo_is_emptied),
		ROW(test_priorities),
		ROW(test_loop),
		ROW(test_modem_changes),
		ROW(test_out2),
		ROW(test_linux_finds_a_16550a),
		ROW(test_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
