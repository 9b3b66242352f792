/*
 * Random children.
 */
#include "tests/host/fake_child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/interrupt/lapic.h"
#include "hv/vp/hypercall_page.h"
#include "tests/host/fake_state.h"

/* Far from all memory; two pages a VP. */
#define OVERLAYS 0x3000000u

void child_shape_small(struct child_shape *shape, u32 pages)
{
	*shape = (struct child_shape){ .vps = 1, .vp_set = 1 };
	shape->page_count = pages;
	for (u32 i = 0; i < pages; i++) {
		shape->gpns[i] = i;
		shape->rights[i] = 7;
	}
}

void child_shape_random(struct child_shape *shape, u64 seed)
{
	static const u32 rights[] = { 7, 7, 7, 3, 1, 5, 0 };
	u64 gpn = fake_random(&seed) % 3;

	*shape = (struct child_shape){ .vps = 0 };
	for (u32 i = 0; i < 1 + fake_random(&seed) % 3; i++) {
		u64 bit = BIT(fake_random(&seed) % PARTITION_VPS);

		shape->vps += !(shape->vp_set & bit);
		shape->vp_set |= bit;
	}
	shape->page_count = (u32)(fake_random(&seed) % 120);
	for (u32 i = 0; i < shape->page_count; i++) {
		u64 r = fake_random(&seed);

		shape->gpns[i] = gpn;
		shape->rights[i] = rights[(r >> 20) % ARRAY_LEN(rights)];
		gpn += r % 16 == 0 ? 100000 : r % 16 == 1 ? 3 : 1;
	}
}

static u64 make(const struct child_shape *shape, u32 more_rights)
{
	u64 id = guest_child(70 + 13 * shape->vps, 0);

	for (u32 i = 0; i < PARTITION_VPS; i++)
		if (shape->vp_set & BIT(i))
			assert_int_equal(guest_create_vp(id, i), 0);
	for (u32 i = 0; i < shape->page_count; i++) {
		u64 page = guest_page();

		memset(guest_at(page << PAGE_SHIFT), 0xb7, PAGE_SIZE);
		assert_int_equal(guest_map(id, shape->gpns[i], page,
		                           shape->rights[i] | more_rights),
		                 0);
	}
	return id;
}

u64 child_make(const struct child_shape *shape)
{
	return make(shape, 0);
}

u64 child_make_target(const struct child_shape *shape)
{
	return make(shape, 3);
}

static u8 *page_of(u64 id, u64 gpn)
{
	struct arch_mapping m;

	assert_true(gpa_lookup(&guest_partition(id)->space, gpn, &m));
	return arch_page(m.page);
}

static void fill_page(u8 *page, u64 *seed)
{
	u64 kind = fake_random(seed) % 5;
	u64 word = kind == 1 ? 0x0101010101010101 : fake_random(seed);
	u64 *words = (u64 *)(void *)page;

	memset(page, 0, PAGE_SIZE);
	for (u32 i = 0; kind > 0 && i < PAGE_SIZE / 8; i++)
		words[i] = kind < 3 ? word : fake_random(seed);
	if (kind == 4)
		memset(page + 8, 0, PAGE_SIZE - 8);
}

void child_fill(u64 id, const struct child_shape *shape, u64 seed)
{
	struct partition *p = guest_partition(id);

	for (u32 i = 0; i < shape->page_count; i++)
		fill_page(page_of(id, shape->gpns[i]), &seed);
	for (u32 i = 0; i < PARTITION_VPS; i++) {
		if (!p->vps[i])
			continue;
		state_fill(p->vps[i], &seed);
		state_fill_synic(p->vps[i],
		                 fake_random(&seed) & 1 ? OVERLAYS : 0, &seed);
		if (fake_random(&seed) % 3 == 0)
			exit_triple_fault(p->vps[i]);
	}
	p->guest_os_id = fake_random(&seed) | 1;
	p->reference.base = fake_random(&seed) >> 8;
	p->reference.sequence = (u32)fake_random(&seed);
	if (fake_random(&seed) & 1)
		assert_int_equal(hypercall_page_write(p, 0x2001),
		                 HV_STATUS_SUCCESS);
	if (fake_random(&seed) & 1)
		assert_int_equal(reference_write(p, 0x4001), HV_STATUS_SUCCESS);
}

static void compare_synics(const struct vp *a, const struct vp *b)
{
	static const enum vp_page pages[] = { VP_PAGE_SIM, VP_PAGE_SIEF,
		                              VP_PAGE_MESSAGES };

	assert_int_equal(a->synic.scontrol, b->synic.scontrol);
	assert_int_equal(a->synic.siefp, b->synic.siefp);
	assert_int_equal(a->synic.simp, b->synic.simp);
	assert_memory_equal(a->synic.sint, b->synic.sint,
	                    sizeof(a->synic.sint));
	assert_int_equal(a->synic.sim_overlay.place,
	                 b->synic.sim_overlay.place);
	assert_int_equal(a->synic.sief_overlay.place,
	                 b->synic.sief_overlay.place);
	assert_int_equal(a->synic.queued, b->synic.queued);
	assert_memory_equal(a->stimer, b->stimer, sizeof(a->stimer));
	for (u32 i = 0; i < ARRAY_LEN(pages); i++)
		assert_memory_equal(a->pages[pages[i]], b->pages[pages[i]],
		                    PAGE_SIZE);
}

static void compare_vps(struct vp *a, struct vp *b)
{
	const struct vp_state *s = vp_state_read(a), *t = vp_state_read(b);
	struct vp_state copy = *t;

	/* The guest's TSC goes on, its offset is another. */
	copy.tsc_offset = s->tsc_offset;
	assert_memory_equal(s, &copy, sizeof(copy));
	assert_memory_equal(vp_xsave(a), vp_xsave(b),
	                    fake.facts.compat.xsave_size);
	assert_memory_equal(a->pages[VP_PAGE_APIC], b->pages[VP_PAGE_APIC],
	                    LAPIC_PAGE_BYTES);
	assert_memory_equal(&a->lapic, &b->lapic, sizeof(a->lapic));
	compare_synics(a, b);
	assert_int_equal(vp_runtime(a), vp_runtime(b));
	assert_int_equal(a->explicit_suspend, b->explicit_suspend);
	assert_int_equal(a->intercept_suspend, b->intercept_suspend);
	assert_int_equal(a->message.type, b->message.type);
	assert_int_equal(list_linked(&a->message_link),
	                 list_linked(&b->message_link));
	assert_memory_equal(a->message.payload, b->message.payload,
	                    HV_MESSAGE_PAYLOAD);
	if (b->message.type != HV_MESSAGE_NONE)
		assert_int_equal(b->message.sender, b->partition->id);
}

void child_compare(u64 a, u64 b, const struct child_shape *shape)
{
	struct partition *p = guest_partition(a), *q = guest_partition(b);

	for (u32 i = 0; i < shape->page_count; i++)
		assert_memory_equal(page_of(a, shape->gpns[i]),
		                    page_of(b, shape->gpns[i]), PAGE_SIZE);
	for (u32 i = 0; i < PARTITION_VPS; i++)
		if (p->vps[i])
			compare_vps(p->vps[i], q->vps[i]);
	assert_int_equal(p->guest_os_id, q->guest_os_id);
	assert_int_equal(p->hypercall, q->hypercall);
	assert_int_equal(reference_time(p), reference_time(q));
	assert_int_equal(p->reference.msr, q->reference.msr);
	assert_int_equal(p->reference.sequence, q->reference.sequence);
	for (u64 gpn = 0; gpn < 8; gpn++)
		assert_int_equal(gpa_has_overlay(&p->space, gpn),
		                 gpa_has_overlay(&q->space, gpn));
}

void child_save(const struct child_shape *shape, u64 seed, u64 *id,
                struct guest_stream *s)
{
	u32 result;

	*s = (struct guest_stream){ .data = NULL };
	*id = child_make(shape);
	child_fill(*id, shape, seed);
	assert_int_equal(guest_save(*id, 0, s, &result), HV_STATUS_SUCCESS);
	assert_int_equal(result, HV_STATE_COMPLETE);
}
