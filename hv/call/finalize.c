/*
 * Finalizing: all that a partition has goes back to its pool, in steps.
 */
#include "hv/call/finalize.h"

#include "hv/base/check.h"
#include "hv/interrupt/port.h"
#include "hv/memory/frame.h"
#include "hv/run/vp_life.h"
#include "hv/stream/context.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"

/*
 * What one call of Finalize does: its beginning, or a VP, or mappings and then
 * tables. A mapping is about 550 instructions, a table of them that becomes
 * empty 3,000 more, most of them zeroes written.
 */
#define FINALIZE_MAPPINGS 64u
#define FINALIZE_PRUNED 6u /* a table, in mappings */
#define FINALIZE_TABLES 4u

static void free_intercepts(struct partition *p)
{
	for (u32 i = 0; i < ARRAY_LEN(p->io_access); i++) {
		if (p->io_access[i])
			pool_free(&p->pool, p->io_access[i]);
		p->io_access[i] = NULL;
	}
}

/*
 * From here on no VP of it may run. False: another processor is yet to see to the last exit
 * of one, which may use what finalizing frees.
 */
static bool stop_vps(struct partition *p)
{
	bool stopped = true;

	for (u32 i = 0; i < PARTITION_VPS; i++) {
		if (!p->vps[i])
			continue;
		vp_stop(p->vps[i]);
		if (!arch_vp_take(p->vps[i]))
			stopped = false;
	}
	return stopped;
}

/* The part of finalizing that is short. */
static void finalize_begin(struct partition *p)
{
	context_close(p);
	context_close_system(p);
	gpa_overlay_clear(&p->space, &p->hypercall_overlay);
	reference_free(p);
	port_free_all(p);
	free_intercepts(p);
	/* The VPs go one by one, each with the many pages that it has. The clock of the
	 * partition stands still with them. */
	reference_update(p);
	p->finalize_gpa = 0;
	p->state = PARTITION_FINALIZING;
}

static void finalize_vp(struct partition *p)
{
	u32 i = 0;

	while (!p->vps[i])
		i++;
	/* Else another processor lets it go, and the next call finds it. */
	if (arch_vp_take(p->vps[i]))
		vp_delete(p->vps[i]);
}

/* Takes what the tables that went with a mapping cost off the budget. */
static void charge_pruned(const struct partition *p, gpa_t gpa, u32 *budget)
{
	u32 cost = FINALIZE_PRUNED * arch_space_missing(&p->space.arch, gpa);

	*budget -= cost < *budget ? cost : *budget;
}

/* Drops the count that each mapping holds on its page. False: more to do. */
static bool finalize_mappings(struct partition *p, u32 *budget)
{
	gpa_t gpa = gpa_of(p->finalize_gpa);
	enum arch_next r = ARCH_NEXT_AGAIN;
	struct arch_mapping m;

	while (p->space.mapped > 0 && *budget > 0) {
		r = arch_space_next(&p->space.arch, &gpa, &m, budget);
		if (r != ARCH_NEXT_FOUND)
			break;
		/* A child's space has no large pages: there is nothing to split. */
		CHECK(arch_space_unmap(&p->space.arch, gpa));
		charge_pruned(p, gpa, budget);
		frame_drop_mapping(m.page);
		p->space.mapped--;
		gpa.v += PAGE_SIZE;
	}
	p->finalize_gpa = gpa.v;
	return p->space.mapped == 0;
}

bool partition_finalize(struct partition *p)
{
	u32 budget = FINALIZE_MAPPINGS;
	u32 tables = FINALIZE_TABLES;
	bool done;

	if (p->state == PARTITION_ACTIVE) {
		if (stop_vps(p))
			finalize_begin(p);
		return false;
	}
	if (p->vp_count > 0) {
		finalize_vp(p);
		return false;
	}
	done = finalize_mappings(p, &budget);
	/* Before tables are freed: a processor may walk those of the last turn still. */
	arch_space_flush(&p->space.arch);
	if (!done || !arch_space_free(&p->space.arch, &tables))
		return false;
	p->state = PARTITION_FINALIZED;
	return true;
}
