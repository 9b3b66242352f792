/*
 * A firmware with a little memory, and a hypervisor to which some of it is RAM:
 * what parent/supply.c sees of both.
 */
#ifndef FAKE_FIRMWARE_H
#define FAKE_FIRMWARE_H

#include "include/tlfs.h"

#define FIRMWARE_PAGES 4096u
#define FIRMWARE_BASE 0x40000000ull

enum firmware_page {
	FIRMWARE_FREE,
	FIRMWARE_TAKEN,
	FIRMWARE_DEPOSITED,
};

extern struct fake_firmware {
	enum firmware_page page[FIRMWARE_PAGES];
	bool no_ram[FIRMWARE_PAGES]; /* the hypervisor refuses it */
	/* The answer to this page, by page number, and to no other. */
	u64 special_page;
	enum hv_status special_status;
	u32 deposits; /* calls so far */
} fake_firmware;

/* All of it free, all of it RAM. */
void fake_firmware_reset(void);

/* From a page's place in the arrays to its number, and back. */
u64 fake_firmware_gpn(u64 place);
u64 fake_firmware_place(u64 address);

u32 fake_firmware_count(enum firmware_page state);

#endif
