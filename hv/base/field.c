/*
 * Walking a table of fields, in both directions.
 */
#include "hv/base/field.h"

#include "hv/arch.h"

/* Fields lie at multiples of their width, so no access is a torn one. */
static u64 number(const u8 *at, u32 width)
{
	switch (width) {
	case 1:
		return *at;
	case 2:
		return *(const u16 *)(const void *)at;
	case 4:
		return *(const u32 *)(const void *)at;
	default:
		return *(const u64 *)(const void *)at;
	}
}

static void set_number(u8 *at, u32 width, u64 value)
{
	switch (width) {
	case 1:
		*at = (u8)value;
		break;
	case 2:
		*(u16 *)(void *)at = (u16)value;
		break;
	case 4:
		*(u32 *)(void *)at = (u32)value;
		break;
	default:
		*(u64 *)(void *)at = value;
	}
}

/* One way of both: the same bytes on either side are one copy. */
static bool is_block(const struct field *f)
{
	return f->live_width == f->width && f->step == f->width &&
	       f->width * f->count > sizeof(u64);
}

void field_save(const struct field *fields, void *saved, const void *live)
{
	for (const struct field *f = fields; f->name; f++) {
		const u8 *from = (const u8 *)live + f->live;
		u8 *to = (u8 *)saved + f->at;

		if (f->live_width == 0)
			continue;
		if (is_block(f)) {
			arch_copy(to, from, f->width * f->count);
			continue;
		}
		/* A number that is narrower in the stream is cut: what has such
		 * a row has no more bits. */
		for (u32 i = 0; i < f->count; i++)
			set_number(to + i * f->width, f->width,
			           number(from + i * f->step, f->live_width));
	}
}

void field_load(const struct field *fields, const void *saved, void *live)
{
	for (const struct field *f = fields; f->name; f++) {
		const u8 *from = (const u8 *)saved + f->at;
		u8 *to = (u8 *)live + f->live;

		if (f->live_width == 0)
			continue;
		if (is_block(f)) {
			arch_copy(to, from, f->width * f->count);
			continue;
		}
		/* One that is wider here is filled up with zeroes, whatever lay
		 * in the staging page before. */
		for (u32 i = 0; i < f->count; i++)
			set_number(to + i * f->step, f->live_width,
			           number(from + i * f->width, f->width));
	}
}

/* None of the bits that are reserved in each value of the row. */
static bool bits_valid(const struct field *f, const u8 *at)
{
	u64 seen = 0;

	if (f->rsvd)
		for (u32 i = 0; i < f->count; i++)
			seen |= number(at + i * f->width, f->width);
	return !(seen & f->rsvd);
}

bool field_valid(const struct field *fields, const void *saved, u32 size)
{
	const u8 *bytes = saved;
	u32 end = 0; /* of the row before: what lies between is padding */

	for (const struct field *f = fields; f->name; f++) {
		/* A later version may give the gap a meaning, so no stream of
		 * today may have anything in it. */
		if (f->at > end && !field_all_zero(bytes + end, f->at - end))
			return false;
		if (!bits_valid(f, bytes + f->at))
			return false;
		end = f->at + (u32)f->width * f->count;
	}
	return end >= size || field_all_zero(bytes + end, size - end);
}

/* Most of the PROLOG is reserved: by words, and with no way out in between. */
bool field_all_zero(const void *bytes, u32 count)
{
	const u8 *at = bytes;
	u64 seen = 0, word;

	for (; count >= sizeof(word); count -= (u32)sizeof(word)) {
		__builtin_memcpy(&word, at, sizeof(word));
		at += sizeof(word);
		seen |= word;
	}
	for (; count > 0; count--)
		seen |= *at++;
	return seen == 0;
}
