/*
 * What a VP is given on its way in: events of its local APIC, and of the machine.
 */
#ifndef ARCH_INTERRUPTS_H
#define ARCH_INTERRUPTS_H

#include "arch/x86_64/common/vendor.h"

/*
 * A child's NMI or interrupt, if it can take it now; else the entry is to exit as
 * soon as it can. The VP is loaded, and its hardware holds its state.
 */
void interrupts_deliver(struct vp *vp, struct vendor_entry *entry);

/* The machine check or NMI that waits for the root, if it can take it now. */
void interrupts_deliver_root(struct vp *root);

#endif
