/*
 * Partitions: the list, and their states.
 */
#include "hv/vp/partition.h"

#include "hv/base/check.h"
#include "hv/vp/vp.h"

/*
 * The root has the processor's own local APIC and timers; how fast that one's are, which
 * would have to be told together with the TSC's frequency, we do not know.
 */
#define ROOT_PRIVILEGES                                                      \
	((PARTITION_CHILD_PRIVILEGES &                                       \
	  ~(HV_PRIVILEGE_ACCESS_APIC_MSRS |                                  \
	    HV_PRIVILEGE_ACCESS_FREQUENCY_MSRS |                             \
	    HV_PRIVILEGE_ACCESS_SYNTHETIC_TIMER_MSRS)) |                     \
	 HV_PRIVILEGE_CREATE_PARTITIONS | HV_PRIVILEGE_ACCESS_PARTITION_ID | \
	 HV_PRIVILEGE_ACCESS_MEMORY_POOL | HV_PRIVILEGE_POST_MESSAGES |      \
	 HV_PRIVILEGE_SIGNAL_EVENTS | HV_PRIVILEGE_CREATE_PORT |             \
	 HV_PRIVILEGE_CONNECT_PORT)

/*
 * In order of creation, so in ascending order of ids; no gaps. Shared by all processors:
 * whoever finds a partition here must keep it from going away, so its lock is held until
 * the partition's own is taken.
 */
static struct {
	struct partition *all[PARTITION_MAX];
	u32 count;
	u64 next_id;
	u64 slots; /* in use, a bit each */
} partitions;

static void partition_init(struct partition *p, struct partition *parent)
{
	p->id = partitions.next_id++;
	/* There is one: PARTITION_MAX is the number of bits, and was
	 * checked. */
	p->slot = (u32)__builtin_ctzll(~partitions.slots);
	partitions.slots |= BIT(p->slot);
	p->parent = parent;
	/* A stream is complete by itself, unless its parent says otherwise
	 * (D18). */
	p->save_memory = true;
	pool_init(&p->pool);
	partitions.all[partitions.count++] = p;
}

struct partition *partition_create_root(void *page)
{
	struct partition *p = page;

	partitions.count = 0;
	partitions.next_id = STASIS_ROOT_ID;
	partitions.slots = 0;
	partition_init(p, NULL);
	/* Its memory is what was there before: it is never initialized,
	 * finalized or deleted. */
	p->state = PARTITION_ACTIVE;
	p->privileges = ROOT_PRIVILEGES;
	/* Where the processor has it: then the TSC itself is the root's clock. */
	if (tsc_is_invariant())
		p->privileges |= HV_PRIVILEGE_ACCESS_TSC_INVARIANT;
	return p;
}

struct partition *partition_root(void)
{
	return partitions.all[0];
}

enum hv_status partition_create(struct partition *parent,
                                struct partition **child)
{
	/* Before anything is taken: a child cannot get to know by this how many
	 * partitions there are. */
	if (parent->parent)
		return HV_STATUS_PARTITION_TOO_DEEP;
	if (partitions.count == PARTITION_MAX)
		return HV_STATUS_NO_RESOURCES;
	/* The structure is its parent's to pay, all the rest the child's own
	 * pool. */
	*child = pool_alloc(&parent->pool);
	if (!*child)
		return HV_STATUS_INSUFFICIENT_MEMORY;
	partition_init(*child, parent);
	(*child)->state = PARTITION_UNINITIALIZED;
	(*child)->privileges = PARTITION_CHILD_PRIVILEGES;
	parent->child_count++;
	return HV_STATUS_SUCCESS;
}

enum hv_status partition_initialize(struct partition *p)
{
	/* The dispatcher's table has refused other states. */
	CHECK(p->state == PARTITION_UNINITIALIZED);
	if (!arch_space_init(&p->space.arch, &p->pool, false))
		return HV_STATUS_INSUFFICIENT_MEMORY;
	p->state = PARTITION_ACTIVE;
	return HV_STATUS_SUCCESS;
}

void partition_delete(struct partition *p)
{
	struct partition *parent = p->parent;
	u32 i = 0;

	/* DeletePartition has refused it otherwise: its pages would be lost. */
	CHECK(p->pool.available == 0 && p->pool.in_use == 0);
	/* Those behind move up: the list stays in the order of ids, which
	 * GetNextChildPartition walks. */
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
	/* SELF is nobody's child. */
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
		/* By id and not by place: what came or went in between moves
		 * nothing. */
		if (p->parent == parent && p->id > previous)
			*next = p->id;
	}
	return HV_STATUS_SUCCESS;
}

bool partition_suspended(const struct partition *p)
{
	/* Up to the last VP that there is: this is asked at each stop of
	 * one. */
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

struct vp *partition_first_vp(const struct partition *p)
{
	return p->vps[0];
}

struct vp *partition_parent_vp(const struct partition *child)
{
	return partition_first_vp(child->parent);
}

void partition_changed(struct partition *p)
{
	p->generation++;
}
