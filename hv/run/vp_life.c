/*
 * Creation and deletion of virtual processors.
 */
#include "hv/run/vp_life.h"

#include "hv/arch.h"
#include "hv/base/check.h"
#include "hv/base/cpu.h"
#include "hv/interrupt/lapic.h"
#include "hv/interrupt/synic.h"
#include "hv/run/vp_reg.h"
#include "hv/vp/alarm.h"
#include "hv/vp/partition.h"
#include "hv/vp/ready.h"
#include "hv/vp/vp.h"

static void free_pages(struct partition *p, struct vp *vp)
{
	/* Those that it has: this is the way back of alloc_pages as well. */
	for (u32 i = 0; i < VP_PAGES; i++)
		if (vp->pages[i])
			pool_free(&p->pool, vp->pages[i]);
	pool_free(&p->pool, vp);
}

/* All that it can switch on as well: no write to an MSR looks for memory. */
static struct vp *alloc_pages(struct partition *p)
{
	struct vp *vp = pool_alloc(&p->pool);

	if (!vp)
		return NULL;
	for (u32 i = 0; i < VP_PAGES; i++) {
		vp->pages[i] = pool_alloc(&p->pool);
		if (!vp->pages[i]) {
			free_pages(p, vp);
			return NULL;
		}
	}
	/* One for all VPs of the partition. */
	if (!reference_page(p)) {
		free_pages(p, vp);
		return NULL;
	}
	return vp;
}

/*
 * The TSCs of a partition's VPs agree, as those of one machine do. The first one's
 * begins with 0.
 */
static void join_tsc(struct vp *vp)
{
	struct partition *p = vp->partition;

	vp->state.tsc_offset = -tsc_at(&p->clock, arch_tsc());
	for (u32 i = 0; p->vp_count && i < PARTITION_VPS; i++) {
		if (!p->vps[i])
			continue;
		vp->state.tsc_offset = p->vps[i]->state.tsc_offset;
		return;
	}
}

enum hv_status vp_create(struct partition *partition, u32 index,
                         struct cpu *cpu)
{
	struct vp *vp = alloc_pages(partition);

	if (!vp)
		return HV_STATUS_INSUFFICIENT_MEMORY;
	vp->partition = partition;
	vp->cpu = cpu;
	vp->index = index;
	/* 0 is the hypervisor's own (SDM 28.1). */
	vp->vpid = (u16)(1 + partition->slot * PARTITION_VPS + index);
	vp->is_root = partition->parent == NULL;
	/* There is nothing of it in hardware: all is here, and goes there
	 * first. */
	vp->cached = vp->dirty = VP_PART_ALL;
	vp->explicit_suspend = vp->is_root ? 0 : HV_SUSPENDED;
	vp->held_since = arch_tsc();
	list_init(&vp->message_link);
	list_init(&vp->ready);
	list_init(&vp->asked);
	cpu->vps += !vp->is_root;
	synic_reset(&vp->synic);
	/* The TSC is no part of reset: it goes on with those of the others. */
	vp_reg_reset_all(&vp->state, vp_xsave(vp));
	join_tsc(vp);
	/* VP 0 is the boot processor, the others wait for it (SDM 9.4). */
	if (index != 0)
		vp->state.activity = HV_ACTIVITY_STARTUP_SUSPEND;
	else
		vp->state.apic_base |= LAPIC_BASE_BSP;
	/* Behind APIC_BASE, which says in what mode it wakes. */
	lapic_reset(vp);
	arch_vp_init(vp);
	partition->vps[index] = vp;
	partition->vp_count++;
	/* One VP more, whose TSC may be another: the page has to show all. */
	reference_update(partition);
	return HV_STATUS_SUCCESS;
}

void vp_move(struct vp *vp, struct cpu *to)
{
	bool sleeps = vp->alarm, waits = list_linked(&vp->ready);
	u64 at = vp->alarm_at;

	CHECK(!vp->is_root && to != vp->cpu);
	list_remove(&vp->ready);
	alarm_clear(vp);
	vp->cpu->vps--;
	arch_vp_move(vp, to);
	to->vps++;
	if (waits)
		ready_wake(vp);
	if (!sleeps)
		return;
	alarm_set(vp, at);
	/* It knows of no timer as near as that. */
	arch_cpu_kick(to);
}

void vp_stop(struct vp *vp)
{
	arch_vp_kick(vp);
	vp->explicit_suspend = HV_SUSPENDED;
}

void vp_delete(struct vp *vp)
{
	struct partition *p = vp->partition;

	CHECK(!vp->is_root);
	/* It has stopped (vp_stop, or the row of its call); now nobody may find it: the
	 * ring, the queue of a receiver that it has a message in, its
	 * partition. Its pages go last. */
	ready_forget(vp);
	synic_cancel(vp);
	synic_free(vp);
	arch_vp_free(vp);
	list_remove(&vp->asked);
	vp->cpu->vps--;
	p->vps[vp->index] = NULL;
	p->vp_count--;
	free_pages(p, vp);
	/* With the last one the clock stops. */
	reference_update(p);
	if (p->vp_count == 0)
		reference_unused(p);
}
