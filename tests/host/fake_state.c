/*
 * Random states of a VP. What depends on one another comes in tables of modes;
 * everything else is as free as the registers are.
 */
#include "tests/host/fake_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/interrupt/lapic.h"
#include "hv/interrupt/stimer.h"
#include "hv/interrupt/synic.h"
#include "hv/vp/vp_rules.h"
#include "include/x86.h"
#include "include/x86_apic.h"

/* Attributes of code at CPL 0 and 3, and what a mode's registers are. */
static const struct {
	u64 cr0;
	u64 cr4;
	u64 efer;
	u16 code[2];
	u16 data[2];
} modes[STATE_MODES] = {
	[STATE_REAL] = { 0x10, 0, 0, { 0x9b, 0x9b }, { 0x93, 0x93 } },
	[STATE_PROTECTED] = { 0x80000031,
	                      0x90,
	                      0,
	                      { 0xc09b, 0xc0fb },
	                      { 0xc093, 0xc0f3 } },
	[STATE_PAE] = { 0x80010033,
	                0x2a0,
	                0x800,
	                { 0xc09b, 0xc0fb },
	                { 0xc093, 0xc0f3 } },
	[STATE_COMPATIBILITY] = { 0x80050033,
	                          0x6a0,
	                          0xd01,
	                          { 0xc09b, 0xc0fb },
	                          { 0xc093, 0xc0f3 } },
	[STATE_LONG] = { 0x80050033,
	                 0x6a0,
	                 0xd01,
	                 { 0xa09b, 0xa0fb },
	                 { 0xc093, 0xc0f3 } },
	[STATE_V86] = { 0x80000031, 0x91, 0, { 0xf3, 0xf3 }, { 0xf3, 0xf3 } },
};

static bool is_16_bit(enum state_mode mode)
{
	return mode == STATE_REAL || mode == STATE_V86;
}

static void set_segment(struct hv_segment *g, enum state_mode mode, u32 index,
                        u16 attributes, u64 *seed)
{
	g->selector = (u16)fake_random(seed);
	g->attributes = attributes;
	if (is_16_bit(mode)) {
		g->base = (u64)g->selector << 4;
		g->limit = 0xffff;
		return;
	}
	g->limit = (u32)fake_random(seed) | 0xfff;
	g->base = (u32)fake_random(seed);
	if (index == VP_FS || index == VP_GS)
		g->base = fake_random(seed) >> 20;
	/* One of those that may be is no segment at all, with any rest. */
	if (index != VP_CS && index != VP_SS && fake_random(seed) % 8 == 0)
		g->attributes &= (u16)~0x80;
}

static void set_system_segments(struct vp_state *s, u64 *seed)
{
	s->segment[VP_TR] =
		(struct hv_segment){ fake_random(seed) >> 20, 0x67,
		                     (u16)fake_random(seed) & 0xfffb, 0x8b };
	s->segment[VP_LDTR] =
		(struct hv_segment){ fake_random(seed) >> 20, 0xffff,
		                     (u16)fake_random(seed) & 0xfffb,
		                     fake_random(seed) & 1 ? 0x82 : 0 };
}

void state_set_mode(struct vp_state *s, enum state_mode mode, u64 *seed)
{
	u32 user = mode == STATE_REAL ? 0 : fake_random(seed) & 1;

	s->cr0 = modes[mode].cr0;
	s->cr4 = modes[mode].cr4;
	s->efer = modes[mode].efer & fake.facts.efer_allowed;
	s->rflags &= ~RFLAGS_VM;
	if (mode == STATE_V86)
		s->rflags |= RFLAGS_VM;
	for (u32 i = VP_ES; i <= VP_GS; i++)
		set_segment(&s->segment[i], mode, i,
		            i == VP_CS ? modes[mode].code[user]
		                       : modes[mode].data[user],
		            seed);
	set_system_segments(s, seed);
	s->rip = fake_random(seed) >> 18;
	if (mode == STATE_LONG && (fake_random(seed) & 1))
		s->rip = ~s->rip;
	if (mode != STATE_LONG)
		s->rip = (u32)s->rip;
	for (u32 i = 0; i < 4; i++)
		s->pdpte[i] = mode == STATE_PAE
		                      ? (fake_random(seed) & 0x7ffffff000) |
		                                (fake_random(seed) & 0xe19)
		                      : 0;
}

/* ---- Events ---- */

static u64 pending(enum hv_pending_type type, u32 vector)
{
	return HV_PENDING_INTERRUPTION | (u64)type << HV_PENDING_TYPE_SHIFT |
	       (u64)vector << HV_PENDING_VECTOR_SHIFT;
}

static u64 random_event(struct vp_state *s, u64 *seed)
{
	u64 error = fake_random(seed) & 0xffff;

	switch (fake_random(seed) % 8) {
	case 0:
		s->rflags |= RFLAGS_IF;
		s->interrupt_state &= ~HV_INTERRUPT_STATE_SHADOW;
		return pending(HV_PENDING_TYPE_INTERRUPT,
		               fake_random(seed) & 0xff);
	case 1:
		s->interrupt_state = 0;
		return pending(HV_PENDING_TYPE_NMI, 2);
	case 2:
		return pending(HV_PENDING_TYPE_EXCEPTION, 3);
	case 3:
		if (!(s->cr0 & 1))
			return pending(HV_PENDING_TYPE_EXCEPTION, 14);
		return pending(HV_PENDING_TYPE_EXCEPTION, 14) |
		       HV_PENDING_DELIVER_ERROR_CODE |
		       error << HV_PENDING_ERROR_SHIFT;
	case 4:
		return pending(HV_PENDING_TYPE_SOFTWARE_INTERRUPT,
		               fake_random(seed) & 0xff) |
		       2ull << HV_PENDING_LENGTH_SHIFT;
	default:
		return 0;
	}
}

/* A step waits behind a shadow just when RFLAGS.TF says so. */
static void set_events(struct vp_state *s, u64 *seed)
{
	s->interrupt_state = fake_random(seed) & 3;
	s->activity = 0;
	s->pending_interruption = random_event(s, seed);
	s->mov_ss = s->interrupt_state & fake_random(seed) &
	            HV_INTERRUPT_STATE_SHADOW;
	s->pending_debug = fake_random(seed) & 0xf;
	if ((s->interrupt_state & HV_INTERRUPT_STATE_SHADOW) &&
	    (s->rflags & BIT(8)) && !(s->debugctl & BIT(1)))
		s->pending_debug |= BIT(14);
	if (!s->pending_interruption && !s->interrupt_state &&
	    !(s->rflags & BIT(8)) && fake_random(seed) % 4 == 0 &&
	    !(s->segment[VP_SS].attributes & 0x60))
		s->activity = HV_ACTIVITY_HALT_SUSPEND;
}

/* ---- All registers ---- */

static void set_msrs(struct vp_state *s, u64 *seed)
{
	s->star = fake_random(seed);
	s->lstar = ~(fake_random(seed) >> 20);
	s->cstar = fake_random(seed) >> 20;
	s->sfmask = (u32)fake_random(seed);
	s->kernel_gs_base = fake_random(seed) >> 20;
	s->sysenter_cs = (u32)fake_random(seed);
	s->sysenter_rip = fake_random(seed) >> 20;
	s->sysenter_rsp = ~(fake_random(seed) >> 20);
	s->pat = 0x0105060700040600;
	s->tsc_aux = (u32)fake_random(seed);
	s->debugctl = fake_random(seed) & 3;
	s->mtrr_def_type = 0xc06;
	for (u32 i = 0; i < VP_MTRR_VARIABLE; i++) {
		s->mtrr_base[i] = (fake_random(seed) & 0x7ffffff000) | 6;
		s->mtrr_mask[i] = (fake_random(seed) & 0x7ffffff000) | 0x800;
	}
	for (u32 i = 0; i < VP_MTRR_FIXED; i++)
		s->mtrr_fixed[i] = fake_random(seed) & 0x0404040404040404;
	s->tsc_offset = fake_random(seed);
}

static void set_extended(struct vp *vp, u64 *seed)
{
	struct vp_xsave *x = vp_xsave(vp);
	u8 *bytes = (u8 *)x;

	for (u32 i = 0; i < sizeof(x->legacy) - sizeof(x->legacy.rsvd); i++)
		bytes[i] = (u8)fake_random(seed);
	memset(x->legacy.xmm_control_status + 8, 0, 8);
	x->legacy.xmm_control_status[8] = 0xa0;
	memcpy(x->legacy.xmm_control_status + 12, &fake.facts.compat.mxcsr_mask,
	       4);
	if (!fake.facts.has_xsave)
		return;
	x->xstate_bv = fake.facts.compat.xcr0;
	vp->state.xcr0 = fake_random(seed) & 1 ? fake.facts.compat.xcr0 : 7;
	for (u32 i = 0; i < fake.facts.compat.xsave_size - 576; i++)
		x->extended[i] = (u8)fake_random(seed);
}

void state_fill(struct vp *vp, u64 *seed)
{
	struct vp_state *s = vp_state_write(vp);

	for (u32 i = 0; i < 16; i++)
		s->gpr[i] = fake_random(seed);
	s->rflags = 2 | (fake_random(seed) & 0x3dd5);
	s->cr2 = fake_random(seed);
	s->cr3 = fake_random(seed) & 0x7ffffff000;
	for (u32 i = 0; i < 4; i++)
		s->dr[i] = fake_random(seed);
	s->dr6 = 0xffff0ff0 | (fake_random(seed) & 0xe00f);
	s->dr7 = 0x400 | (fake_random(seed) & 0xffff2bff);
	s->gdtr = (struct vp_table){ fake_random(seed) >> 20, 0x1ff };
	s->idtr = (struct vp_table){ ~(fake_random(seed) >> 20), 0xfff };
	set_msrs(s, seed);
	set_extended(vp, seed);
	if (fake_random(seed) & 1)
		s->apic_base |= LAPIC_BASE_X2APIC;
	state_set_mode(s, fake_random(seed) % STATE_MODES, seed);
	set_events(s, seed);
	state_fill_apic(vp, seed);
	vp_set_runtime(vp, fake_random(seed) >> 20);
	if (vp_rules_broken(s))
		fail_msg("%s", vp_rules_broken(s)->what);
}

/* ---- Devices ---- */

void state_fill_apic(struct vp *vp, u64 *seed)
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

static struct stimer random_timer(u64 *seed)
{
	struct stimer t = { .config = fake_random(seed) & HV_STIMER_ALLOWED,
		            .count = fake_random(seed) >> 30 };

	t.config |= 0x10ull << HV_STIMER_VECTOR_SHIFT;
	if (!(t.config & HV_STIMER_DIRECT) && !(t.config >> 16 & 15))
		t.config &= ~HV_STIMER_ENABLE;
	else if (fake_random(seed) & 1)
		t.expired = fake_random(seed) >> 30;
	if ((t.config & HV_STIMER_ENABLE) && t.count)
		t.due = 1 + (fake_random(seed) >> 30);
	return t;
}

static u64 random_sint(u64 *seed)
{
	return (fake_random(seed) & 0x700ff) | 0x10;
}

static void fill_queue(struct vp *vp, u64 *seed)
{
	struct hv_message *queue = vp->pages[VP_PAGE_MESSAGES];

	memset(queue, 0, PAGE_SIZE);
	vp->synic.queued = (u32)(fake_random(seed) % (SYNIC_QUEUE + 1));
	for (u32 i = 0; i < vp->synic.queued; i++) {
		queue[i].type = 1 + (u32)(fake_random(seed) >> 34);
		queue[i].payload_size = (u8)(fake_random(seed) % 241);
		queue[i].rsvd = (u16)(1 + fake_random(seed) % 15);
		queue[i].sender = fake_random(seed);
		for (u32 k = 0; k < ARRAY_LEN(queue[i].payload); k++)
			queue[i].payload[k] = fake_random(seed);
	}
}

static void fill_page(u8 *page, u64 *seed)
{
	memset(page, 0, PAGE_SIZE);
	if (fake_random(seed) % 3 == 0)
		return;
	for (u32 i = 0; i < PAGE_SIZE; i += 1 + (u32)(fake_random(seed) & 63))
		page[i] = (u8)fake_random(seed);
}

static void put(struct vp *vp, u32 msr, u64 value)
{
	assert_int_equal(synic_write_msr(vp, msr, value), HV_STATUS_SUCCESS);
}

void state_fill_synic(struct vp *vp, u64 overlays, u64 *seed)
{
	struct synic *s = &vp->synic;
	u64 page = (overlays + 2 * vp->index) << PAGE_SHIFT;
	bool enable = overlays != 0;

	for (u32 i = 0; i < HV_SINT_COUNT; i++)
		put(vp, HV_MSR_SINT0 + i, random_sint(seed));
	put(vp, HV_MSR_SIMP, page | enable);
	put(vp, HV_MSR_SIEFP, (page + PAGE_SIZE) | enable);
	s->scontrol = fake_random(seed) & 1;
	fill_page(vp->pages[VP_PAGE_SIM], seed);
	fill_page(vp->pages[VP_PAGE_SIEF], seed);
	fill_queue(vp, seed);
	for (u32 i = 0; i < HV_STIMERS; i++) {
		vp->stimer[i] = random_timer(seed);
		assert_true(stimer_valid(&vp->stimer[i]));
	}
}
