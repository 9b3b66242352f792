/*
 * A real-time clock with CMOS RAM: Motorola's MC146818A on a PC, of which it has the
 * time, as the parent's own clock has it, and no interrupt: what would enable one reads
 * as 0.
 */
#ifndef STASIS_PARENT_RTC_H
#define STASIS_PARENT_RTC_H

#include "include/types.h"

#define RTC_PORT 0x70u
#define RTC_PORTS 2u
enum rtc_offset { RTC_INDEX, RTC_DATA };

/* A date and a time of day. */
struct rtc_time {
	u32 year; /* 2000 to 2099: the clock has two digits */
	u32 month, day;
	u32 hour, minute, second;
};

/*
 * What it remembers, and the bytes of it in a file. Seconds are counted from the
 * beginning of 2000 on and begin anew with 2100.
 */
struct rtc {
	u32 ahead; /*  0 seconds, of the parent's clock */
	u32 shown; /*  4 what its registers show */
	u8 index;  /*  8 */
	u8 held;   /*  9 1: they show it until A is read again */
	u8 rsvd_z[6];
	u8 cmos[128]; /* 16 registers and RAM; the time as it was shown last */
};
_Static_assert(sizeof(struct rtc) == 144, "docs/stream.md");

/* Seconds; a time that is none is false. */
bool rtc_seconds(const struct rtc_time *time, u32 *seconds);

/* now: seconds of the parent's clock. */
void rtc_reset(struct rtc *r);
u8 rtc_read(struct rtc *r, u32 offset, u32 now);
void rtc_write(struct rtc *r, u32 offset, u8 value, u32 now);

/* Can it be in that state? */
bool rtc_valid(const struct rtc *r);

#endif
