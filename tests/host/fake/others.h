/*
 * Other processors: structures of their own, whose code runs when a test says so. What one
 * sends to another is written down; an NMI ends the run of its guest at once.
 */
#ifndef FAKE_OTHERS_H
#define FAKE_OTHERS_H

#include "arch/x86_64/common/cpu_arch.h"
#include "tests/host/fake/arch.h"

#define FAKE_OTHERS 6u
#define FAKE_SENT 16u

struct fake_others {
	struct cpu *at; /* FAKE_OTHERS of them, once there is one */
	u32 count;
	u32 sent_count; /* of apic_send; the first ones are */
	struct {
		u32 to;
		u32 low;
	} sent[FAKE_SENT];
	u32 lost;     /* so many of them, from now on, arrive nowhere */
	u32 patience; /* milliseconds up to the end of a wait for another */
	u32 let_go;   /* VPs, by vendor_let_go; the last one is */
	const struct vp *gone;
	u32 moved;  /* likewise, by vendor_moved */
	u32 passed; /* times that the lock was given to who waited, */
	u32 waits; /* halts up to an NMI: what comes then, which it never sleeps through */
	void (*arrives)(struct cpu *cpu, u32 wait);
	u32 unlocked; /* times that the lock was given away, */
	bool open;    /* and whether it is */
	void (*beside)(
		void); /* what another processor does meanwhile, NULL: nothing */
};
extern struct fake_others fake_others;

/* No others. */
void fake_others_reset(void);

/* One more is entered: its root VP runs there, its APIC has this number. */
struct cpu *fake_processor_add(u32 apic_id);

/* The child VP is this one's from now on, and in its guest, where nobody has kicked it. */
struct vp_state *fake_run_on(struct vp *vp, struct cpu *cpu);

/* From now on it is this processor's code that runs. */
void fake_go_to(struct cpu *cpu);

/* The processor has left its guest, and sees to what there is, up to its next entry. */
void fake_processor_comes(struct cpu *cpu);

#endif
