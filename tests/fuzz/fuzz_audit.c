/*
 * The books: owners of pages, pools, counts of mappings, and the way back to an
 * empty machine.
 */
#include <string.h>

#include "hv/memory/frame.h"
#include "tests/fuzz/fuzz_world.h"

#define RAM (10ull << 20)
#define RESERVED 200u

static u64 reserved_pages; /* of the root's pool, at the start */
static u64 root_in_use;

void fuzz_begin(enum fake_machine machine)
{
	struct fake_options o = { .machine = machine,
		                  .ram = RAM,
		                  .reserved_pages = RESERVED };
	const struct pool *pool;

	FUZZ_CHECK(guest_start(&o) == HANDOFF_OK);
	pool = &fake_root()->pool;
	reserved_pages = pool->available + pool->in_use;
	root_in_use = pool->in_use;
}

u64 fuzz_next_child(u64 previous)
{
	struct hv_input_get_next_child in = { HV_PARTITION_ID_SELF, previous };
	u64 next = 0;

	FUZZ_CHECK(guest_call(HVCALL_GET_NEXT_CHILD_PARTITION, &in, sizeof(in),
	                      &next, sizeof(next)) == HV_STATUS_SUCCESS);
	return next;
}

/* The list is as long as the pool says, and zero but for its links. */
static void audit_list(hpa_t first, u64 count)
{
	for (; count > 0; count--) {
		const u64 *page = (const u64 *)guest_at(first.v);

		FUZZ_CHECK(first.v != 0 && page[1] == 0);
		FUZZ_CHECK(!memcmp(page + 1, page + 2, PAGE_SIZE - 16));
		first.v = page[0];
	}
	FUZZ_CHECK(first.v == 0);
}

static void audit_pool(const struct pool *pool)
{
	FUZZ_CHECK(pool->withdrawable <= pool->available);
	audit_list(pool->deposited, pool->withdrawable);
	audit_list(pool->reserved, pool->available - pool->withdrawable);
}

/* The parent's mappings, counted by a walk. */
static u64 count_mappings(const struct partition *p)
{
	u64 count = 0, gpn = 0;
	struct arch_mapping m;
	enum arch_next r;

	if (p->state != PARTITION_ACTIVE)
		return p->space.mapped;
	do {
		u32 budget = 1024;

		r = gpa_next(&p->space, &gpn, &m, &budget);
		if (r != ARCH_NEXT_FOUND)
			continue;
		FUZZ_CHECK(frame_owner(m.page) == FRAME_ROOT);
		FUZZ_CHECK(frame_mappings(m.page) > 0);
		count++;
		gpn++;
	} while (r != ARCH_NEXT_END);
	return count;
}

/* A page that is nobody's secret is in the root's map, and no other is. */
static void audit_frame(u64 gpn, enum frame_owner owner)
{
	struct arch_mapping m;
	bool mapped = gpa_lookup(&fake_root()->space, gpn, &m);

	FUZZ_CHECK(mapped == (owner == FRAME_ROOT || owner == FRAME_NONE));
	FUZZ_CHECK(!mapped || m.page.v == gpn << PAGE_SHIFT);
}

void fuzz_audit(void)
{
	const struct pool *root = &fake_root()->pool;
	u64 pools = root->available + root->in_use;
	u64 deposited = 0, counted = 0, mapped = 0;

	audit_pool(root);
	for (u64 id = fuzz_next_child(0); id; id = fuzz_next_child(id)) {
		const struct partition *p = partition_find(id);

		FUZZ_CHECK(p && p->id == id);
		audit_pool(&p->pool);
		pools += p->pool.available + p->pool.in_use;
		FUZZ_CHECK(count_mappings(p) == p->space.mapped);
		mapped += p->space.mapped;
	}
	for (u64 gpn = 0; gpn < RAM >> PAGE_SHIFT; gpn++) {
		enum frame_owner owner = frame_owner(hpa_of_page(gpn));

		audit_frame(gpn, owner);
		deposited += owner == FRAME_DEPOSITED;
		counted += frame_mappings(hpa_of_page(gpn));
	}
	FUZZ_CHECK(pools == reserved_pages + deposited);
	FUZZ_CHECK(counted == mapped);
	FUZZ_CHECK(guest_longest <= FUZZ_STEPS_MAX);
}

static void remove_child(u64 id)
{
	enum partition_state state = guest_partition(id)->state;
	u64 available, in_use;

	if (state == PARTITION_ACTIVE || state == PARTITION_FINALIZING)
		FUZZ_CHECK(guest_finalize(id) == HV_STATUS_SUCCESS);
	FUZZ_CHECK(guest_balance(id, &available, &in_use) == 0);
	FUZZ_CHECK(in_use == 0);
	FUZZ_CHECK(guest_withdraw_all(id) == available);
	FUZZ_CHECK(guest_delete(id) == HV_STATUS_SUCCESS);
}

/* A process of partition id 0 ends when a whole one has come to its end. */
static void end_system(void)
{
	struct guest_stream s = { .data = NULL };
	u32 result;

	FUZZ_CHECK(guest_save(0, GUEST_SUMMARY, &s, &result) == 0);
	FUZZ_CHECK(result == HV_STATE_COMPLETE);
	guest_stream_free(&s);
}

void fuzz_end(void)
{
	u64 id;

	fuzz_audit();
	while ((id = fuzz_next_child(0)) != 0)
		remove_child(id);
	end_system();
	guest_withdraw_all(fake_root()->id);
	fuzz_audit();
	FUZZ_CHECK(fake_root()->pool.available + fake_root()->pool.in_use ==
	           reserved_pages);
	FUZZ_CHECK(fake_root()->pool.in_use == root_in_use);
	fake_stop();
}
