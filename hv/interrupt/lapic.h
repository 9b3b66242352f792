/*
 * The local APIC of a child VP (SDM volume 3, chapter 10). Its state is one
 * page in the layout of the registers, VP_PAGE_APIC: what a processor with APIC
 * virtualization would keep in its virtual-APIC page. Beside the page: when the
 * timer is due, and events that are no registers.
 *
 * The functions work on a VP that does not execute. Before another VP's event is put
 * into it, it is kicked; what has come takes effect before it goes on (vp_update).
 */
#ifndef HV_LAPIC_H
#define HV_LAPIC_H

#include "hv/base/field.h"
#include "include/stream.h"
#include "include/tlfs.h"
#include "include/x86_apic.h"

struct partition;
struct vp;

#define LAPIC_PAGE_BYTES 0x400u
#define LAPIC_NEVER 0xffffffffffffffffull

#define LAPIC_LVTS 6u /* from LVT_TIMER to LVT_ERROR */

/* Bits that a guest can write; others are reserved. */
#define LAPIC_LDR_WRITABLE 0xff000000u
#define LAPIC_SVR_WRITABLE 0x1ffu
#define LAPIC_ICR_WRITABLE 0x000ccfffu
#define LAPIC_LVT_TIMER_WRITABLE 0x000700ffu
#define LAPIC_LVT_LOCAL_WRITABLE 0x000107ffu /* thermal, performance */
#define LAPIC_LVT_PIN_WRITABLE 0x0001a7ffu
#define LAPIC_LVT_ERROR_WRITABLE 0x000100ffu
#define LAPIC_DIVIDE_WRITABLE 0xbu

enum lapic_mode { LAPIC_DISABLED, LAPIC_XAPIC, LAPIC_X2APIC };

enum lapic_mode lapic_mode(const struct vp *vp);

/* ---- State ---- */

/* As after power-up or INIT: all but APIC_BASE, the assist page and events. */
void lapic_reset(struct vp *vp);

/* WRMSR of APIC_BASE. False: #GP, nothing changed. */
bool lapic_write_base(struct vp *vp, u64 value);

/* APIC_BASE has changed by other ways: ID and LDR follow its mode. */
void lapic_follow_base(struct vp *vp);

/* The fields of the chunk VP_APIC; what is a place is one in VP_PAGE_APIC. */
extern const struct field lapic_fields[];

/* To and from that chunk. What is loaded was checked. */
void lapic_save(const struct vp *vp, struct stream_vp_apic *out);
void lapic_load(struct vp *vp, const struct stream_vp_apic *in);
/* Can these values be in a local APIC? */
bool lapic_valid(const struct stream_vp_apic *in);

/* What lapic_save would say after reset. */
void lapic_save_reset(struct stream_vp_apic *out);

/* ---- Registers (lapic_registers.c) ---- */

/* RDMSR, WRMSR of 0x800 to 0x8ff. False: #GP. */
bool lapic_read_msr(struct vp *vp, u32 msr, u64 *value);
bool lapic_write_msr(struct vp *vp, u32 msr, u64 value);

/* Accesses to the page, by an offset below 4096 that is a multiple of 16. */
u32 lapic_read_page(struct vp *vp, u32 offset);
void lapic_write_page(struct vp *vp, u32 offset, u32 value);

/* Is this where the VP's APIC has its page? (lapic_page.c) */
bool lapic_is_page(const struct vp *vp, u64 gpa);

/*
 * Carries out the instruction at RIP, which accesses that page, and moves RIP
 * behind it. False: it is none that we know, nothing was done.
 */
bool lapic_emulate(struct vp *vp, u64 gpa);

/*
 * HV_REGISTER_APIC_*, by the number of the x2APIC MSR, in either mode: the value
 * alone, nothing is sent or acknowledged. INVALID_PARAMETER: the mode has no such
 * register, or it cannot hold that; nothing has changed then.
 */
enum hv_status lapic_get_register(struct vp *vp, u32 msr, u64 *value);
enum hv_status lapic_set_register(struct vp *vp, u32 msr, u64 value);

u64 lapic_cr8(const struct vp *vp);
void lapic_set_cr8(struct vp *vp, u64 value);
u64 lapic_tpr(const struct vp *vp);
void lapic_set_tpr(struct vp *vp, u64 value);
u64 lapic_icr(const struct vp *vp);
/* Writes ICR, which sends; in any mode, `value` as the mode has it. */
void lapic_write_icr(struct vp *vp, u64 value);

/* ---- Interrupts ---- */

/* Sets IRR, if the APIC is enabled. */
void lapic_raise(struct vp *vp, u8 vector, bool level);
/*
 * An edge-triggered interrupt for a VP, wherever it is: a child's comes by the local APIC
 * in here, the root's by that of the processor.
 */
void lapic_interrupt(struct vp *vp, u8 vector);
/* Whether such an interrupt would get into IRR. */
bool lapic_takes(const struct vp *vp, u8 vector);

/* An error of the bits LAPIC_ESR_*: its interrupt, and ESR when written. */
void lapic_error(struct vp *vp, u32 bit);

/* ISR, or TPR, was changed by hand. */
void lapic_update_ppr(struct vp *vp);

/* The vector that the processor would get now, 0: none. */
u8 lapic_pending(const struct vp *vp);

/* It is the external one, which comes past IRR. */
bool lapic_external_pending(const struct vp *vp);

/* The processor takes that vector: IRR to ISR, or the external one. */
void lapic_accept(struct vp *vp, u8 vector);

void lapic_eoi(struct vp *vp);

/* Highest vector in ISR, IRR or TMR, 0: none. */
u8 lapic_highest(const struct vp *vp, enum lapic_offset set);

/* Something waits that ends a HLT. The VP's state must have been captured. */
bool lapic_wakes(const struct vp *vp);

/* An NMI waits, and can be taken as far as the APIC knows. */
bool lapic_nmi_pending(const struct vp *vp);
void lapic_nmi_accept(struct vp *vp);

/* ---- Timer (lapic_timer.c) ---- */

/* Ticks of our TSC until it needs lapic_timer_update, LAPIC_NEVER: nothing does. */
u64 lapic_timer_rest(const struct vp *vp);

/* Brings it up to now: ticks that are due are given. */
void lapic_timer_update(struct vp *vp);
void lapic_timer_write_lvt(struct vp *vp, u32 value);
void lapic_timer_start(struct vp *vp, u32 initial);
void lapic_timer_write_divide(struct vp *vp, u32 value);
u32 lapic_timer_count(const struct vp *vp);
void lapic_timer_set_count(struct vp *vp, u32 count);

/* IA32_TSC_DEADLINE. */
u64 lapic_timer_deadline(const struct vp *vp);
void lapic_timer_set_deadline(struct vp *vp, u64 value);

/*
 * When it is due, if the ticks of the time that its parent has held the VP, up to
 * this TSC of ours, are one.
 */
u64 lapic_timer_joined(const struct vp *vp, u64 now);
/* Its parent lets the VP go on: they are one. */
void lapic_timer_resume(struct vp *vp);

/* The guest's TSC was set: a timer that counts goes on from where it was. */
void lapic_timer_shift(struct vp *vp, u64 by);

/* ---- Between VPs (lapic_ipi.c) ---- */

struct lapic_message {
	enum lapic_delivery delivery;
	enum lapic_shorthand shorthand;
	u32 destination;
	u8 vector;
	bool logical;
	bool broadcast; /* the destination means everyone */
	bool level;
};

/* To the VPs of p that it is for; `from` is NULL if no VP sends it. */
void lapic_send(struct partition *p, struct vp *from,
                const struct lapic_message *m);

/*
 * An external interrupt for this VP, past destinations and priorities. False: the one
 * before it was taken and is not over, nothing changed.
 */
bool lapic_assert_external(struct vp *vp, u8 vector);

/* To one VP, whatever the destination says. */
void lapic_deliver(struct vp *vp, const struct lapic_message *m);

/* What ICR says. */
void lapic_send_icr(struct vp *vp);

#endif
