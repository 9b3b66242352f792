/*
 * The inner door: what differs between the ways in which processors run a guest. VT-x
 * is in vmx/; tests/host/fake/vendor.c is one in memory. Behind it hardware has its
 * vendor's words; here, and in all that is x86, it has the TLFS's or none.
 *
 * Who is behind it is settled when the image is linked: nothing here is a pointer.
 */
#ifndef ARCH_VENDOR_H
#define ARCH_VENDOR_H

#include "hv/arch.h"
#include "hv/vp/vp.h"
#include "include/handoff.h"

struct vp_rule;

/* ---- The processor ---- */

/*
 * Looks at everything that a launch depends on and leaves it in h->findings,
 * refused or not. Changes nothing of the machine; memory of its own is ready then.
 */
enum handoff_result vendor_find(struct handoff *h);

/* CR0 and CR4 that the hypervisor has to run with. After vendor_find. */
struct vendor_registers {
	u64 cr0;
	u64 cr4;
};
struct vendor_registers vendor_registers(void);

/* Features that it can let its guests have: sets of enum arch_root. */
struct vendor_features {
	u32 root;
	u32 child;
};
struct vendor_features vendor_features(void);

/*
 * Takes out of the facts what it cannot keep for a child, and says who it is. What
 * the features of CPUID bring is in them already.
 */
void vendor_limit(struct arch_facts *facts);

/* The rules that it has for a state to be entered (hv/vp/vp_rules.h). */
const struct vp_rule *vendor_rules(u32 *count);

/* The page that guests call us by (TLFS 3.13), in the image: its instruction, RET. */
const void *vendor_hypercall_page(void);

/*
 * Starts its mode of operation on this processor, which has vendor_registers() and
 * our tables. HANDOFF_OK, or a refusal with h->detail.
 */
enum handoff_result vendor_begin(struct handoff *h);

/* Ends it, if it has begun, and keeps nothing of a VP in the processor. */
void vendor_end(void);

/*
 * Where an NMI that came at `rip` goes on: on the last way to a guest it would wait
 * for that one's next exit, so that way is begun anew.
 */
u64 vendor_nmi_return(u64 rip);

/* Takes the interrupt that the APIC would deliver next: its vector, 0: there is none. */
u32 vendor_take_interrupt(void);

/* The root's APIC is reset: what the vendor has made of its timer is over. */
void vendor_timer_reset(void);

/* Halts until an NMI has come (nmi_arrived). No interrupt comes in. */
void vendor_wait(void);

/* What there is to say of the last exit: false, nothing. Whatever the machine is in. */
struct vendor_last_exit {
	const char *where; /* it has been read from */
	u64 rip;
	u64 reason; /* in the vendor's numbers */
};
bool vendor_last_exit(struct vendor_last_exit *last);

/* ---- MSRs ---- */

/*
 * Which accesses to an MSR exit: of this processor's root VP, where none do at first;
 * NULL: of all children, where all do. MSRs that a map has no place for exit always.
 */
bool vendor_has_place(u32 msr);
void vendor_msr_exits(struct cpu *root_of, u32 msr, bool read, bool write);

/* MSRs that make it what it is, and how they are hidden from the root. */
struct vendor_msr {
	u32 first;
	u32 last;
	bool is_there; /* reads are `value`, else #GP; writes are #GP */
	u64 value;
};
const struct vendor_msr *vendor_msrs(u32 *count);

/* ---- A VP's state ---- */

/*
 * Makes of the VP's page what the processor runs it by. Nothing is in it yet: all
 * of the VP's state is dirty.
 */
void vendor_vp_init(struct vp *vp);

/* The processor keeps nothing of the VP; its page may be another's. */
void vendor_vp_free(struct vp *vp);

/* All about the VP in hand is done on this processor: it is entered next. */
void vendor_load(struct vp *vp);

/* This processor keeps nothing of the VP: all is in its page, for another to read. */
void vendor_let_go(struct vp *vp);

/* It is another processor's than before (vp->cpu): what is of that one is to be made anew. */
void vendor_moved(struct vp *vp);

/*
 * Between the VP's page and vp->state: these parts (enum vp_part). What is in the
 * processor itself while the VP is resident is switch.h's.
 */
void vendor_capture(struct vp *vp, u32 parts);
void vendor_apply(struct vp *vp, u32 parts);

/*
 * CR2, DR6 and KERNEL_GS_BASE, to vp->state and back: of VP_PART_LIVE they are what one
 * vendor keeps in the VP's page, and another one leaves in the processor while the VP
 * is resident.
 */
void vendor_save_live(struct vp *vp);
void vendor_load_live(struct vp *vp);

/* What can be asked of a VP that has exited, for less than a capture costs. */
enum vendor_word {
	VENDOR_RIP,
	VENDOR_RFLAGS,
	VENDOR_CR0, /* PE and PG; the rest may be ours */
	VENDOR_EFER,
	VENDOR_CPL,
	VENDOR_CODE_64,  /* not 0: 64-bit mode, operands and RIP have 64 bits */
	VENDOR_LENGTH,   /* of the instruction that exited, where it did */
	VENDOR_BLOCKING, /* HV_INTERRUPT_STATE_... */
	VENDOR_OCCUPIED, /* not 0: the next entry delivers an event */
};
u64 vendor_peek(struct vp *vp, enum vendor_word word);

/* ---- The root's local APIC (root_apic.h) ---- */

/* Do the root's accesses exit for the vendor's sake? */
bool vendor_apic_watches(void);

/* A register for the root: the vendor's, or the APIC's own. */
u32 vendor_apic_read(u32 offset);
void vendor_apic_write(u32 offset, u32 value);

/* ---- Events ---- */

struct vendor_event {
	enum hv_pending_type type;
	u8 vector;
	bool has_error;
	u32 error;
};

/*
 * The next entry delivers it, before the VP's next instruction. A state that is
 * captured has it too, and goes on being the same as the hardware's.
 */
void vendor_inject(struct vp *vp, const struct vendor_event *event);

/* The event whose delivery the exit has cut short. False: there is none. */
bool vendor_delivering(struct vp *vp, struct vendor_event *event);

/* It is not delivered again: a fault that came up in its delivery takes its place. */
void vendor_drop(struct vp *vp);

/*
 * A debug exception comes at the next entry. It goes before any interrupt (SDM table
 * 6-2), and would be lost if one were injected.
 */
bool vendor_debug_waits(struct vp *vp);

/* RIP behind the instruction that exited: it is done. */
void vendor_skip(struct vp *vp);

/*
 * The instruction will be executed again, or what it raised is a fault: RF, as a
 * breakpoint on it has been (SDM 17.3.1.1).
 */
void vendor_retry(struct vp *vp);

/* ---- An entry ---- */

/* What an entry is to be like. */
struct vendor_entry {
	bool timed; /* it ends after that many ticks of the TSC */
	u64 ticks;
	bool halted;         /* it goes on in its HLT */
	bool halt_exits;     /* HLT does */
	bool mwait_exits;    /* of the root; a child's always does */
	u32 exceptions;      /* of a child: those that exit, by vector */
	bool wait_nmi;       /* it exits as soon as it can take an NMI */
	bool wait_interrupt; /* an interrupt */
};

/*
 * Does the processor deliver a child's interrupts by itself, out of the APIC's page?
 * Settled anew before each entry.
 */
bool vendor_delivers(struct vp *vp);

/*
 * From now on no interrupt ends a run but the vendor's own, until this is called once more
 * with false: those that come wait in the APIC. For the processor that runs this.
 */
void vendor_hold_back(bool hold);

/*
 * The VP is loaded, applied, and has its event. From most exits a root that is alone goes
 * on without: what waits for a preparation says so (enter_prepared).
 */
void vendor_prepare(struct vp *vp, const struct vendor_entry *entry);

/* The first entry. Later ones follow an exit, behind this door. */
_Noreturn void vendor_run(struct vp *vp);

/* ---- Second-level page tables: an entry (slat.c walks them) ---- */

/* Memory types by the numbers of MTRRs (SDM table 11-2). */
#define MEMORY_UC 0u
#define MEMORY_WB 6u

/* Bits that our walker keeps in an entry for itself, or that all processors have. */
#define SLAT_LARGE BIT(7)
#define SLAT_ADDRESS 0x000ffffffffff000ull
#define SLAT_USED BIT(52)
#define SLAT_MARK BIT(53)

/* The other bits of an entry with rights (ARCH_...) and a memory type; of a table's. */
u64 vendor_leaf(u32 rights, u32 type);
u64 vendor_table(void);

/* 0: the processor takes it for a hole, and caches nothing of it. */
u32 vendor_rights(u64 entry);

/* May leaves of 1 GiB be used? Leaves of 2 MiB always may. */
bool vendor_has_gigabyte_pages(void);

/*
 * The memory type that the root's map has to say of [base, base + size), a naturally
 * aligned power of two. False: more than one, map it in smaller pages.
 */
bool vendor_memory_type(u64 base, u64 size, u32 *type);

/*
 * An entry that the processor may have cached was changed: until a flush it may be
 * used as it was, with what it led to, a page or a table. Sets space->stale.
 */
void vendor_space_changed(struct arch_space *space, hpa_t led_to);

/* Nothing of the space is cached on any processor any more. Clears space->stale. */
void vendor_space_flush(struct arch_space *space);

#endif
