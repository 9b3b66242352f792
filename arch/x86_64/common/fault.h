/*
 * Exceptions and NMIs while the hypervisor itself runs.
 */
#ifndef ARCH_FAULT_H
#define ARCH_FAULT_H

#include "include/types.h"

/* What the stubs in entry.asm leave on the stack. */
struct fault_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8;
	u64 rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 vector;
	u64 error;
	u64 rip, cs, rflags, rsp, ss; /* by the processor */
};

void fault_handle(struct fault_frame *frame);

/*
 * The vector that came in while window() let interrupts in, 0: none did. It is in service
 * then. Who was interrupted goes on with IF clear, so that a second one waits.
 */
u32 fault_take_interrupt(void (*window)(void));

#endif
