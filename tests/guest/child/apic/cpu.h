/*
 * The apic child's processor: instructions, descriptor tables, local APIC.
 */
#ifndef CHILD_APIC_CPU_H
#define CHILD_APIC_CPU_H

#include "include/x86.h"
#include "include/x86_apic.h"
#include "parent/cpu.h"
#include "tests/guest/child/apic/apic.h"
#include "tests/guest/lib/gate.h"

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

/*
 * No processor delivers an interrupt with IF clear. QEMU does, when it delivers one that was
 * injected a second time, in the handler of the first (docs/svm.md).
 */
NO_VECTORS static inline bool is_double(const struct frame *frame)
{
	if (frame->rflags & RFLAGS_IF)
		return false;
	seen->doubled++;
	if (!(seen->flags & APIC_DOUBLES))
		seen->wrong++;
	return true;
}

/* Descriptor tables of this VP. */
void cpu_begin(void);
void cpu_handle(u8 vector, void (*handler)(struct frame *));

/* The local APIC of this VP, on, in the mode that the flags say. */
void apic_on(void);
void apic_write(enum lapic_offset r, u64 value);
void apic_eoi(void);

/* To the VP of this APIC id: a vector, with the bits of the mode. */
void apic_send(u64 id, u32 icr);

#endif
