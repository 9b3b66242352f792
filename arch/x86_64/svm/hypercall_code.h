/*
 * What is in the hypercall page: VMMCALL; RET. The rest is INT3, so that a jump astray is
 * noticed.
 */
#ifndef ARCH_SVM_HYPERCALL_CODE_H
#define ARCH_SVM_HYPERCALL_CODE_H

#include "include/types.h"

static const _Alignas(PAGE_SIZE) u8 svm_hypercall_code[PAGE_SIZE] = {
	[4 ...(PAGE_SIZE - 1)] = 0xcc, [0] = 0x0f, 0x01, 0xd9, 0xc3,
};

#endif
