/*
 * The page database: one u32 a page up to the end of RAM, owner in the top
 * four bits, count of mappings below.
 */
#include "hv/memory/frame.h"

#include "hv/base/check.h"

#define FRAME_OWNER_SHIFT 28
#define FRAME_COUNT_MASK 0x0fffffffu

/*
 * Where and how long it is, constant after start-up. Its words are the machine's, as a page
 * goes from one partition to another: the lock of memory/, below those of partitions.
 */
static struct {
	u32 *frames;
	u64 count;
} frames;

static u64 ram_pages(const struct handoff *handoff)
{
	/* Ranges come in any order and leave holes. A hole has words like all
	 * else: so the number of a page is its index, at four bytes for each
	 * that is nobody's. */
	u64 end = 0;

	for (u32 i = 0; i < handoff->range_count; i++) {
		const struct handoff_range *r = &handoff->ranges[i];

		if (r->base + r->size > end)
			end = r->base + r->size;
	}
	return end >> PAGE_SHIFT;
}

u64 frame_database_size(const struct handoff *handoff)
{
	return (ram_pages(handoff) * sizeof(u32) + PAGE_SIZE - 1) &
	       ~(u64)(PAGE_SIZE - 1);
}

static void frame_set_range(u64 base, u64 size, enum frame_owner owner)
{
	for (u64 at = base; at < base + size; at += PAGE_SIZE)
		frame_set_owner(hpa_of(at), owner);
}

void frame_init(const struct handoff *handoff, void *memory)
{
	/* The reservation lies within one of the ranges, so it is marked behind
	 * them: the other way round the root would own the hypervisor. */
	frames.frames = memory;
	frames.count = ram_pages(handoff);
	for (u32 i = 0; i < handoff->range_count; i++)
		frame_set_range(handoff->ranges[i].base,
		                handoff->ranges[i].size, FRAME_ROOT);
	frame_set_range(handoff->reserved_base, handoff->reserved_size,
	                FRAME_RESERVED);
}

/* NULL: the address is not below the end of RAM. */
static u32 *frame_at(hpa_t page)
{
	/* Parents choose addresses, so one that is behind all RAM is an answer
	 * (nobody's) and not a mistake of ours. */
	u64 number = page.v >> PAGE_SHIFT;

	return number < frames.count ? &frames.frames[number] : NULL;
}

enum frame_owner frame_owner(hpa_t page)
{
	const u32 *frame = frame_at(page);

	return frame ? (enum frame_owner)(*frame >> FRAME_OWNER_SHIFT)
	             : FRAME_NONE;
}

void frame_set_owner(hpa_t page, enum frame_owner owner)
{
	u32 *frame = frame_at(page);

	/* A page that a child still has mapped would change hands under it;
	 * DepositMemory has refused that, so here it is our mistake. */
	CHECK(frame && (*frame & FRAME_COUNT_MASK) == 0);
	*frame = (u32)owner << FRAME_OWNER_SHIFT;
}

u32 frame_mappings(hpa_t page)
{
	const u32 *frame = frame_at(page);

	return frame ? *frame & FRAME_COUNT_MASK : 0;
}

bool frame_add_mapping(hpa_t page)
{
	u32 *frame = frame_at(page);

	CHECK(frame && frame_owner(page) == FRAME_ROOT);
	/* A parent may map one page as often as it likes: the owner in the bits
	 * above must not be reached. */
	if ((*frame & FRAME_COUNT_MASK) == FRAME_COUNT_MASK)
		return false;
	(*frame)++;
	return true;
}

void frame_drop_mapping(hpa_t page)
{
	u32 *frame = frame_at(page);

	CHECK(frame && (*frame & FRAME_COUNT_MASK) > 0);
	(*frame)--;
}

u64 frame_ram_end(void)
{
	return frames.count << PAGE_SHIFT;
}
