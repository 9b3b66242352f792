/*
 * Virtual processors: creation, deletion, and where their state is.
 */
#include "hv/vp.h"

#include "hv/arch.h"
#include "hv/check.h"
#include "hv/cpu.h"
#include "hv/debug.h"
#include "hv/partition.h"
#include "hv/ready.h"
#include "hv/vp_confine.h"

#define EFER_LMA BIT(10)
#define CODE_L BIT(13)
#define RFLAGS_TF BIT(8)
#define RFLAGS_RF BIT(16)
#define DEBUGCTL_BTF BIT(1)

bool vp_is_suspended(const struct vp *vp)
{
	return (vp->explicit_suspend | vp->intercept_suspend) & HV_SUSPENDED;
}

#define UNITS 10000000ull /* a second */

u64 vp_runtime(const struct vp *vp)
{
	u64 hz = arch_facts()->tsc_hz, ticks = vp->runtime;

	if (vp->cpu->current == vp)
		ticks += arch_tsc() - vp->cpu->current_since;
	return ticks / hz * UNITS + ticks % hz * UNITS / hz;
}

/* Rounded up, so that the same number is read again. */
void vp_set_runtime(struct vp *vp, u64 units)
{
	u64 hz = arch_facts()->tsc_hz;

	vp->runtime =
		units / UNITS * hz + (units % UNITS * hz + UNITS - 1) / UNITS;
	if (vp->cpu->current == vp)
		vp->cpu->current_since = arch_tsc();
}

const struct vp_state *vp_state_part(struct vp *vp, u32 parts)
{
	u32 missing = (parts | VP_PART_CORE) & ~vp->cached;

	if (missing) {
		arch_vp_capture(vp, missing);
		vp->cached |= missing;
	}
	/* LIVE comes at a switch too (switch.c), without our asking. */
	missing |= parts & VP_PART_LIVE;
	missing &= vp->is_root ? 0 : VP_CONFINED;
	if (missing)
		vp_confine(&vp->state, missing);
	return &vp->state;
}

struct vp_state *vp_state_change(struct vp *vp, u32 parts)
{
	vp_state_part(vp, parts);
	vp->dirty |= parts;
	return &vp->state;
}

const struct vp_state *vp_state_read(struct vp *vp)
{
	return vp_state_part(vp, VP_PART_ALL);
}

struct vp_state *vp_state_write(struct vp *vp)
{
	return vp_state_change(vp, VP_PART_ALL);
}

/* The instruction is done: its shadow is over and a single step is due. */
void vp_skip(struct vp *vp, u64 length)
{
	struct vp_state *s = vp_state_change(vp, VP_PART_RIP);

	s->rip += length;
	/* Outside 64-bit mode RIP wraps at 4 GiB. */
	if (!(s->efer & EFER_LMA) || !(s->segment[VP_CS].attributes & CODE_L))
		s->rip = (u32)s->rip;
	if ((s->interrupt_state & HV_INTERRUPT_STATE_SHADOW) ||
	    (s->rflags & RFLAGS_RF)) {
		vp_state_change(vp, VP_PART_CORE);
		s->interrupt_state &= ~HV_INTERRUPT_STATE_SHADOW;
		/* It was for that instruction (SDM 17.3.1.1). */
		s->rflags &= ~RFLAGS_RF;
	}
	if ((s->rflags & RFLAGS_TF) &&
	    !(vp_state_part(vp, VP_PART_MSRS)->debugctl & DEBUGCTL_BTF))
		vp_state_change(vp, VP_PART_MSRS)->pending_debug |= DEBUG_STEP;
}

static void free_pages(struct partition *p, struct vp *vp)
{
	for (u32 i = 0; i < VP_PAGES; i++)
		if (vp->pages[i])
			pool_free(&p->pool, vp->pages[i]);
	pool_free(&p->pool, vp);
}

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
	return vp;
}

u64 vp_tsc_at(const struct vp *vp, u64 tsc)
{
	return tsc_at(&vp->partition->clock, tsc) + vp->state.tsc_offset;
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
	vp->vpid = (u16)(1 + partition->slot * PARTITION_VPS + index);
	vp->is_root = partition->parent == NULL;
	vp->cached = vp->dirty = VP_PART_ALL;
	vp->explicit_suspend = vp->is_root ? 0 : HV_SUSPENDED;
	vp->held_since = arch_tsc();
	list_init(&vp->message_link);
	list_init(&vp->ready);
	synic_reset(&vp->synic);
	vp_state_reset(&vp->state, vp_xsave(vp));
	join_tsc(vp);
	/* VP 0 is the boot processor, the others wait for it (SDM 9.4). */
	if (index != 0)
		vp->state.activity = HV_ACTIVITY_STARTUP_SUSPEND;
	else
		vp->state.apic_base |= LAPIC_BASE_BSP;
	lapic_reset(vp);
	arch_vp_init(vp);
	partition->vps[index] = vp;
	partition->vp_count++;
	reference_update(partition);
	return HV_STATUS_SUCCESS;
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
	arch_vp_kick(vp);
	ready_forget(vp);
	synic_cancel(vp);
	synic_free(vp);
	arch_vp_free(vp);
	p->vps[vp->index] = NULL;
	p->vp_count--;
	free_pages(p, vp);
	reference_update(p);
}
