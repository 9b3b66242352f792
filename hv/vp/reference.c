/*
 * Reference time: the counter, and the page that shows it. A reader of the page
 * takes the sequence before and after; so whenever scale or offset change, the
 * sequence does, over a save and restore too.
 */
#include "hv/vp/reference.h"

#include "hv/arch.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"
#include "hv/vp/vp_check.h"

#define HOUR (3600 * TSC_UNITS)
#define SEQUENCE_INVALID 0u
#define SEQUENCE_OTHER 0xffffffffu /* invalid as well, to some readers */

/*
 * The partition's clock in 100-ns units: that of its VPs' TSCs, so that the page
 * shows what the counter does.
 */
static u64 units_at(const struct partition *p, u64 tsc)
{
	return tsc_units(tsc_at(&p->clock, tsc), tsc_hz(&p->clock));
}

static u64 time_at(const struct partition *p, u64 tsc)
{
	const struct reference *r = &p->reference;

	return r->base + (r->running ? units_at(p, tsc) - r->since : 0);
}

u64 reference_time(const struct partition *p)
{
	return time_at(p, arch_tsc());
}

u64 reference_ticks(const struct partition *p, u64 time)
{
	u64 now = reference_time(p);
	u64 left = time > now ? time - now : 0;

	/* Whoever waits longer looks again then. */
	if (left > HOUR)
		left = HOUR;
	return tsc_ticks(&p->clock,
	                 tsc_ticks_of_units(left, tsc_hz(&p->clock)));
}

/* One page serves all VPs, so their TSCs have to agree. */
static bool tscs_agree(const struct partition *p, u64 *offset)
{
	u32 left = p->vp_count, seen = 0;

	for (u32 i = 0; left > 0; i++) {
		if (!p->vps[i])
			continue;
		if (seen++ && p->vps[i]->state.tsc_offset != *offset)
			return false;
		*offset = p->vps[i]->state.tsc_offset;
		left--;
	}
	return true;
}

/* A reader that is under way finds another sequence at its end. */
static void show(struct partition *p)
{
	struct reference *r = &p->reference;
	struct hv_reference_tsc_page *page = r->page;
	u64 hz = tsc_hz(&p->clock), offset = 0, now, tsc;

	if (!page || !(r->msr & HV_MSR_PAGE_ENABLE))
		return;
	/* Before the numbers change, and seen by all before they do: a reader
	 * never takes half of them for whole. */
	__atomic_store_n(&page->sequence, SEQUENCE_INVALID, __ATOMIC_SEQ_CST);
	if (!r->running || hz <= TSC_UNITS || !tscs_agree(p, &offset))
		return;
	/* A clock of 10 MHz or less would need a scale of 1 or more, which 64
	 * bits behind the point cannot say. */
	page->scale = tsc_fraction(TSC_UNITS, hz, 64);
	/* One moment for both clocks. */
	now = arch_tsc();
	tsc = tsc_at(&p->clock, now) + offset;
	/* Where the TSC turns over, the page's product does, the time does not. */
	if (tsc >> 63)
		return;
	page->offset = time_at(p, now) -
	               (u64)((unsigned __int128)tsc * page->scale >> 64);
	/* Another one than ever before, but for a wrap: a reader that slept
	 * over the change still sees that there was one. */
	do
		r->sequence++;
	while (r->sequence == SEQUENCE_INVALID ||
	       r->sequence == SEQUENCE_OTHER);
	__atomic_store_n(&page->sequence, r->sequence, __ATOMIC_SEQ_CST);
}

void reference_update(struct partition *p)
{
	struct reference *r = &p->reference;
	bool run = p->vp_count > 0 && !partition_suspended(p);
	u64 now = arch_tsc();

	/* The time so far, and since when: in this order, as the first needs
	 * the old `since`. */
	if (run != r->running) {
		r->base = time_at(p, now);
		r->since = units_at(p, now);
		r->running = run;
	}
	show(p);
}

void reference_set(struct partition *p, u64 time, u32 sequence)
{
	/* It goes on at once if a VP may run; else `since` is taken anew when
	 * one may. */
	p->reference.base = time;
	p->reference.since = units_at(p, arch_tsc());
	/* The saved one, from which show counts on: the guest may be in the
	 * middle of reading the page. */
	p->reference.sequence = sequence;
	show(p);
}

bool reference_page(struct partition *p)
{
	if (!p->reference.page)
		p->reference.page = pool_alloc(&p->pool);
	return p->reference.page;
}

void reference_unused(struct partition *p)
{
	/* One that is on lies in the guest's map, until the partition ends. */
	if (!(p->reference.msr & HV_MSR_PAGE_ENABLE))
		reference_free(p);
}

enum hv_status reference_write(struct partition *p, u64 value)
{
	struct reference *r = &p->reference;
	enum hv_status status = HV_STATUS_SUCCESS;

	if (!vp_check_page_value(value))
		return HV_STATUS_INVALID_PARAMETER;
	if (value & HV_MSR_PAGE_ENABLE)
		status = gpa_overlay_set(&p->space, &r->overlay,
		                         value >> PAGE_SHIFT, r->page,
		                         ARCH_READ);
	else
		gpa_overlay_clear(&p->space, &r->overlay);
	if (status != HV_STATUS_SUCCESS)
		return status;
	r->msr = value;
	show(p);
	return HV_STATUS_SUCCESS;
}

void reference_free(struct partition *p)
{
	gpa_overlay_clear(&p->space, &p->reference.overlay);
	if (p->reference.page)
		pool_free(&p->pool, p->reference.page);
	p->reference.page = NULL;
}
