/*
 * The length of the instruction that exited.
 */
#ifndef ARCH_SVM_LENGTH_H
#define ARCH_SVM_LENGTH_H

#include "hv/vp/vp.h"

/*
 * Bytes of the instruction at RIP that has exited with this code (enum svm_exit). Captures
 * nothing.
 */
u32 length_of_exit(struct vp *vp, u64 exit_code);

#endif
