/*
 * Reference time of a partition (TLFS 12): a counter of 100-ns units, and a page
 * that gives it to the guest without an exit. It stands still while every VP is
 * explicitly suspended.
 */
#ifndef HV_REFERENCE_H
#define HV_REFERENCE_H

#include "hv/memory/gpa.h"

struct partition;

struct reference {
	u64 base; /* the time is base + what has passed since `since` ... */
	u64 since;
	bool running;                       /* ... while this is true */
	u64 msr;                            /* HV_MSR_REFERENCE_TSC */
	u32 sequence;                       /* of the page, as last shown */
	struct hv_reference_tsc_page *page; /* there while there is a VP */
	struct gpa_overlay overlay;
};

/* Now, in 100-ns units. */
u64 reference_time(const struct partition *p);

/* To be called when a VP's suspension, its TSC, or the set of VPs changed. */
void reference_update(struct partition *p);

/* Goes on from this time, as a restored partition does. */
void reference_set(struct partition *p, u64 time, u32 sequence);

/* Ticks of our TSC until that time at least; bounded by an hour. */
u64 reference_ticks(const struct partition *p, u64 time);

/*
 * HV_MSR_REFERENCE_TSC (TLFS 12). INVALID_PARAMETER: reserved bits, no such page, or
 * another overlay is there. Nothing has changed then.
 */
enum hv_status reference_write(struct partition *p, u64 value);

/*
 * Makes sure that the page is there, with the first VP: a VP that switches it on needs
 * nothing of the pool. False: the pool is dry.
 */
bool reference_page(struct partition *p);

/* The last VP has gone: the page goes too, unless it is on. */
void reference_unused(struct partition *p);

/* Gives the page back. */
void reference_free(struct partition *p);

#endif
