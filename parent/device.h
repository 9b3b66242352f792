/*
 * The devices that a parent is to its child: a table of rows. An access finds its row
 * by address; what a device remembers lies in memory that whoever keeps the child
 * gives, and goes into a saved file beside the stream (container.h).
 */
#ifndef STASIS_PARENT_DEVICE_H
#define STASIS_PARENT_DEVICE_H

#include "include/types.h"

enum device_space { DEVICE_PORT, DEVICE_MEMORY };

/* Ports, or guest-physical addresses, from `first` on. */
struct device_range {
	enum device_space space;
	u64 first;
	u64 count; /* 0: no range */
};

/* An access that is a device's. */
struct device_access {
	void *state;  /* of the device */
	void *parent; /* as device_read and device_write got it */
	u32 range;    /* its number in the row */
	u32 size;     /* bytes: those of the access that are in that range */
	u64 offset;   /* in that range */
	u64 value;    /* write: the bytes, the rest is 0 */
};

#define DEVICE_RANGES 3
#define DEVICE_STATE_MAX 4096 /* bytes of one device, and of its saved state */

struct device {
	const char *name;
	struct device_range range[DEVICE_RANGES];
	/* NULL: not intercepted at ports; in memory, all ones and dropped. */
	u64 (*read)(const struct device_access *access);
	void (*write)(const struct device_access *access);

	/* What it remembers: all 0, or as reset makes it. */
	u32 state_size;
	void (*reset)(void *state);
	/*
	 * Its part in a saved file. kind: never given to another device, nor kept
	 * for another layout; 0: nothing of it is saved.
	 * save: writes at most DEVICE_STATE_MAX bytes, answers how many. restore:
	 * fills a state that was reset; false: that is no state of it, and nobody
	 * has seen the change. NULL, both: the bytes are the state as it is, and valid
	 * says whether a state can be so; NULL: any can.
	 */
	u32 kind;
	u32 (*save)(const void *state, u8 *to);
	bool (*restore)(void *state, const u8 *from, u32 length);
	bool (*valid)(const void *state);
};

struct device_table {
	const struct device *row;
	u32 count;
};

/* Bytes of the states of all rows; and where a row's begins. The first is aligned so. */
#define DEVICE_STATE_ALIGN 8
u32 device_state_size(const struct device_table *table);
void *device_state(const struct device_table *table, const struct device *row,
                   u8 *states);

/* All of them as after power-on. */
void device_reset(const struct device_table *table, u8 *states);

/*
 * An access to `size` bytes, 1 to 8, by the row that claims the first of them. False:
 * there is none, or it has no such function; then *value is all ones, and a write is
 * dropped. Of an access that reaches beyond the range, the rest is ones, or dropped.
 */
bool device_read(const struct device_table *table, u8 *states, void *parent,
                 enum device_space space, u64 at, u32 size, u64 *value);
bool device_write(const struct device_table *table, u8 *states, void *parent,
                  enum device_space space, u64 at, u32 size, u64 value);

/* The row that claims this address, NULL: none. range: its number in the row. */
const struct device *device_find(const struct device_table *table,
                                 enum device_space space, u64 at, u32 *range);

/* The row of a kind that is not 0, NULL: none. */
const struct device *device_of_kind(const struct device_table *table, u32 kind);

/*
 * The saved state of a row, written to `to` (DEVICE_STATE_MAX bytes): its length; 0:
 * it is as reset makes it, or nothing of it is saved.
 */
u32 device_save(const struct device *row, const void *state, u8 *to);

/* False: these bytes are no state of it. The state has been reset before. */
bool device_restore(const struct device *row, void *state, const u8 *from,
                    u32 length);

#endif
