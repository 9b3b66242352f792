/*
 * What is in the hypercall page: VMCALL; RET. The rest is INT3, so that a jump astray is
 * noticed.
 */
#ifndef ARCH_VMX_HYPERCALL_CODE_H
#define ARCH_VMX_HYPERCALL_CODE_H

#include "include/types.h"

static const _Alignas(PAGE_SIZE) u8 vmx_hypercall_code[PAGE_SIZE] = {
	[4 ...(PAGE_SIZE - 1)] = 0xcc, [0] = 0x0f, 0x01, 0xc1, 0xc3,
};

#endif
