/*
 * The local APIC's registers (SDM volume 3, chapter 10), as facts: what our own
 * APIC for children makes of them is in hv/.
 */
#ifndef STASIS_X86_APIC_H
#define STASIS_X86_APIC_H

#include "include/x86_msr.h"

/* IA32_APIC_BASE: which of its bits make the mode, and where the page is. */
#define LAPIC_BASE_BSP BIT(8) /* of the processor that boots */
#define LAPIC_BASE_X2APIC BIT(10)
#define LAPIC_BASE_ENABLE BIT(11)
#define LAPIC_BASE_ADDRESS 0x000ffffffffff000ull
#define LAPIC_BASE_RESET 0xfee00000ull /* that address after reset */

/* Offsets in the page. */
enum lapic_offset {
	LAPIC_ID = 0x020,
	LAPIC_VERSION = 0x030,
	LAPIC_TPR = 0x080,
	LAPIC_APR = 0x090,
	LAPIC_PPR = 0x0a0,
	LAPIC_EOI = 0x0b0,
	LAPIC_LDR = 0x0d0,
	LAPIC_DFR = 0x0e0,
	LAPIC_SVR = 0x0f0,
	LAPIC_ISR = 0x100,
	LAPIC_TMR = 0x180,
	LAPIC_IRR = 0x200,
	LAPIC_ESR = 0x280,
	LAPIC_ICR = 0x300,
	LAPIC_ICR_HIGH = 0x310,
	LAPIC_LVT_TIMER = 0x320,
	LAPIC_LVT_THERMAL = 0x330,
	LAPIC_LVT_PERF = 0x340,
	LAPIC_LVT_LINT0 = 0x350,
	LAPIC_LVT_LINT1 = 0x360,
	LAPIC_LVT_ERROR = 0x370,
	LAPIC_INITIAL_COUNT = 0x380,
	LAPIC_CURRENT_COUNT = 0x390,
	LAPIC_DIVIDE = 0x3e0,
	LAPIC_SELF_IPI = 0x3f0,
};

/* In x2APIC mode each register is an MSR (10.12.1.2). */
#define LAPIC_MSR(offset) (MSR_IA32_X2APIC + (u32)(offset) / 16)

#define LAPIC_SVR_ENABLE BIT(8)
#define LAPIC_SVR_RESET 0xffu
/* DFR: how logical destinations are read, flat where all is set (10.6.2.2). */
#define LAPIC_DFR_MODEL 0xf0000000u
#define LAPIC_DFR_ONES 0x0fffffffu /* what is below is reserved, and 1 */

#define LAPIC_LVT_MASKED BIT(16)
#define LAPIC_LVT_ONE_SHOT 0u /* of the timer's */
#define LAPIC_LVT_PERIODIC (1u << 17)
#define LAPIC_LVT_DEADLINE (2u << 17)
#define LAPIC_LVT_MODE (3u << 17)
#define LAPIC_DIVIDE_BY_1 0xbu

#define LAPIC_ESR_SEND_ILLEGAL BIT(5)
#define LAPIC_ESR_RECEIVE_ILLEGAL BIT(6)
#define LAPIC_ESR_REGISTER_ILLEGAL BIT(7)
#define LAPIC_ESR_ALL 0xe0u

/* ICR (10.6.1). */
#define LAPIC_ICR_LOGICAL BIT(11)
#define LAPIC_ICR_BUSY BIT(12)
#define LAPIC_ICR_ASSERT BIT(14)
#define LAPIC_ICR_LEVEL BIT(15)
#define LAPIC_ICR_SHORTHAND_SHIFT 18

enum lapic_shorthand {
	LAPIC_TO_DESTINATION,
	LAPIC_TO_SELF,
	LAPIC_TO_ALL,
	LAPIC_TO_OTHERS
};

/* What messages and entries of the LVT deliver. */
enum lapic_delivery {
	LAPIC_FIXED = 0,
	LAPIC_LOWEST = 1,
	LAPIC_DELIVER_NMI = 4,
	LAPIC_DELIVER_INIT = 5,
	LAPIC_DELIVER_SIPI = 6,
	LAPIC_DELIVER_EXTINT = 7,
};

/* Interrupts that programs send most: asserted, to whom ICR's high half says. */
#define LAPIC_ICR_NMI 0x4400u
#define LAPIC_ICR_INIT 0x4500u
#define LAPIC_ICR_STARTUP 0x4600u /* | the page where it begins */

/* Destinations that are everybody. */
#define XAPIC_BROADCAST 0xffu
#define X2APIC_BROADCAST 0xffffffffu

#define VECTOR_FIRST 16u /* of those that an APIC can deliver */

#endif
