/*
 * The container: parts in front of a stream.
 */
#include "parent/container.h"

#include "lib/crc32c.h"

#define HEADER_CRC_BYTES offsetof(struct container_header, crc)
#define PART_CRC_BYTES offsetof(struct container_part, header_crc)

/* memcmp and pointers to structures would need an alignment that files lack. */
static bool is_container(const u8 *file, u64 size,
                         struct container_header *header)
{
	if (size < sizeof(*header))
		return false;
	__builtin_memcpy(header, file, sizeof(*header));
	return header->magic == CONTAINER_MAGIC;
}

static u64 padded(u64 length)
{
	return (length + CONTAINER_ALIGN - 1) & ~(u64)(CONTAINER_ALIGN - 1);
}

/* ---- Writing ---- */

static void write_part(u8 *to, const u8 *payload, u32 kind, u32 length)
{
	struct container_part part = {
		.kind = kind,
		.length = length,
		.payload_crc = crc32c(0, payload, length),
	};

	part.header_crc = crc32c(0, &part, PART_CRC_BYTES);
	__builtin_memset(to, 0, sizeof(part) + padded(length));
	__builtin_memcpy(to, &part, sizeof(part));
	__builtin_memcpy(to + sizeof(part), payload, length);
}

bool container_write(const struct device_table *table, u8 *states, u8 *to,
                     u32 room, u32 *size)
{
	struct container_header header = { .magic = CONTAINER_MAGIC,
		                           .version = CONTAINER_VERSION };
	u8 payload[DEVICE_STATE_MAX];
	u64 end = sizeof(header), need;
	u32 length;

	*size = 0;
	for (u32 i = 0; i < table->count; i++) {
		const struct device *row = &table->row[i];

		length = device_save(row, device_state(table, row, states),
		                     payload);
		if (!length)
			continue;
		need = sizeof(struct container_part) + padded(length);
		if (header.part_count == CONTAINER_PARTS_MAX ||
		    end + need > room || end + need > CONTAINER_HEAD_MAX)
			return false;
		write_part(to + end, payload, row->kind, length);
		end += need;
		header.part_count++;
	}
	if (!header.part_count)
		return true;
	header.head_size = (u32)end;
	header.crc = crc32c(0, &header, HEADER_CRC_BYTES);
	__builtin_memcpy(to, &header, sizeof(header));
	*size = header.head_size;
	return true;
}

/* ---- Reading: nothing of a file is believed before it is checked ---- */

/* The CRC first: what it does not fit is damage, and not another version. */
static const char *check_header(const struct container_header *h, u64 size)
{
	if (h->crc != crc32c(0, h, HEADER_CRC_BYTES))
		return "its first 32 bytes are damaged";
	if (h->version != CONTAINER_VERSION)
		return "its version is not known here";
	if (h->rsvd_z[0] || h->rsvd_z[1] || h->head_size % CONTAINER_ALIGN ||
	    h->head_size < sizeof(*h) || h->head_size > CONTAINER_HEAD_MAX ||
	    h->part_count == 0 || h->part_count > CONTAINER_PARTS_MAX)
		return "its first 32 bytes hold what no hvctl writes";
	return h->head_size > size ? "it ends too early" : NULL;
}

/* `left`: bytes from the part on up to the stream. */
static const char *check_part(const u8 *at, u64 left,
                              struct container_part *part)
{
	const u8 *payload = at + sizeof(*part);

	if (left < sizeof(*part))
		return "a part of it reaches into the stream";
	__builtin_memcpy(part, at, sizeof(*part));
	if (part->header_crc != crc32c(0, part, PART_CRC_BYTES))
		return "the header of a part is damaged";
	if (part->length > left - sizeof(*part) ||
	    padded(part->length) > left - sizeof(*part))
		return "a part of it reaches into the stream";
	if (part->payload_crc != crc32c(0, payload, part->length))
		return "the state of a device is damaged";
	for (u64 i = part->length; i < padded(part->length); i++)
		if (payload[i])
			return "there is something between its parts";
	return part->kind ? NULL : "a part of it has no kind";
}

/*
 * The part behind `at`, which begins at the first one with 0. False: that was the
 * last. All parts have been checked.
 */
static bool next_part(const u8 *file, u32 head_size, u64 *at,
                      struct container_part *part)
{
	if (*at == 0)
		*at = sizeof(struct container_header);
	else
		*at += sizeof(*part) + padded(part->length);
	if (*at >= head_size)
		return false;
	__builtin_memcpy(part, file + *at, sizeof(*part));
	return true;
}

/* Two parts of one kind: the second one would undo the first. */
static bool has_kind_before(const u8 *file, u64 end, u32 kind)
{
	struct container_part part;
	u64 at = 0;

	while (next_part(file, (u32)end, &at, &part))
		if (part.kind == kind)
			return true;
	return false;
}

static const char *check_parts(const u8 *file, const struct container_header *h)
{
	struct container_part part;
	const char *wrong;
	u64 at = sizeof(*h);

	for (u32 i = 0; i < h->part_count; i++) {
		wrong = check_part(file + at, h->head_size - at, &part);
		if (wrong)
			return wrong;
		if (has_kind_before(file, at, part.kind))
			return "two parts of it are of the same kind";
		at += sizeof(part) + padded(part.length);
	}
	return at == h->head_size ? NULL : "its parts do not reach the stream";
}

const char *container_read(const u8 *file, u64 size, const u8 **stream,
                           u64 *stream_size)
{
	struct container_header header;
	const char *wrong;

	*stream = file;
	*stream_size = size;
	if (!is_container(file, size, &header))
		return NULL;
	wrong = check_header(&header, size);
	if (!wrong)
		wrong = check_parts(file, &header);
	if (wrong)
		return wrong;
	*stream = file + header.head_size;
	*stream_size = size - header.head_size;
	return NULL;
}

/*
 * A part of a device that is not known is no reason to guess: without it the child
 * would wait for ever for what that device had begun.
 */
const char *container_restore(const struct device_table *table, u8 *states,
                              const u8 *file, u64 size, u32 *kind)
{
	struct container_header header;
	struct container_part part;
	const struct device *row;
	u64 at = 0;

	device_reset(table, states);
	if (!is_container(file, size, &header))
		return NULL;
	while (next_part(file, header.head_size, &at, &part)) {
		*kind = part.kind;
		row = device_of_kind(table, part.kind);
		if (!row)
			return "it has the state of a device that is not known "
			       "here";
		if (!device_restore(row, device_state(table, row, states),
		                    file + at + sizeof(part), part.length))
			return "the state of a device holds what that device "
			       "cannot";
	}
	return NULL;
}
