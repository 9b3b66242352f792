/*
 * Random children.
 */
#include "tests/host/fake_child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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
	u64 id = guest_child(60 + 8 * shape->vps, 0);

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

	assert_true(gpa_lookup(guest_partition(id), gpn, &m));
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

void child_fill_apic(struct vp *vp, u64 *seed)
{
	static const u32 lvt[] = { 0x700ff, 0x107ff, 0x107ff,
		                   0x1a7ff, 0x1a7ff, 0x100ff };
	struct stream_vp_apic a;

	lapic_save_reset(&a);
	a.tpr = fake_random(seed) & 0xff;
	if (lapic_mode(vp) != LAPIC_X2APIC)
		a.ldr = (u32)fake_random(seed) & 0xff000000;
	a.dfr = (u32)fake_random(seed) | 0x0fffffff;
	a.svr = fake_random(seed) & 0x1ff;
	for (u32 i = 0; i < 8; i++) {
		a.isr[i] = (u32)fake_random(seed) & (i ? ~0u : 0xffff0000);
		a.tmr[i] = (u32)fake_random(seed) & (i ? ~0u : 0xffff0000);
		a.irr[i] = (u32)fake_random(seed) & (i ? ~0u : 0xffff0000);
	}
	a.esr = fake_random(seed) & 0xe0;
	a.errors = fake_random(seed) & 0xe0;
	a.icr = fake_random(seed) & 0xffffffff000ccfff;
	for (u32 i = 0; i < ARRAY_LEN(lvt); i++)
		a.lvt[i] = (u32)fake_random(seed) & lvt[i];
	a.initial_count = (u32)fake_random(seed);
	a.divide = fake_random(seed) & 0xb;
	a.timer_due = fake_random(seed);
	a.assist = fake_random(seed) & 0x7ff001;
	a.events = fake_random(seed) & STREAM_APIC_EVENTS;
	lapic_load(vp, &a);
}

static void fill_registers(struct vp *vp, u64 *seed)
{
	struct vp_state *s = vp_state_write(vp);
	struct vp_xsave *x = vp_xsave(vp);

	for (u32 i = 0; i < 16; i++)
		s->gpr[i] = fake_random(seed);
	s->rip = fake_random(seed) >> 20;
	s->rflags = 2 | (fake_random(seed) & 0x8d5);
	s->cr2 = fake_random(seed);
	s->cr3 = fake_random(seed) & 0x7ffffff000;
	if (fake_random(seed) & 1)
		s->apic_base |= LAPIC_BASE_X2APIC;
	child_fill_apic(vp, seed);
	s->tsc_offset = fake_random(seed);
	s->star = fake_random(seed);
	s->lstar = ~(fake_random(seed) >> 20);
	s->kernel_gs_base = fake_random(seed) >> 20;
	s->mtrr_base[3] = 0x1000006;
	s->mtrr_fixed[10] = 0x0606060606060606;
	for (u32 i = 0; i < 4; i++)
		s->dr[i] = fake_random(seed);
	for (u32 i = 0; i < VP_SEGMENTS; i++)
		s->segment[i].base = fake_random(seed);
	s->gdtr = (struct vp_table){ fake_random(seed) >> 20, 0x1ff };
	s->interrupt_state = fake_random(seed) & 3;
	s->pending_debug = fake_random(seed) & 0xf;
	s->activity = 0;
	s->pending_interruption = fake_random(seed) & 1 ? 0x300001 : 0;
	for (u32 i = 0; i < sizeof(x->legacy.xmm) / 8; i++)
		((u64 *)(void *)x->legacy.xmm)[i] = fake_random(seed);
	if (fake.facts.has_xsave) {
		x->xstate_bv = 7 & fake.facts.compat.xcr0;
		s->xcr0 = x->xstate_bv;
		for (u32 i = 0; i < 256; i++)
			x->extended[i] = (u8)fake_random(seed);
	}
}

void child_fill(u64 id, const struct child_shape *shape, u64 seed)
{
	struct partition *p = guest_partition(id);

	for (u32 i = 0; i < shape->page_count; i++)
		fill_page(page_of(id, shape->gpns[i]), &seed);
	for (u32 i = 0; i < PARTITION_VPS; i++) {
		if (!p->vps[i])
			continue;
		fill_registers(p->vps[i], &seed);
		if (fake_random(&seed) % 3 == 0)
			exit_triple_fault(p->vps[i]);
	}
	p->guest_os_id = fake_random(&seed) | 1;
	p->ref_base = fake_random(&seed) >> 8;
	if (fake_random(&seed) & 1)
		assert_true(guest_set(id, (u32)__builtin_ctzll(shape->vp_set),
		                      HV_REGISTER_HYPERCALL, 0x2001) == 0);
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
	assert_int_equal(a->explicit_suspend, b->explicit_suspend);
	assert_int_equal(a->intercept_suspend, b->intercept_suspend);
	assert_int_equal(a->message.type, b->message.type);
	assert_int_equal(a->message_queued, b->message_queued);
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
	assert_int_equal(partition_reference_time(p),
	                 partition_reference_time(q));
	assert_int_equal(gpa_has_overlay(p, 2), gpa_has_overlay(q, 2));
}
