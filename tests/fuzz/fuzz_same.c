/*
 * Are two children the same, and is one what it was?
 */
#include <string.h>

#include "hv/memory/gpa.h"
#include "hv/run/vp_reg.h"
#include "hv/vp/vp.h"
#include "tests/fuzz/fuzz_map.h"
#include "tests/fuzz/fuzz_world.h"

/* ---- Two children, as their parent sees them ---- */

/* What registers are read from. */
static void same_state(struct vp *a, struct vp *b)
{
	FUZZ_CHECK(
		!memcmp(vp_state_read(a), vp_state_read(b), sizeof(a->state)));
	FUZZ_CHECK(fuzz_page_same(vp_xsave(a), vp_xsave(b)));
	FUZZ_CHECK(
		fuzz_page_same(a->pages[VP_PAGE_APIC], b->pages[VP_PAGE_APIC]));
}

static void same_row(struct vp *a, struct vp *b, const struct vp_reg *r)
{
	for (u32 i = 0; i < r->count; i++) {
		union hv_register_value x = { .reg64 = 0 }, y = x;

		FUZZ_CHECK(vp_reg_get_in(a, r, i, &x) ==
		           vp_reg_get_in(b, r, i, &y));
		FUZZ_CHECK(x.reg128[0] == y.reg128[0]);
		FUZZ_CHECK(x.reg128[1] == y.reg128[1]);
	}
}

/* Those that are not places in the state; without a call for each. */
static void same_registers(struct vp *a, struct vp *b)
{
	u32 rows;
	const struct vp_reg *r = vp_reg_table(&rows);

	for (; rows > 0; rows--, r++)
		if (r->get && r->kind != VP_REG_APIC)
			same_row(a, b, r);
}

static u32 find_names(u32 *names, struct vp *vp)
{
	u32 rows, count = 0;
	const struct vp_reg *r = vp_reg_table(&rows);
	union hv_register_value value;

	for (; rows > 0; rows--, r++)
		for (u32 i = 0; r->kind != VP_REG_APIC && i < r->count; i++)
			if (!vp_reg_get_in(vp, r, i, &value))
				names[count++] = r->name + i;
	FUZZ_CHECK(count <= FUZZ_REGISTERS);
	return count;
}

/* All registers that a machine has, but those of the APIC's page: YMM may be missing. */
static u32 register_names(const u32 **names, struct vp *vp)
{
	static u32 found[FAKE_MACHINES][FUZZ_REGISTERS], counts[FAKE_MACHINES];
	u32 m = fake.machine;

	if (!counts[m])
		counts[m] = find_names(found[m], vp);
	*names = found[m];
	return counts[m];
}

static void read_registers(u64 id, u32 index, const u32 *names, u32 count,
                           union hv_register_value *values)
{
	u32 now, done;

	for (u32 at = 0; at < count; at += now) {
		now = count - at < GUEST_GET_MAX ? count - at : GUEST_GET_MAX;
		FUZZ_CHECK(!guest_get_list(id, index, names + at, now,
		                           values + at, &done));
	}
}

/* By the calls, also what the state says already. */
static void same_answers(u64 id, u64 other, u32 index)
{
	static union hv_register_value a[FUZZ_REGISTERS], b[FUZZ_REGISTERS];
	const u32 *names;
	u32 count = register_names(&names, guest_partition(id)->vps[index]);

	read_registers(id, index, names, count, a);
	read_registers(other, index, names, count, b);
	FUZZ_CHECK(!memcmp(a, b, count * sizeof(a[0])));
}

/* The sender is the partition, and that is another one. */
static void same_message(const struct vp *a, const struct vp *b)
{
	FUZZ_CHECK(a->message.type == b->message.type);
	if (a->message.type == HV_MESSAGE_NONE)
		return;
	FUZZ_CHECK(b->message.sender == b->partition->id);
	FUZZ_CHECK(a->message.payload_size == b->message.payload_size);
	FUZZ_CHECK(!memcmp(a->message.payload, b->message.payload,
	                   sizeof(a->message.payload)));
	FUZZ_CHECK(list_linked(&a->message_link) ==
	           list_linked(&b->message_link));
}

static void same_memory(const struct partition *a, const struct partition *b)
{
	hpa_t page, other;

	if (!a->save_memory)
		return;
	FUZZ_CHECK(a->space.mapped <= b->space.mapped);
	for (u64 gpn = 0; fuzz_map_next(a, &gpn, &page); gpn++) {
		FUZZ_CHECK(fuzz_map_lookup(b, gpn, &other));
		FUZZ_CHECK(fuzz_page_same(fuzz_image_look(page),
		                          fuzz_image_look(other)));
	}
}

void fuzz_same(u64 id, u64 other, u32 whole)
{
	const struct partition *a = guest_partition(id);
	const struct partition *b = guest_partition(other);

	FUZZ_CHECK(a->vp_count == b->vp_count);
	for (u32 i = 0; i < PARTITION_VPS; i++) {
		FUZZ_CHECK(!a->vps[i] == !b->vps[i]);
		if (!a->vps[i])
			continue;
		same_state(a->vps[i], b->vps[i]);
		same_registers(a->vps[i], b->vps[i]);
		if (i == whole)
			same_answers(id, other, i);
		same_message(a->vps[i], b->vps[i]);
	}
	FUZZ_CHECK(a->hypercall_overlay.place == b->hypercall_overlay.place);
	FUZZ_CHECK(a->reference.overlay.place == b->reference.overlay.place);
	FUZZ_CHECK(a->hypercall == b->hypercall);
	FUZZ_CHECK(a->guest_os_id == b->guest_os_id);
	same_memory(a, b);
}

/* ---- One child, then and now ---- */

struct fuzz_snapshot {
	struct partition partition;
	struct {
		struct vp vp;
		struct vp_xsave xsave;
	} vps[FUZZ_VPS];
};

const struct fuzz_snapshot *fuzz_snapshot_take(u64 id)
{
	static struct fuzz_snapshot snapshot;
	struct fuzz_snapshot *s = &snapshot;
	const struct partition *p = guest_partition(id);

	s->partition = *p;
	for (u32 i = 0; i < FUZZ_VPS; i++) {
		struct vp *vp = p->vps[fuzz_vp_index(i)];

		if (!vp)
			continue;
		(void)vp_state_read(vp);
		s->vps[i].vp = *vp;
		fuzz_page_copy(&s->vps[i].xsave, vp_xsave(vp));
	}
	return s;
}

static bool vp_holds(const struct vp *then, struct vp *now)
{
	return !memcmp(&then->state, vp_state_read(now), sizeof(then->state)) &&
	       then->explicit_suspend == now->explicit_suspend &&
	       then->intercept_suspend == now->intercept_suspend &&
	       !memcmp(&then->message, &now->message, sizeof(then->message));
}

bool fuzz_snapshot_holds(const struct fuzz_snapshot *s, u64 id)
{
	const struct partition *p = guest_partition(id);

	for (u32 i = 0; i < FUZZ_VPS; i++) {
		struct vp *vp = p->vps[fuzz_vp_index(i)];

		if (vp != s->partition.vps[fuzz_vp_index(i)])
			return false;
		if (vp && (!vp_holds(&s->vps[i].vp, vp) ||
		           !fuzz_page_same(&s->vps[i].xsave, vp_xsave(vp))))
			return false;
	}
	return p->hypercall == s->partition.hypercall &&
	       p->guest_os_id == s->partition.guest_os_id &&
	       p->space.mapped == s->partition.space.mapped &&
	       p->reference.base == s->partition.reference.base;
}
