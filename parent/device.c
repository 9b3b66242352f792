/*
 * The table of devices: who claims an address, and what of a device is saved.
 */
#include "parent/device.h"

/* States lie one behind the other in one piece of memory. */
static u32 aligned(u32 size)
{
	return (size + DEVICE_STATE_ALIGN - 1) & ~(DEVICE_STATE_ALIGN - 1u);
}

u32 device_state_size(const struct device_table *table)
{
	u32 size = 0;

	for (u32 i = 0; i < table->count; i++)
		size += aligned(table->row[i].state_size);
	return size;
}

void *device_state(const struct device_table *table, const struct device *row,
                   u8 *states)
{
	for (const struct device *d = table->row; d < row; d++)
		states += aligned(d->state_size);
	return states;
}

static void reset_state(const struct device *row, void *state)
{
	__builtin_memset(state, 0, row->state_size);
	if (row->reset)
		row->reset(state);
}

void device_reset(const struct device_table *table, u8 *states)
{
	for (u32 i = 0; i < table->count; i++)
		reset_state(&table->row[i],
		            device_state(table, &table->row[i], states));
}

/* In this form a range may reach to the last address of all. */
static bool claims(const struct device_range *r, enum device_space space,
                   u64 at)
{
	return r->space == space && at >= r->first && at - r->first < r->count;
}

const struct device *device_find(const struct device_table *table,
                                 enum device_space space, u64 at, u32 *range)
{
	for (u32 i = 0; i < table->count; i++)
		for (u32 r = 0; r < DEVICE_RANGES; r++)
			if (claims(&table->row[i].range[r], space, at)) {
				*range = r;
				return &table->row[i];
			}
	return NULL;
}

static u64 ones(u32 size)
{
	return size >= 8 ? ~0ull : BIT(8 * size) - 1;
}

/*
 * False: nobody's. An access that reaches beyond the range is cut: a bus would make two
 * of it, and what is behind the range is another device's, or nobody's.
 */
static bool find_access(const struct device_table *table, u8 *states,
                        enum device_space space, u64 at,
                        struct device_access *access, const struct device **row)
{
	const struct device_range *r;

	*row = device_find(table, space, at, &access->range);
	if (!*row)
		return false;
	r = &(*row)->range[access->range];
	access->offset = at - r->first;
	if (access->size > r->count - access->offset)
		access->size = (u32)(r->count - access->offset);
	access->state = device_state(table, *row, states);
	return true;
}

/*
 * A bus that nobody drives floats high: so does what was cut. What a device answers
 * beyond the width of its access would reach what is not its own.
 */
bool device_read(const struct device_table *table, u8 *states, void *parent,
                 enum device_space space, u64 at, u32 size, u64 *value)
{
	struct device_access access = { .parent = parent, .size = size };
	const struct device *row;

	*value = ones(size);
	if (!find_access(table, states, space, at, &access, &row) || !row->read)
		return false;
	*value &= ~ones(access.size) | row->read(&access);
	return true;
}

bool device_write(const struct device_table *table, u8 *states, void *parent,
                  enum device_space space, u64 at, u32 size, u64 value)
{
	struct device_access access = { .parent = parent, .size = size };
	const struct device *row;

	if (!find_access(table, states, space, at, &access, &row) ||
	    !row->write)
		return false;
	access.value = value & ones(access.size);
	row->write(&access);
	return true;
}

const struct device *device_of_kind(const struct device_table *table, u32 kind)
{
	/* Rows of devices that save nothing have 0: no file may find those. */
	for (u32 i = 0; kind && i < table->count; i++)
		if (table->row[i].kind == kind)
			return &table->row[i];
	return NULL;
}

static u32 save_state(const struct device *row, const void *state, u8 *to)
{
	if (row->save)
		return row->save(state, to);
	__builtin_memcpy(to, state, row->state_size);
	return row->state_size;
}

static bool same_bytes(const u8 *a, const u8 *b, u32 count)
{
	for (u32 i = 0; i < count; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

/*
 * A device that nothing has happened to has no part: a child that uses none of them is
 * a stream alone, as hvctl wrote it before there were devices with a state.
 */
u32 device_save(const struct device *row, const void *state, u8 *to)
{
	_Alignas(DEVICE_STATE_ALIGN) u8 fresh_state[DEVICE_STATE_MAX];
	u8 fresh[DEVICE_STATE_MAX];
	u32 length;

	if (!row->kind)
		return 0;
	reset_state(row, fresh_state);
	length = save_state(row, state, to);
	if (length == save_state(row, fresh_state, fresh) &&
	    same_bytes(to, fresh, length))
		return 0;
	return length;
}

bool device_restore(const struct device *row, void *state, const u8 *from,
                    u32 length)
{
	if (row->restore)
		return row->restore(state, from, length);
	/* The layout is the kind's: other lengths are other layouts, or damage. */
	if (length != row->state_size)
		return false;
	__builtin_memcpy(state, from, length);
	return !row->valid || row->valid(state);
}
