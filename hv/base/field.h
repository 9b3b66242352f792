/*
 * A saved structure as a table of its fields: where each lies there, and where its
 * value is while it is in use. One table is walked to save and to load.
 */
#ifndef HV_FIELD_H
#define HV_FIELD_H

#include "include/types.h"

/*
 * One row: `count` values of `width` bytes, one behind the other. A table ascends
 * by offset and ends with a row without a name.
 *
 * live_width 0: the value is not just a place; whoever uses the table saves and
 * loads it. Otherwise `live` is where the first value lies in the structure in
 * use, `step` the way from one to the next there. A width that differs is that of
 * a number, which is cut and filled up with zeroes.
 */
struct field {
	const char *name;
	u16 at;
	u16 width;
	u16 count;
	u16 live;
	u16 live_width;
	u16 step;
	u64 rsvd; /* bits of each value that must be zero; width up to 8 */
};

/* Copies the values that are places from the structure in use. */
void field_save(const struct field *fields, void *saved, const void *live);

/* And back. */
void field_load(const struct field *fields, const void *saved, void *live);

/*
 * Is all zero that must be, in `size` bytes: reserved bits, and every byte that no
 * row covers?
 */
bool field_valid(const struct field *fields, const void *saved, u32 size);

/* Are all these bytes zero? */
bool field_all_zero(const void *bytes, u32 count);

#endif
