/*
 * From a VP that is ready to be entered to VMLAUNCH or VMRESUME.
 */
#ifndef ARCH_ENTRY_H
#define ARCH_ENTRY_H

#include "arch/x86_64/vmx/vmx_arch.h"

/* What vm_enter needs for it. Its VMCS is loaded, and complete but for RSP. */
struct vm_entry entry_of(struct vp *vp);

#endif
