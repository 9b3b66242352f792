/*
 * What the root and children have because a VMCS allows it. No hardware in here: unit
 * tests run it.
 */
#ifndef ARCH_ALLOWED_H
#define ARCH_ALLOWED_H

#include "include/types.h"

/*
 * Sets of enum arch_root: by the secondary controls of a VMCS, and for the root by
 * IA32_VMX_MISC too.
 */
u32 allowed_root(u64 proc2, u64 misc);
u32 allowed_child(u64 proc2);

#endif
