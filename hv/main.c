/*
 * The machine on one page: how the core comes up.
 */
#include "hv/main.h"

#include "hv/arch.h"
#include "hv/base/cpus.h"
#include "hv/base/log.h"
#include "hv/memory/frame.h"
#include "hv/memory/gpa.h"
#include "hv/memory/pool.h"
#include "hv/run/cpuid.h"
#include "hv/run/vp_life.h"
#include "hv/run/vp_reg.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"
#include "lib/crc32c.h"

/*
 * The page database takes the first of the free reserved memory, whose size the user may
 * have chosen: too little is a refusal, not a fault of ours.
 */
static u64 start_frames(const struct handoff *h)
{
	u64 size = frame_database_size(h);

	if (h->free_base + size > h->reserved_base + h->reserved_size)
		return 0;
	/* All zero is "nobody's, not mapped" for each page. */
	for (u64 at = 0; at < size; at += PAGE_SIZE)
		arch_zero_page(arch_page(hpa_of(h->free_base + at)));
	frame_init(h, arch_page(hpa_of(h->free_base)));
	return h->free_base + size;
}

/* What is left is the root's pool; its first page is the partition itself. */
static struct partition *start_root(const struct handoff *h, u64 at)
{
	u64 end = h->reserved_base + h->reserved_size;
	struct partition *root;

	/* The page database has taken all that there was. */
	if (at >= end)
		return NULL;
	arch_zero_page(arch_page(hpa_of(at)));
	root = partition_create_root(arch_page(hpa_of(at)));
	/* From the end down: the pool is a stack, and gives out the low pages first. */
	for (u64 page = end - PAGE_SIZE; page > at; page -= PAGE_SIZE)
		pool_add(&root->pool, hpa_of(page));
	return root;
}

/* All RAM and devices below 4 GiB, but nothing of [from, to). */
static bool map_around(struct arch_space *s, u64 base, u64 size, u64 from,
                       u64 to)
{
	u64 end = base + size;

	if (base < from &&
	    !arch_space_map_identity(s, base, (end < from ? end : from) - base))
		return false;
	/* What is left behind the hole; all of the range if it lies behind. */
	base = base > to ? base : to;
	return end <= base || arch_space_map_identity(s, base, end - base);
}

#define LOW_4G (1ull << 32)

/* The hypervisor's own memory is left out: no access (TLFS 22.3). */
static bool start_space(const struct handoff *h, struct partition *root)
{
	struct arch_space *s = &root->space.arch;
	u64 from = h->reserved_base;
	u64 to = from + h->reserved_size;

	/* Below 4 GiB without asking the memory map: devices are not all in it. */
	if (!arch_space_init(s, &root->pool, true) ||
	    !map_around(s, 0, LOW_4G, from, to))
		return false;
	for (u32 i = 0; i < h->range_count; i++) {
		u64 base = h->ranges[i].base;
		u64 end = base + h->ranges[i].size;

		/* What is above is RAM; a device there is mapped when it is touched. */
		base = base < LOW_4G ? LOW_4G : base;
		if (base < end && !map_around(s, base, end - base, from, to))
			return false;
	}
	return true;
}

/* arch/ fills its state, then launches: nobody is ready until a parent says so. */
static enum handoff_result start_vp(struct partition *root, struct cpu *cpu)
{
	if (vp_create(root, cpu->index, cpu) != HV_STATUS_SUCCESS)
		return HANDOFF_NO_MEMORY;
	list_init(&cpu->ready);
	list_init(&cpu->asked);
	cpu->root = cpu->current = root->vps[cpu->index];
	cpus_add(cpu);
	return HANDOFF_OK;
}

enum handoff_result hv_start_other(struct cpu *cpu)
{
	enum handoff_result result = start_vp(cpus_at(0)->root->partition, cpu);

	if (result == HANDOFF_OK)
		log_line("processor %u is entered", (u64)cpu->index);
	return result;
}

enum handoff_result hv_start(const struct handoff *handoff, struct cpu *cpu)
{
	u64 free_base = start_frames(handoff);
	struct partition *root;

	cpus_init();
	/* Before a guest can ask for a stream; it needs no memory. */
	crc32c_init();
	vp_reg_init();
	if (!free_base)
		return HANDOFF_NO_MEMORY;
	root = start_root(handoff, free_base);
	if (!root || !start_space(handoff, root))
		return HANDOFF_NO_MEMORY;
	if (start_vp(root, cpu) != HANDOFF_OK)
		return HANDOFF_NO_MEMORY;
	log_line("stasis %u.%u: %u MiB reserved at %x, TSC %u kHz",
	         (u64)STASIS_VERSION_MAJOR, (u64)STASIS_VERSION_MINOR,
	         handoff->reserved_size >> 20, handoff->reserved_base,
	         handoff->tsc_hz / 1000);
	return HANDOFF_OK;
}
