/*
 * Address space identifiers: which translations are whose, and when they go (APM
 * volume 2, 15.16).
 */
#ifndef ARCH_SVM_ASID_H
#define ARCH_SVM_ASID_H

#include "hv/vp/vp.h"

/* This processor has so many, 0 included, which is the host's. */
void asid_init(u32 count, bool flushes_one);

/* What is cached of the VP's linear addresses is not used at its next entry. */
void asid_flush(struct vp *vp);

/* Before an entry: the VMCB has its ASID, and whether that is to be flushed. */
void asid_prepare(struct vp *vp);

#endif
