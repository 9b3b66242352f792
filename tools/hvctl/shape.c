/*
 * Looks into a stream, as far as a parent has to: VP indices and the GPA map.
 */
#include "tools/hvctl/shape.h"

#include "tools/hvctl/print.h"

/* Sanity only: a map beyond this is damage and not a partition (16 GiB). */
#define PAGES_MAX (BIT(34) / PAGE_SIZE)

static bool read_vp_indices(struct shape *shape, const u8 *payload, u32 length)
{
	struct stream_vp_indices in;

	/* A stream is not trusted with anything, not even here: no look behind its bytes. */
	if (length < sizeof(in))
		return false;
	__builtin_memcpy(&in, payload, sizeof(in));
	__builtin_memcpy(shape->vps, in.bitmap, sizeof(shape->vps));
	return true;
}

static bool read_gpa_map(struct shape *shape, const u8 *payload, u32 length)
{
	struct stream_extent e;

	for (; length >= sizeof(e); length -= (u32)sizeof(e)) {
		__builtin_memcpy(&e, payload, sizeof(e));
		payload += sizeof(e);
		/*
		 * Both are bounds of ours. Such a map is not followed: the child would be built for
		 * hours, only for the hypervisor to say that the stream is damaged.
		 */
		if (shape->extent_count == SHAPE_EXTENTS ||
		    shape->pages + e.count > PAGES_MAX)
			return false;
		shape->extent[shape->extent_count++] = e;
		shape->pages += e.count;
	}
	return true;
}

static const struct {
	u32 id;
	bool (*read)(struct shape *shape, const u8 *payload, u32 length);
} readers[] = {
	{ STREAM_VP_INDICES, read_vp_indices },
	{ STREAM_GPA_MAP, read_gpa_map },
};

static bool read_chunk(struct shape *shape, const struct stream_header *header,
                       const u8 *payload)
{
	/* What is in no row is the hypervisor's business alone. */
	for (u32 i = 0; i < ARRAY_LEN(readers); i++)
		if (readers[i].id == header->id)
			return readers[i].read(shape, payload, header->length);
	return true;
}

/* True: all chunks up to the end were walked without running out of bytes. */
static bool walk(struct shape *shape, const u8 *data, u64 size)
{
	struct stream_header header;

	while (size >= sizeof(header)) {
		__builtin_memcpy(&header, data, sizeof(header));
		data += sizeof(header);
		size -= sizeof(header);
		/* Copied out of bytes that lie anywhere: only now is it known that there are so many. */
		if (header.length > size || header.length % STREAM_ALIGN ||
		    !read_chunk(shape, &header, data))
			return false;
		if (header.id == STREAM_EPILOG)
			return true;
		data += header.length;
		size -= header.length;
	}
	return false;
}

/*
 * A stream that breaks off behind its map still has a shape: the hypervisor is
 * the one to say what is wrong with it.
 */
bool shape_read(struct shape *shape, const u8 *data, u64 size)
{
	struct stream_prolog prolog;

	__builtin_memset(shape, 0, sizeof(*shape));
	if (size >= sizeof(struct stream_header) + sizeof(prolog)) {
		__builtin_memcpy(&prolog, data + sizeof(struct stream_header),
		                 sizeof(prolog));
		if (prolog.tag == STREAM_TAG && prolog.magic == STREAM_MAGIC)
			walk(shape, data, size);
	}
	/* Saved without its memory, or no stream at all: no target can be made of either. */
	if (shape->pages && (shape->vps[0] | shape->vps[1] | shape->vps[2]))
		return true;
	print("hvctl: this is no saved partition with its memory: no VPs or "
	      "no GPA map in it\n");
	return false;
}
