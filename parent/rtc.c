/*
 * Time registers, A to D, and RAM (data sheet of the MC146818A).
 */
#include "parent/rtc.h"

/* Registers; 1, 3 and 5 are the alarm's, and here as RAM. */
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
#define TIME_REGISTERS                                                     \
	(BIT(SECOND) | BIT(MINUTE) | BIT(HOUR) | BIT(WEEKDAY) | BIT(DAY) | \
	 BIT(MONTH) | BIT(YEAR))

#define A_UPDATE 0x80u /* an update comes, or goes on */
#define A_RESET 0x26u  /* a crystal of 32 kHz, a rate of 1 kHz */
#define B_SET 0x80u    /* the time is being written, and stands */
#define B_BINARY 0x04u
#define B_24 0x02u
#define B_BITS (B_SET | B_BINARY | B_24)
#define D_VALID 0x80u /* the battery is good */
#define HOUR_PM 0x80u

#define MINUTE_SECONDS 60u
#define HOUR_SECONDS 3600u
#define DAY_SECONDS 86400u
#define YEARS 100u
#define FOUR_YEARS (4 * 365u + 1)
/* From 2000 on each fourth year has a day more. */
#define PERIOD (YEARS / 4 * FOUR_YEARS * DAY_SECONDS)
#define FIRST_YEAR 2000u
#define FIRST_WEEKDAY \
	6u /* from Sunday on: the 1st of January 2000 was a Saturday */
#define MONTHS 12u

/* ---- The calendar ---- */

static u32 days_of_month(u32 year, u32 month)
{
	static const u8 days[MONTHS] = { 31, 28, 31, 30, 31, 30,
		                         31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && year % 4 == 0 ? 1u : 0);
}

bool rtc_seconds(const struct rtc_time *t, u32 *seconds)
{
	u32 year = t->year - FIRST_YEAR, days;

	if (year >= YEARS || t->month - 1 >= MONTHS || t->day < 1 ||
	    t->day > days_of_month(t->year, t->month) || t->hour >= 24 ||
	    t->minute >= 60 || t->second >= 60)
		return false;
	days = year * 365 + (year + 3) / 4 + t->day - 1;
	for (u32 month = 1; month < t->month; month++)
		days += days_of_month(t->year, month);
	*seconds = days * DAY_SECONDS + t->hour * HOUR_SECONDS +
	           t->minute * MINUTE_SECONDS + t->second;
	return true;
}

static struct rtc_time time_of(u32 seconds)
{
	struct rtc_time t = { .year = FIRST_YEAR, .month = 1 };
	u32 days = seconds / DAY_SECONDS;

	t.year += days / FOUR_YEARS * 4;
	days %= FOUR_YEARS;
	while (days >= 365u + (t.year % 4 == 0))
		days -= 365u + (t.year++ % 4 == 0);
	while (days >= days_of_month(t.year, t.month))
		days -= days_of_month(t.year, t.month++);
	t.day = days + 1;
	t.hour = seconds % DAY_SECONDS / HOUR_SECONDS;
	t.minute = seconds % HOUR_SECONDS / MINUTE_SECONDS;
	t.second = seconds % MINUTE_SECONDS;
	return t;
}

/* ---- Its registers ---- */

static u8 number(const struct rtc *r, u32 value)
{
	return (u8)(r->cmos[B] & B_BINARY ? value
	                                  : value / 10 << 4 | value % 10);
}

/* ~0: it is none. */
static u32 value_of(const struct rtc *r, u8 number)
{
	if (r->cmos[B] & B_BINARY)
		return number;
	return (number & 0xf) < 10 && number >> 4 < 10
	               ? (number >> 4) * 10u + (number & 0xf)
	               : ~0u;
}

static u8 hour_number(const struct rtc *r, u32 hour)
{
	if (r->cmos[B] & B_24)
		return number(r, hour);
	return (u8)(number(r, hour % 12 ? hour % 12 : 12) |
	            (hour >= 12 ? HOUR_PM : 0));
}

static u32 hour_of(const struct rtc *r, u8 register_value)
{
	u32 hour;

	if (r->cmos[B] & B_24)
		return value_of(r, register_value);
	hour = value_of(r, register_value & (HOUR_PM - 1));
	if (hour < 1 || hour > 12)
		return ~0u;
	return hour % 12 + (register_value & HOUR_PM ? 12 : 0);
}

static void show(struct rtc *r, u32 seconds)
{
	struct rtc_time t = time_of(seconds);

	r->shown = seconds;
	r->cmos[SECOND] = number(r, t.second);
	r->cmos[MINUTE] = number(r, t.minute);
	r->cmos[HOUR] = hour_number(r, t.hour);
	r->cmos[WEEKDAY] =
		(u8)((seconds / DAY_SECONDS + FIRST_WEEKDAY) % 7 + 1);
	r->cmos[DAY] = number(r, t.day);
	r->cmos[MONTH] = number(r, t.month);
	r->cmos[YEAR] = number(r, t.year - FIRST_YEAR);
}

/* True: the time that it shows has changed. */
static bool update(struct rtc *r, u32 now)
{
	u32 seconds = (u32)(((u64)now + r->ahead) % PERIOD);

	if (r->cmos[B] & B_SET || seconds == r->shown)
		return false;
	show(r, seconds);
	return true;
}

/* From here on the registers say what time it is; if that is none, it goes on as it was. */
static void set(struct rtc *r, u32 now)
{
	const u8 *cmos = r->cmos;
	struct rtc_time t = {
		.year = FIRST_YEAR + value_of(r, cmos[YEAR]),
		.month = value_of(r, cmos[MONTH]),
		.day = value_of(r, cmos[DAY]),
		.hour = hour_of(r, cmos[HOUR]),
		.minute = value_of(r, cmos[MINUTE]),
		.second = value_of(r, cmos[SECOND]),
	};
	u32 seconds;

	if (!rtc_seconds(&t, &seconds))
		return;
	r->ahead = (u32)(((u64)seconds + PERIOD - now % PERIOD) % PERIOD);
	show(r, seconds);
}

void rtc_reset(struct rtc *r)
{
	*r = (struct rtc){ 0 };
	r->cmos[A] = A_RESET;
	r->cmos[B] = B_24;
	r->cmos[D] = D_VALID;
	show(r, 0);
}

/*
 * A says of each second once that an update goes on, to those who wait for it. When it
 * has said that none does, the registers stay as they are until it is asked again: who
 * asks first, as the data sheet wants it, has a time in one piece.
 */
static u8 read_a(struct rtc *r, u32 now)
{
	bool changed = update(r, now);

	r->held = !changed;
	return r->cmos[A] | (changed ? A_UPDATE : 0);
}

u8 rtc_read(struct rtc *r, u32 offset, u32 now)
{
	/* The index cannot be read. */
	if (offset != RTC_DATA)
		return 0xff;
	if (r->index == A)
		return read_a(r, now);
	if (r->index < A && BIT(r->index) & TIME_REGISTERS && !r->held)
		update(r, now);
	return r->cmos[r->index];
}

static void write_b(struct rtc *r, u8 value, u32 now)
{
	u8 before = r->cmos[B];

	r->cmos[B] = value & B_BITS;
	if (value & B_SET)
		return;
	/* Until now the numbers were the writer's; now they are of this format. */
	if (before & B_SET)
		set(r, now);
	show(r, r->shown);
}

void rtc_write(struct rtc *r, u32 offset, u8 value, u32 now)
{
	/* The upper bit keeps NMIs away, on a PC. */
	if (offset == RTC_INDEX) {
		r->index = value & (sizeof(r->cmos) - 1);
		return;
	}
	/* What is not written is as it is now. */
	r->held = 0;
	update(r, now);
	if (r->index == A) {
		r->cmos[A] = value & (A_UPDATE - 1);
	} else if (r->index == B) {
		write_b(r, value, now);
	} else if (r->index < A && BIT(r->index) & TIME_REGISTERS) {
		r->cmos[r->index] = value;
		if (!(r->cmos[B] & B_SET))
			set(r, now);
	} else if (r->index != C && r->index != D) {
		r->cmos[r->index] = value;
	}
}

bool rtc_valid(const struct rtc *r)
{
	for (u32 i = 0; i < sizeof(r->rsvd_z); i++)
		if (r->rsvd_z[i])
			return false;
	return r->ahead < PERIOD && r->shown < PERIOD &&
	       r->index < sizeof(r->cmos) && r->held <= 1 &&
	       !(r->cmos[A] & A_UPDATE) && !(r->cmos[B] & ~B_BITS) &&
	       r->cmos[C] == 0 && r->cmos[D] == D_VALID;
}
