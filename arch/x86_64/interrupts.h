/*
 * From a child's local APIC into its VMCS.
 */
#ifndef ARCH_INTERRUPTS_H
#define ARCH_INTERRUPTS_H

#include "hv/vp.h"

/*
 * Before an entry: the interrupt or NMI that vp gets, or an exit as soon as it
 * can take what waits; where the processor virtualizes the APIC, what is in the
 * APIC's page. Its VMCS is loaded and holds its state.
 */
void interrupts_deliver(struct vp *vp);

#endif
