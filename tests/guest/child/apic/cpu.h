/*
 * The apic child's processor: instructions, descriptor tables, local APIC.
 */
#ifndef CHILD_APIC_CPU_H
#define CHILD_APIC_CPU_H

#include "parent/cpu.h"
#include "tests/guest/child/apic/apic.h"
#include "tests/guest/lib/gate.h"

/* Registers of the local APIC, by the number of their x2APIC MSR. */
enum apic_register {
	APIC_ID = 0x02,
	APIC_TPR = 0x08,
	APIC_EOI = 0x0b,
	APIC_SVR = 0x0f,
	APIC_ICR = 0x30,
	APIC_LVT_TIMER = 0x32,
	APIC_INITIAL = 0x38,
	APIC_DIVIDE = 0x3e,
};

#define APIC_LVT_PERIODIC BIT(17)
#define APIC_LVT_DEADLINE BIT(18)
#define APIC_DIVIDE_BY_1 0xb
#define APIC_ICR_INIT 0x4500u
#define APIC_ICR_STARTUP 0x4600u
#define MSR_TSC_DEADLINE 0x6e0

#define NO_VECTORS __attribute__((target("general-regs-only")))

/* At APIC_SEEN, by link.ld. */
extern volatile struct apic_seen apic_seen;
#define seen (&apic_seen)

static inline void interrupts_off(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline void interrupts_on(void)
{
	__asm__ volatile("sti; nop" : : : "memory");
}

/* With interrupts off: nothing comes in between. They are on afterwards. */
static inline void halt(void)
{
	__asm__ volatile("sti; hlt" : : : "memory");
}

/* Descriptor tables of this VP. */
void cpu_begin(void);
void cpu_handle(u8 vector, void (*handler)(struct frame *));

/* The local APIC of this VP, on, in the mode that the flags say. */
void apic_on(void);
void apic_write(enum apic_register r, u64 value);
void apic_eoi(void);

/* To the VP of this APIC id: a vector, with the bits of the mode. */
void apic_send(u64 id, u32 icr);

#endif
