/*
 * Access rights of a segment, out of a VMCB (APM volume 2, 15.5.1). No hardware in here:
 * unit tests run it.
 */
#ifndef ARCH_SVM_SEGMENT_H
#define ARCH_SVM_SEGMENT_H

#include "arch/x86_64/svm/vmcb.h"

/*
 * Of a segment by its number (enum vp_segment), as a descriptor has them: `cpl` as the VMCB
 * has it, in virtual-8086 mode or not.
 */
u16 segment_rights(const struct vmcb_segment *s, u32 index, u8 cpl, bool v86);

#endif
