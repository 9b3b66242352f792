/*
 * How one processor has another leave its guest: by an NMI, which always exits. The door's
 * arch_vp_kick, arch_vp_take and arch_cpu_kick are here, too.
 */
#ifndef ARCH_KICK_H
#define ARCH_KICK_H

#include "hv/base/cpu.h"

/* An NMI has come to this processor. True: it is a kick, and nobody else's. */
bool kick_came(struct cpu *cpu);

/* If one came while we were at work: what is not a kick waits for the root. True: that is new. */
bool kick_note_nmi(struct cpu *cpu);

/*
 * No other processor is in a guest of this space any more. It comes past its vendor's
 * look at what has changed before it is in one again.
 */
struct arch_space;
void kick_space(const struct arch_space *space);

/* Before the choice of who runs next: the VPs that others have asked for do not. */
void kick_hold_asked(struct cpu *cpu);

/*
 * Lets go of the VPs that others have asked for, and of the one that has just been suspended,
 * which its parent will ask for. cpu->current is the one entered next.
 */
void kick_let_go(struct cpu *cpu, struct vp *last);

#endif
