/*
 * The local APIC: its modes, what of it is saved, and interrupts from IRR to ISR
 * to EOI.
 */
#include "hv/interrupt/lapic.h"

#include "hv/arch.h"
#include "hv/interrupt/stimer.h"
#include "hv/interrupt/synic.h"
#include "hv/vp/partition.h"
#include "hv/vp/ready.h"
#include "hv/vp/vp.h"
#include "hv/vp/vp_check.h"
#include "include/x86.h"

#define VERSION 0x00050014u /* integrated, six LVT entries */
#define DFR_RESET 0xffffffffu
#define LVT_MODE_EXTINT 0x700u
#define EXTINT_ANY 0x100u

static u32 *reg(const struct vp *vp, u32 offset)
{
	return vp_apic_register(vp, offset);
}

enum lapic_mode lapic_mode(const struct vp *vp)
{
	u64 base = vp->state.apic_base;

	if (!(base & LAPIC_BASE_ENABLE))
		return LAPIC_DISABLED;
	return base & LAPIC_BASE_X2APIC ? LAPIC_X2APIC : LAPIC_XAPIC;
}

/* Off in either way it takes no fixed interrupts (SDM 10.4.7.2). */
static bool software_enabled(const struct vp *vp)
{
	return lapic_mode(vp) != LAPIC_DISABLED &&
	       (*reg(vp, LAPIC_SVR) & LAPIC_SVR_ENABLE);
}

/* ---- Sets of vectors: ISR, TMR, IRR ---- */

static u32 *word_of(const struct vp *vp, u32 set, u8 vector)
{
	return reg(vp, set + vector / 32 * 16);
}

static void vector_set(struct vp *vp, u32 set, u8 vector)
{
	*word_of(vp, set, vector) |= 1u << vector % 32;
}

static void vector_clear(struct vp *vp, u32 set, u8 vector)
{
	*word_of(vp, set, vector) &= ~(1u << vector % 32);
}

/* 0 is never a vector of these sets: those below 16 are errors. */
u8 lapic_highest(const struct vp *vp, enum lapic_offset set)
{
	for (u32 i = 8; i-- > 0;) {
		u32 word = *reg(vp, set + i * 16);

		if (word)
			return (u8)(i * 32 + 31 - (u32)__builtin_clz(word));
	}
	return 0;
}

/*
 * SDM 10.8.3.1: of a vector in service its class alone counts, of TPR all bits. Kept in
 * the page, as the processor would, so that a read needs no work.
 */
void lapic_update_ppr(struct vp *vp)
{
	u32 tpr = *reg(vp, LAPIC_TPR);
	u32 isr = lapic_highest(vp, LAPIC_ISR) & 0xf0u;

	*reg(vp, LAPIC_PPR) = (tpr & 0xf0) >= isr ? tpr : isr;
}

/* ---- Reset and mode ---- */

/* In x2APIC mode both are the processor's to say (SDM 10.12.10.2). */
void lapic_follow_base(struct vp *vp)
{
	u32 id = vp->index;

	if (lapic_mode(vp) == LAPIC_X2APIC) {
		*reg(vp, LAPIC_ID) = id;
		*reg(vp, LAPIC_LDR) = id >> 4 << 16 | 1u << (id & 15);
	} else {
		*reg(vp, LAPIC_ID) = id << 24;
		*reg(vp, LAPIC_LDR) &= LAPIC_LDR_WRITABLE;
	}
}

/*
 * SDM 10.4.7.1. The assist page is an MSR of the TLFS, which INIT leaves; an event may be
 * what this reset is for, so whoever takes it clears it.
 */
void lapic_reset(struct vp *vp)
{
	struct stream_vp_apic reset;

	lapic_save_reset(&reset);
	reset.assist = vp->lapic.assist;
	reset.events = vp->lapic.events;
	lapic_load(vp, &reset);
}

/* SDM 10.12.5: which ways lead from one mode to another. */
bool lapic_write_base(struct vp *vp, u64 value)
{
	union hv_register_value v = { .reg128 = { value, 0 } };
	u64 x2apic = LAPIC_BASE_X2APIC | LAPIC_BASE_ENABLE;
	u64 old = vp->state.apic_base;
	bool from_x2apic = (old & x2apic) == x2apic;
	bool from_disabled = !(old & LAPIC_BASE_ENABLE);

	/* Out of x2APIC mode only by switching off, into it only from xAPIC mode. */
	if (!vp_check_apic_base(&v))
		return false;
	if (from_x2apic && (value & x2apic) == LAPIC_BASE_ENABLE)
		return false;
	if (from_disabled && (value & x2apic) == x2apic)
		return false;
	vp->state.apic_base = value;
	if (!(value & LAPIC_BASE_ENABLE))
		lapic_reset(vp);
	/* ICR is one register of 64 bits then: half an address would be left. */
	else if (!from_x2apic && (value & LAPIC_BASE_X2APIC))
		*reg(vp, LAPIC_ICR_HIGH) = 0;
	lapic_follow_base(vp);
	return true;
}

void lapic_save_reset(struct stream_vp_apic *out)
{
	*out = (struct stream_vp_apic){ .dfr = DFR_RESET,
		                        .svr = LAPIC_SVR_RESET };
	for (u32 i = 0; i < ARRAY_LEN(out->lvt); i++)
		out->lvt[i] = LAPIC_LVT_MASKED;
}

/* A field of VP_APIC, and registers of the page that it is, 16 bytes apart. */
#define FIELD(field, name_, count_)                                  \
	.name = name_, .at = offsetof(struct stream_vp_apic, field), \
	.width = sizeof(u32), .count = count_
#define PAGE(offset) .live = offset, .live_width = sizeof(u32), .step = 16
#define WORDS 8 /* of a set of vectors */

const struct field lapic_fields[] = {
	{ FIELD(tpr, "tpr", 1), PAGE(LAPIC_TPR), .rsvd = ~0xffu },
	{ FIELD(ldr, "ldr", 1), PAGE(LAPIC_LDR), .rsvd = ~LAPIC_LDR_WRITABLE },
	{ FIELD(dfr, "dfr", 1), PAGE(LAPIC_DFR) },
	{ FIELD(svr, "svr", 1), PAGE(LAPIC_SVR), .rsvd = ~LAPIC_SVR_WRITABLE },
	{ FIELD(isr, "isr", WORDS), PAGE(LAPIC_ISR) },
	{ FIELD(tmr, "tmr", WORDS), PAGE(LAPIC_TMR) },
	{ FIELD(irr, "irr", WORDS), PAGE(LAPIC_IRR) },
	{ FIELD(esr, "esr", 1), PAGE(LAPIC_ESR), .rsvd = ~LAPIC_ESR_ALL },
	{ FIELD(errors, "errors", 1), .rsvd = ~LAPIC_ESR_ALL },
	/* Two registers: the high half of one value may be anything. */
	{ .name = "icr",
	  .at = offsetof(struct stream_vp_apic, icr),
	  .width = sizeof(u64),
	  .count = 1,
	  .rsvd = ~LAPIC_ICR_WRITABLE },
	{ FIELD(lvt[0], "lvt_timer", 1), PAGE(LAPIC_LVT_TIMER),
	  .rsvd = ~LAPIC_LVT_TIMER_WRITABLE },
	{ FIELD(lvt[1], "lvt_thermal", 1), PAGE(LAPIC_LVT_THERMAL),
	  .rsvd = ~LAPIC_LVT_LOCAL_WRITABLE },
	{ FIELD(lvt[2], "lvt_perf", 1), PAGE(LAPIC_LVT_PERF),
	  .rsvd = ~LAPIC_LVT_LOCAL_WRITABLE },
	{ FIELD(lvt[3], "lvt_lint0", 1), PAGE(LAPIC_LVT_LINT0),
	  .rsvd = ~LAPIC_LVT_PIN_WRITABLE },
	{ FIELD(lvt[4], "lvt_lint1", 1), PAGE(LAPIC_LVT_LINT1),
	  .rsvd = ~LAPIC_LVT_PIN_WRITABLE },
	{ FIELD(lvt[5], "lvt_error", 1), PAGE(LAPIC_LVT_ERROR),
	  .rsvd = ~LAPIC_LVT_ERROR_WRITABLE },
	{ FIELD(initial_count, "initial_count", 1), PAGE(LAPIC_INITIAL_COUNT) },
	{ FIELD(divide, "divide", 1), PAGE(LAPIC_DIVIDE),
	  .rsvd = ~LAPIC_DIVIDE_WRITABLE },
	/* These are beside the page, in struct lapic. */
	{ .name = "timer_due",
	  .at = offsetof(struct stream_vp_apic, timer_due),
	  .width = sizeof(u64),
	  .count = 1 },
	{ .name = "assist",
	  .at = offsetof(struct stream_vp_apic, assist),
	  .width = sizeof(u64),
	  .count = 1 },
	{ FIELD(events, "events", 1), .rsvd = ~STREAM_APIC_EVENTS },
	{ .name = NULL },
};

void lapic_save(const struct vp *vp, struct stream_vp_apic *out)
{
	*out = (struct stream_vp_apic){
		.errors = vp->lapic.errors,
		.icr = lapic_icr(vp),
		.timer_due = vp->lapic.timer_due,
		.assist = vp->lapic.assist,
		.events = vp->lapic.events,
	};
	field_save(lapic_fields, out, reg(vp, 0));
	/* The ID's, so no state: a stream has none (10.12.10.2). */
	if (lapic_mode(vp) == LAPIC_X2APIC)
		out->ldr = 0;
}

void lapic_load(struct vp *vp, const struct stream_vp_apic *in)
{
	arch_zero_page(reg(vp, 0));
	field_load(lapic_fields, in, reg(vp, 0));
	*reg(vp, LAPIC_VERSION) = VERSION;
	*reg(vp, LAPIC_ICR) = (u32)in->icr;
	*reg(vp, LAPIC_ICR_HIGH) = (u32)(in->icr >> 32);
	vp->lapic = (struct lapic){
		.timer_due = in->timer_due,
		.assist = in->assist,
		.events = in->events,
		.errors = in->errors,
	};
	lapic_follow_base(vp);
	lapic_update_ppr(vp);
}

/* Vectors below 16 are exceptions': no APIC takes one (10.5.2). */
bool lapic_valid(const struct stream_vp_apic *in)
{
	u32 below_16 = (in->isr[0] | in->tmr[0] | in->irr[0]) & 0xffff;

	return field_valid(lapic_fields, in, sizeof(*in)) && !below_16 &&
	       !(~in->dfr & LAPIC_DFR_ONES) && vp_check_page_value(in->assist);
}

/* ---- Errors ---- */

void lapic_error(struct vp *vp, u32 bit)
{
	u32 lvt = *reg(vp, LAPIC_LVT_ERROR);
	u8 vector = (u8)lvt;

	/* One interrupt until software has looked: a guest could flood itself. */
	if (vp->lapic.errors & bit)
		return;
	vp->lapic.errors |= bit;
	if (lvt & LAPIC_LVT_MASKED)
		return;
	/* An illegal vector here is an error again, which ends there (10.5.3). */
	if (vector < VECTOR_FIRST)
		vp->lapic.errors |= LAPIC_ESR_RECEIVE_ILLEGAL;
	else
		lapic_raise(vp, vector, false);
}

/* ---- Interrupts ---- */

bool lapic_takes(const struct vp *vp, u8 vector)
{
	return software_enabled(vp) && vector >= VECTOR_FIRST;
}

void lapic_raise(struct vp *vp, u8 vector, bool level)
{
	/* Lost, as on the bus: nobody keeps it for when it is on again. */
	if (!software_enabled(vp))
		return;
	if (vector < VECTOR_FIRST) {
		lapic_error(vp, LAPIC_ESR_RECEIVE_ILLEGAL);
		return;
	}
	vector_set(vp, LAPIC_IRR, vector);
	/* The last one that came says how it ends; both ways share one bit. */
	if (level)
		vector_set(vp, LAPIC_TMR, vector);
	else
		vector_clear(vp, LAPIC_TMR, vector);
	ready_wake(vp);
}

void lapic_interrupt(struct vp *vp, u8 vector)
{
	if (vp->is_root)
		arch_interrupt(vp->cpu, vector);
	else
		lapic_raise(vp, vector, false);
}

/*
 * The external interrupt comes past IRR and priorities, where LINT0 lets it:
 * from reset with the APIC off, later as the guest has set it.
 */
static u32 pending_extint(const struct vp *vp)
{
	u32 lvt = *reg(vp, LAPIC_LVT_LINT0);

	if (!(vp->lapic.events & STREAM_APIC_EXTINT))
		return 0;
	if (lapic_mode(vp) != LAPIC_DISABLED &&
	    ((lvt & LAPIC_LVT_MASKED) || (lvt & 0x700) != LVT_MODE_EXTINT))
		return 0;
	return EXTINT_ANY | (u8)(vp->lapic.events >> STREAM_APIC_EXTINT_SHIFT);
}

/* Whoever injects it must not take it for a vector of IRR. */
bool lapic_external_pending(const struct vp *vp)
{
	return pending_extint(vp);
}

u8 lapic_pending(const struct vp *vp)
{
	u8 vector = lapic_highest(vp, LAPIC_IRR);
	u32 extint = pending_extint(vp);

	/* Before all others: no priority holds it back. */
	if (extint)
		return (u8)extint;
	if (!software_enabled(vp) ||
	    (vector & 0xf0u) <= (*reg(vp, LAPIC_PPR) & 0xf0))
		return 0;
	return vector;
}

void lapic_accept(struct vp *vp, u8 vector)
{
	/* No ISR bit: it ends at its controller, so no EOI is for it. */
	if (pending_extint(vp)) {
		vp->lapic.events &= ~STREAM_APIC_EXTINT;
		vp->lapic.events |= STREAM_APIC_EXTINT_TAKEN;
		return;
	}
	vector_clear(vp, LAPIC_IRR, vector);
	/* AutoEOI: the guest sends none, a bit in ISR would stay for ever. */
	if (!synic_auto_eoi(vp, vector))
		vector_set(vp, LAPIC_ISR, vector);
	lapic_update_ppr(vp);
	/* A tick of a periodic timer may have waited for its place. */
	lapic_timer_update(vp);
	stimer_update(vp);
}

/* There is no EOI broadcast: a child has no I/O APIC of ours that would hear it. */
void lapic_eoi(struct vp *vp)
{
	u8 vector = lapic_highest(vp, LAPIC_ISR);

	if (!vector)
		return;
	vector_clear(vp, LAPIC_ISR, vector);
	lapic_update_ppr(vp);
}

/* One at most: NMIs that come while one waits are one (SDM 6.7.1). */
bool lapic_nmi_pending(const struct vp *vp)
{
	return vp->lapic.events & STREAM_APIC_NMI;
}

void lapic_nmi_accept(struct vp *vp)
{
	vp->lapic.events &= ~STREAM_APIC_NMI;
}

/*
 * An NMI that is blocked wakes nobody, it waits for the IRET; an interrupt that IF holds
 * back does not end HLT either (SDM vol. 2, HLT).
 */
bool lapic_wakes(const struct vp *vp)
{
	const struct vp_state *s = &vp->state;

	if (lapic_nmi_pending(vp) &&
	    !(s->interrupt_state & HV_INTERRUPT_STATE_NMI_MASKED))
		return true;
	return (s->rflags & RFLAGS_IF) && lapic_pending(vp);
}

/* ---- Registers that have other names as well ---- */

u64 lapic_tpr(const struct vp *vp)
{
	return *reg(vp, LAPIC_TPR);
}

void lapic_set_tpr(struct vp *vp, u64 value)
{
	*reg(vp, LAPIC_TPR) = (u8)value;
	lapic_update_ppr(vp);
}

/* CR8 is bits 7:4 of TPR (SDM 10.8.6), no register of its own. */
u64 lapic_cr8(const struct vp *vp)
{
	return lapic_tpr(vp) >> 4;
}

void lapic_set_cr8(struct vp *vp, u64 value)
{
	lapic_set_tpr(vp, value << 4);
}

u64 lapic_icr(const struct vp *vp)
{
	return (u64)*reg(vp, LAPIC_ICR_HIGH) << 32 | *reg(vp, LAPIC_ICR);
}

void lapic_write_icr(struct vp *vp, u64 value)
{
	*reg(vp, LAPIC_ICR_HIGH) = (u32)(value >> 32);
	*reg(vp, LAPIC_ICR) = (u32)value & LAPIC_ICR_WRITABLE;
	/* Both halves are there: the low one is what sends (SDM 10.6.1). */
	lapic_send_icr(vp);
}
