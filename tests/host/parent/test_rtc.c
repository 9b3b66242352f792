/*
 * parent/rtc.c: the calendar against the C library's, the registers against the data
 * sheet (MC146818A).
 */
#include <time.h>

#include "parent/rtc.h"
#include "tests/host/fixture/test.h"

#define EPOCH 946684800u   /* the beginning of 2000, in Unix' seconds */
#define PERIOD 3155760000u /* to that of 2100 */
#define SET 0x80u
#define BINARY 0x04u
#define H24 0x02u

enum {
	SECOND,
	MINUTE = 2,
	HOUR = 4,
	WEEKDAY = 6,
	DAY,
	MONTH,
	YEAR,
	A,
	B,
	C,
	D
};

static struct rtc rtc;
static u32 now;

static int fresh(void **state)
{
	(void)state;
	memset(&rtc, 0xff, sizeof(rtc));
	rtc_reset(&rtc);
	now = 0;
	return 0;
}

static u8 get(u8 index)
{
	rtc_write(&rtc, RTC_INDEX, index, now);
	return rtc_read(&rtc, RTC_DATA, now);
}

static void put(u8 index, u8 value)
{
	rtc_write(&rtc, RTC_INDEX, index, now);
	rtc_write(&rtc, RTC_DATA, value, now);
}

/* What it shows, against the library; in binary. */
static void assert_shows(u32 seconds)
{
	time_t unix_time = (time_t)EPOCH + seconds;
	struct tm t;

	gmtime_r(&unix_time, &t);
	assert_int_equal(get(SECOND), t.tm_sec);
	assert_int_equal(get(MINUTE), t.tm_min);
	assert_int_equal(get(HOUR), t.tm_hour);
	assert_int_equal(get(WEEKDAY), t.tm_wday + 1);
	assert_int_equal(get(DAY), t.tm_mday);
	assert_int_equal(get(MONTH), t.tm_mon + 1);
	assert_int_equal(get(YEAR), t.tm_year - 100);
	assert_true(rtc_valid(&rtc));
}

static void test_every_day(void **state)
{
	(void)state;
	put(B, BINARY | H24);
	for (u32 day = 0; day < PERIOD / 86400; day++) {
		now = day * 86400;
		assert_shows(now);
		now += 86399;
		assert_shows(now);
	}
	/* Two digits of a year: behind 2099 comes 2000. */
	now = PERIOD;
	assert_shows(0);
	now = 0xffffffff;
	assert_shows(0xffffffff - PERIOD);
}

static void test_seconds(void **state)
{
	static const struct rtc_time none[] = {
		{ 1999, 12, 31, 0, 0, 0 }, { 2100, 1, 1, 0, 0, 0 },
		{ 2001, 0, 1, 0, 0, 0 },   { 2001, 13, 1, 0, 0, 0 },
		{ 2001, 1, 0, 0, 0, 0 },   { 2001, 1, 32, 0, 0, 0 },
		{ 2001, 2, 29, 0, 0, 0 },  { 2004, 2, 30, 0, 0, 0 },
		{ 2001, 4, 31, 0, 0, 0 },  { 2001, 1, 1, 24, 0, 0 },
		{ 2001, 1, 1, 0, 60, 0 },  { 2001, 1, 1, 0, 0, 60 },
		{ 0, 1, 1, 0, 0, 0 },
	};
	u32 seconds = 7;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(none); i++)
		assert_false(rtc_seconds(&none[i], &seconds));
	assert_int_equal(seconds, 7);
	for (u32 day = 0; day < PERIOD / 86400; day++) {
		time_t unix_time = (time_t)EPOCH + day * 86400u + 3661;
		struct tm t;

		gmtime_r(&unix_time, &t);
		assert_true(rtc_seconds(
			&(struct rtc_time){ (u32)t.tm_year + 1900,
		                            (u32)t.tm_mon + 1, (u32)t.tm_mday,
		                            1, 1, 1 },
			&seconds));
		assert_int_equal(seconds, day * 86400u + 3661);
	}
}

static void test_registers(void **state)
{
	(void)state;
	assert_int_equal(get(A) & 0x7f, 0x26);
	assert_int_equal(get(B), H24);
	assert_int_equal(get(C), 0);
	assert_int_equal(get(D), 0x80);
	for (u32 i = 14; i < 128; i++)
		assert_int_equal(get((u8)i), 0);
	for (u32 i = 0; i < 128; i++)
		put((u8)i, (u8)(i ^ 0x5a));
	/* The upper bit of the index is not of it. */
	for (u32 i = 14; i < 128; i++)
		assert_int_equal(get((u8)(i | 0x80)), i ^ 0x5a);
	assert_int_equal(rtc_read(&rtc, RTC_INDEX, now), 0xff);
	assert_int_equal(get(C), 0);
	assert_int_equal(get(D), 0x80);
	put(A, 0xff);
	assert_int_equal(get(A) & 0x7f, 0x7f);
	/* No interrupt, no square wave, no daylight saving. */
	put(B, 0x7f);
	assert_int_equal(get(B), BINARY | H24);
	/* The alarm's registers are RAM. */
	put(1, 0xc7);
	assert_int_equal(get(1), 0xc7);
	assert_true(rtc_valid(&rtc));
}

static void test_formats(void **state)
{
	static const u8 bcd12[24] = { 0x12, 0x01, 0x02, 0x03, 0x04, 0x05,
		                      0x06, 0x07, 0x08, 0x09, 0x10, 0x11,
		                      0x92, 0x81, 0x82, 0x83, 0x84, 0x85,
		                      0x86, 0x87, 0x88, 0x89, 0x90, 0x91 };

	(void)state;
	for (u32 hour = 0; hour < 24; hour++) {
		now = hour * 3600 + 59 * 60 + 45;
		put(B, 0);
		assert_int_equal(get(HOUR), bcd12[hour]);
		assert_int_equal(get(MINUTE), 0x59);
		assert_int_equal(get(SECOND), 0x45);
		put(B, H24);
		assert_int_equal(get(HOUR), hour / 10 << 4 | hour % 10);
		put(B, BINARY);
		assert_int_equal(get(HOUR), (hour % 12 ? hour % 12 : 12) |
		                                    (hour < 12 ? 0 : 0x80));
		put(B, BINARY | H24);
		assert_int_equal(get(HOUR), hour);
		/* And each as a time that is set. */
		now += 12345;
		put(B, 0);
		put(B, SET);
		put(HOUR, bcd12[hour]);
		put(B, 0);
		put(B, BINARY | H24);
		assert_int_equal(get(HOUR), hour);
		fresh(state);
	}
}

static void set_date(u8 format)
{
	put(B, SET | format);
	put(YEAR, format & BINARY ? 24 : 0x24);
	put(MONTH, 2);
	put(DAY, format & BINARY ? 29 : 0x29);
	put(HOUR, format & BINARY ? 23 : 0x23);
	put(MINUTE, format & BINARY ? 59 : 0x59);
	put(SECOND, format & BINARY ? 58 : 0x58);
}

static void test_set(void **state)
{
	u32 date = 0;

	(void)state;
	assert_true(rtc_seconds(&(struct rtc_time){ 2024, 2, 29, 23, 59, 58 },
	                        &date));
	for (u32 i = 0; i < 4; i++) {
		u8 format = H24 | (i & 1 ? BINARY : 0);

		/* The parent's clock before and behind it. */
		now = i & 2 ? 77 : 3000000000u;
		set_date(format);
		/* It stands while it is being set. */
		now += 100;
		assert_int_equal(get(A), 0x26);
		assert_int_equal(get(SECOND), i & 1 ? 58 : 0x58);
		put(B, format);
		put(B, BINARY | H24);
		assert_shows(date);
		now += 2;
		assert_shows(date + 2);
	}
	/* A register alone: at once. */
	put(MINUTE, 30);
	assert_shows(date + 2 + 30 * 60);
	/* What is no time is not taken. */
	put(B, SET | BINARY | H24);
	put(MONTH, 13);
	put(B, BINARY | H24);
	assert_shows(date + 2 + 30 * 60);
	put(B, H24);
	put(B, SET | H24);
	put(SECOND, 0x0a);
	put(B, BINARY | H24);
	assert_true(rtc_valid(&rtc));
}

static void test_update(void **state)
{
	(void)state;
	now = 59;
	assert_int_equal(get(A), 0xa6); /* of each second once */
	assert_int_equal(get(A), 0x26);
	/* Held until it is asked again: no half of a minute. */
	assert_int_equal(get(SECOND), 0x59);
	now = 60;
	assert_int_equal(get(SECOND), 0x59);
	assert_int_equal(get(MINUTE), 0);
	assert_int_equal(get(A), 0xa6);
	assert_int_equal(get(SECOND), 0);
	assert_int_equal(get(MINUTE), 1);
	now = 61;
	/* Who never asks sees each second. */
	assert_int_equal(get(SECOND), 1);
	now = 62;
	assert_int_equal(get(SECOND), 2);
	/* What is written ends the hold. */
	assert_int_equal(get(A), 0x26);
	put(0x40, 1);
	now = 63;
	assert_int_equal(get(SECOND), 3);
}

static void test_states(void **state)
{
	struct {
		u32 offset;
		u8 value;
		bool valid;
	} rows[] = {
		{ 8, 127, true },         { 8, 128, false },
		{ 9, 1, true },           { 9, 2, false },
		{ 10, 1, false },         { 15, 1, false },
		{ 16 + A, 0x7f, true },   { 16 + A, 0x80, false },
		{ 16 + B, 0x86, true },   { 16 + B, 0x40, false },
		{ 16 + B, 1, false },     { 16 + C, 1, false },
		{ 16 + D, 0, false },     { 16 + D, 0x81, false },
		{ 16 + DAY, 0xff, true }, { 16 + 127, 0xff, true },
	};

	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		fresh(state);
		assert_true(rtc_valid(&rtc));
		((u8 *)&rtc)[rows[i].offset] = rows[i].value;
		assert_int_equal(rtc_valid(&rtc), rows[i].valid);
	}
	fresh(state);
	rtc.ahead = rtc.shown = PERIOD - 1;
	assert_true(rtc_valid(&rtc));
	rtc.ahead = PERIOD;
	assert_false(rtc_valid(&rtc));
	rtc.ahead = 0;
	rtc.shown = PERIOD;
	assert_false(rtc_valid(&rtc));
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup(f, fresh)
	const struct CMUnitTest tests[] = {
		ROW(test_every_day), ROW(test_seconds), ROW(test_registers),
		ROW(test_formats),   ROW(test_set),     ROW(test_update),
		ROW(test_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
