/*
 * The processor's local APIC, in either mode, for the hypervisor's own accesses.
 */
#ifndef ARCH_APIC_H
#define ARCH_APIC_H

#include "hv/base/addr.h"
#include "include/x86_apic.h"

/* IA32_APIC_BASE. Read each time: the root changes the mode as it likes. */
u64 apic_base(void);

u32 apic_read(u32 offset);
void apic_write(u32 offset, u32 value);

/* Where its page is in xAPIC mode, with this base. */
static inline hpa_t apic_page(u64 base)
{
	return hpa_of(base & LAPIC_BASE_ADDRESS);
}

/*
 * Writes TPR, and tells what it was. MOV to CR8 would clear its lower half (SDM 10.8.6).
 * Of an APIC that is off nothing is touched.
 */
u32 apic_swap_tpr(u32 tpr);

/* Its number, as an ICR has it. */
u32 apic_id(void);

/*
 * Writes ICR: to the APIC with this number, or by its shorthand. `low` has delivery mode,
 * vector and all else. The root's own ICR is as it was, but for a delivery that is over.
 */
void apic_send(u32 to, u32 low);

/* The same for the root's: what it has written itself, with the destination as its mode has it. */
void apic_send_icr(u64 icr);

#endif
