/*
 * A processor that forgets nothing: whatever a space has mapped, a page or a
 * table, it goes on using until the space is flushed. So a page that is taken
 * from a guest is not the hypervisor's own before that.
 */
#include "tests/host/fake/tlb.h"

#include "arch/x86_64/common/vendor.h"
#include "hv/base/check.h"
#include "hv/memory/frame.h"
#include "hv/vp/partition.h"
#include "tests/host/fake/arch.h"

#define REACHABLE_MAX 65536u

/* Pages that entries led to which have changed since the space's last flush. */
static struct {
	u32 count;
	bool changed; /* some space, since fake_tlb_wrong last looked */
	struct {
		const struct arch_space *space;
		hpa_t page;
	} at[REACHABLE_MAX];
} reachable;

void fake_tlb_reset(void)
{
	reachable.count = 0;
	reachable.changed = true;
}

struct fake_span fake_tlb_span(void)
{
	return (struct fake_span){
		&reachable,
		offsetof(typeof(reachable), at) +
			reachable.count * sizeof(reachable.at[0]),
	};
}

void vendor_space_changed(struct arch_space *space, hpa_t led_to)
{
	space->stale = true;
	reachable.changed = true;
	CHECK(reachable.count < REACHABLE_MAX);
	reachable.at[reachable.count].space = space;
	reachable.at[reachable.count++].page = led_to;
}

void vendor_space_flush(struct arch_space *space)
{
	u32 left = 0;

	space->stale = false;
	fake.flushes++;
	for (u32 i = 0; i < reachable.count; i++)
		if (reachable.at[i].space != space)
			reachable.at[left++] = reachable.at[i];
	reachable.count = left;
}

static bool is_ours(hpa_t page)
{
	return frame_owner(page) == FRAME_RESERVED ||
	       frame_owner(page) == FRAME_DEPOSITED;
}

void fake_tlb_fills(hpa_t page)
{
	for (u32 i = 0; i < reachable.count; i++)
		CHECK(reachable.at[i].page.v != page.v || !is_ours(page));
}

static bool is_stale(const struct partition *p)
{
	return p->state != PARTITION_UNINITIALIZED &&
	       (p->space.arch.stale || p->space.arch.retired.v);
}

const char *fake_tlb_wrong(void)
{
	u64 id = 0;

	/* No entry was changed: all are as flushed as they were. */
	if (!fake_root() || !reachable.changed)
		return NULL;
	if (is_stale(fake_root()))
		return "the root's space was not flushed";
	while (partition_next_child(fake_root(), id, &id) ==
	               HV_STATUS_SUCCESS &&
	       id)
		if (is_stale(partition_find(id)))
			return "a child's space was not flushed";
	reachable.changed = false;
	return NULL;
}
