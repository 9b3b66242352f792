/*
 * Partitions: the list, the state machine, reference time, finalizing.
 */
#include "hv/partition.h"

#include "hv/check.h"
#include "hv/context.h"
#include "hv/cpu.h"
#include "hv/exit.h"
#include "hv/frame.h"
#include "hv/port.h"
#include "hv/vp.h"
#include "hv/vp_life.h"

/* What a child may do unless its parent says otherwise (TLFS 4.2.2). */
#define CHILD_PRIVILEGES                                                      \
	(HV_PRIVILEGE_ACCESS_VP_RUN_TIME_MSR |                                \
	 HV_PRIVILEGE_ACCESS_REFERENCE_COUNTER |                              \
	 HV_PRIVILEGE_ACCESS_SYNIC_MSRS |                                     \
	 HV_PRIVILEGE_ACCESS_SYNTHETIC_TIMER_MSRS |                           \
	 HV_PRIVILEGE_ACCESS_APIC_MSRS | HV_PRIVILEGE_ACCESS_HYPERCALL_MSRS | \
	 HV_PRIVILEGE_ACCESS_VP_INDEX | HV_PRIVILEGE_ACCESS_REFERENCE_TSC |   \
	 HV_PRIVILEGE_ACCESS_FREQUENCY_MSRS)

/* The root has the processor's own local APIC and timers. */
#define ROOT_PRIVILEGES                                                      \
	((CHILD_PRIVILEGES & ~(HV_PRIVILEGE_ACCESS_APIC_MSRS |               \
	                       HV_PRIVILEGE_ACCESS_REFERENCE_TSC |           \
	                       HV_PRIVILEGE_ACCESS_SYNTHETIC_TIMER_MSRS)) |  \
	 HV_PRIVILEGE_CREATE_PARTITIONS | HV_PRIVILEGE_ACCESS_PARTITION_ID | \
	 HV_PRIVILEGE_ACCESS_MEMORY_POOL | HV_PRIVILEGE_POST_MESSAGES |      \
	 HV_PRIVILEGE_SIGNAL_EVENTS | HV_PRIVILEGE_CREATE_PORT |             \
	 HV_PRIVILEGE_CONNECT_PORT)

/* In order of creation, so in ascending order of ids; no gaps. */
static struct {
	struct partition *all[PARTITION_MAX];
	u32 count;
	u64 next_id;
	u64 slots; /* in use, a bit each */
} partitions;

/*
 * What one call of Finalize does: its beginning, or a VP, or mappings and then
 * tables. A mapping is about 550 instructions, a table of them that becomes
 * empty 3,000 more, most of them zeroes written.
 */
#define FINALIZE_MAPPINGS 64u
#define FINALIZE_PRUNED 6u /* a table, in mappings */
#define FINALIZE_TABLES 4u

static void partition_init(struct partition *p, struct partition *parent)
{
	p->id = partitions.next_id++;
	p->slot = (u32)__builtin_ctzll(~partitions.slots);
	partitions.slots |= BIT(p->slot);
	p->parent = parent;
	p->save_memory = true;
	pool_init(&p->pool);
	partitions.all[partitions.count++] = p;
}

struct partition *partition_create_root(void *page)
{
	struct partition *p = page;

	partitions.count = 0;
	partitions.next_id = 1;
	partitions.slots = 0;
	partition_init(p, NULL);
	p->state = PARTITION_ACTIVE;
	p->privileges = ROOT_PRIVILEGES;
	return p;
}

struct partition *partition_root(void)
{
	return partitions.all[0];
}

enum hv_status partition_create(struct partition *parent,
                                struct partition **child)
{
	if (parent->parent)
		return HV_STATUS_PARTITION_TOO_DEEP;
	if (partitions.count == PARTITION_MAX)
		return HV_STATUS_NO_RESOURCES;
	*child = pool_alloc(&parent->pool);
	if (!*child)
		return HV_STATUS_INSUFFICIENT_MEMORY;
	partition_init(*child, parent);
	(*child)->state = PARTITION_UNINITIALIZED;
	(*child)->privileges = CHILD_PRIVILEGES;
	parent->child_count++;
	return HV_STATUS_SUCCESS;
}

enum hv_status partition_initialize(struct partition *p)
{
	CHECK(p->state == PARTITION_UNINITIALIZED);
	if (!arch_space_init(&p->space.arch, &p->pool, false))
		return HV_STATUS_INSUFFICIENT_MEMORY;
	p->state = PARTITION_ACTIVE;
	return HV_STATUS_SUCCESS;
}

static void partition_free_intercepts(struct partition *p)
{
	for (u32 i = 0; i < ARRAY_LEN(p->io_access); i++) {
		if (p->io_access[i])
			pool_free(&p->pool, p->io_access[i]);
		p->io_access[i] = NULL;
	}
}

/* The part of finalizing that is short. */
static void finalize_begin(struct partition *p)
{
	context_close(p);
	context_close_system(p);
	gpa_overlay_clear(p, &p->hypercall_overlay);
	reference_free(p);
	port_free_all(p);
	partition_free_intercepts(p);
	/* From here on no VP of it may run; they go one by one. */
	for (u32 i = 0; i < PARTITION_VPS; i++)
		if (p->vps[i])
			vp_stop(p->vps[i]);
	reference_update(p);
	p->finalize_gpa = 0;
	p->state = PARTITION_FINALIZING;
}

static void finalize_vp(struct partition *p)
{
	u32 i = 0;

	while (!p->vps[i])
		i++;
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
		finalize_begin(p);
		return false;
	}
	if (p->vp_count > 0) {
		finalize_vp(p);
		return false;
	}
	done = finalize_mappings(p, &budget);
	arch_space_flush(&p->space.arch);
	if (!done || !arch_space_free(&p->space.arch, &tables))
		return false;
	p->state = PARTITION_FINALIZED;
	return true;
}

void partition_delete(struct partition *p)
{
	struct partition *parent = p->parent;
	u32 i = 0;

	CHECK(p->pool.available == 0 && p->pool.in_use == 0);
	while (partitions.all[i] != p)
		i++;
	partitions.slots &= ~BIT(p->slot);
	partitions.count--;
	for (; i < partitions.count; i++)
		partitions.all[i] = partitions.all[i + 1];
	parent->child_count--;
	pool_free(&parent->pool, p);
}

struct partition *partition_find(u64 id)
{
	for (u32 i = 0; i < partitions.count; i++)
		if (partitions.all[i]->id == id)
			return partitions.all[i];
	return NULL;
}

enum hv_status partition_find_child(struct partition *from, u64 id,
                                    struct partition **child)
{
	if (id == HV_PARTITION_ID_SELF)
		return HV_STATUS_ACCESS_DENIED;
	*child = partition_find(id);
	if (*child)
		return (*child)->parent == from ? HV_STATUS_SUCCESS
		                                : HV_STATUS_ACCESS_DENIED;
	/* Who may not have children is not told which ids exist. */
	return from->privileges & HV_PRIVILEGE_CREATE_PARTITIONS
	               ? HV_STATUS_INVALID_PARTITION_ID
	               : HV_STATUS_ACCESS_DENIED;
}

enum hv_status partition_find_active(struct partition *from, u64 id,
                                     struct partition **child)
{
	enum hv_status status = partition_find_child(from, id, child);

	if (status != HV_STATUS_SUCCESS)
		return status;
	return (*child)->state == PARTITION_ACTIVE
	               ? HV_STATUS_SUCCESS
	               : HV_STATUS_INVALID_PARTITION_STATE;
}

enum hv_status partition_next_child(struct partition *parent, u64 previous,
                                    u64 *next)
{
	struct partition *p;

	if (previous != 0) {
		p = partition_find(previous);
		if (!p || p->parent != parent)
			return HV_STATUS_INVALID_PARTITION_ID;
	}
	*next = 0;
	for (u32 i = 0; i < partitions.count && *next == 0; i++) {
		p = partitions.all[i];
		if (p->parent == parent && p->id > previous)
			*next = p->id;
	}
	return HV_STATUS_SUCCESS;
}

bool partition_suspended(const struct partition *p)
{
	u32 left = p->vp_count;

	for (u32 i = 0; left > 0; i++) {
		if (!p->vps[i])
			continue;
		if (!(p->vps[i]->explicit_suspend & HV_SUSPENDED))
			return false;
		left--;
	}
	return true;
}

void partition_changed(struct partition *p)
{
	p->generation++;
}
