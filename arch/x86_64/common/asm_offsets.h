/*
 * Numbers that C and assembly share: bare defines only, make turns them into
 * nasm's. cpu_arch.h asserts that the structures agree.
 */
#ifndef ARCH_ASM_OFFSETS_H
#define ARCH_ASM_OFFSETS_H

#define CPU_STACK_TOP 96
#define CPU_NMI_ARRIVED 104
#define STACK_FIRST_TOP 36864
#define PROCESSOR_SHIFT 18
#define PROCESSORS 64
#define VMCB_HOST 992
#define VMCB_HOST_CR0 1000
#define STUB_SIZE 16

#endif
