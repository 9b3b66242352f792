/*
 * A gate of the firmware's own interrupt table, by the protocol that UEFI's PI
 * specification has for it (volume 2, 12.3): the firmware saves what its handlers do,
 * and its table needs not be one that we may write to.
 */
#include "parent/uefi/wake.h"

#include <efi.h>
#include <efilib.h>

#include "include/x86.h"
#include "include/x86_apic.h"
#include "parent/cpu.h"
#include "parent/uefi/synic.h"

/* Ours is the first that is free, from the top: firmware counts from the bottom. */
#define WAKE_LAST 0xefu
#define WAKE_FIRST 0x80u

typedef void(EFIAPI *cpu_handler)(INTN vector, void *context);

/* EFI_CPU_ARCH_PROTOCOL, as far as it is used here. */
struct cpu_arch {
	void *others[5];
	EFI_STATUS(EFIAPI *register_handler)
	(struct cpu_arch *self, INTN vector, cpu_handler handler);
};

static EFI_GUID cpu_arch_guid = { 0x26baccb1,
	                          0x6f42,
	                          0x11d4,
	                          { 0xbc, 0xe7, 0x00, 0x80, 0xc7, 0x3c, 0x88,
	                            0x81 } };

static struct cpu_arch *cpu_arch;
static u8 taken; /* our vector, 0: none */

/* No AutoEOI: the root has the processor's own APIC, which knows of none. */
static void EFIAPI handle(INTN vector, void *context)
{
	u64 base = cpu_read_msr(MSR_IA32_APIC_BASE);
	volatile u32 *eoi =
		(volatile u32 *)((base & LAPIC_BASE_ADDRESS) + LAPIC_EOI);

	(void)vector;
	(void)context;
	if (base & LAPIC_BASE_X2APIC)
		cpu_write_msr(LAPIC_MSR(LAPIC_EOI), 0);
	else
		*eoi = 0;
}

u8 wake_begin(void)
{
	void *found;

	if (taken ||
	    EFI_ERROR(BS->LocateProtocol(&cpu_arch_guid, NULL, &found)))
		return taken;
	cpu_arch = found;
	/* One that somebody has is refused. */
	for (u32 v = WAKE_LAST; v >= WAKE_FIRST && !taken; v--)
		if (!EFI_ERROR(cpu_arch->register_handler(cpu_arch, (INTN)v,
		                                          handle)))
			taken = (u8)v;
	return taken;
}

void wake_end(void)
{
	if (taken)
		cpu_arch->register_handler(cpu_arch, (INTN)taken, NULL);
	taken = 0;
}

/*
 * With interrupts off between the look and the HLT, or one that comes in between
 * would be over when it begins: behind STI nothing interrupts before HLT does.
 */
void wake_wait(u64 sim_page)
{
	__asm__ volatile("cli" : : : "memory");
	if (synic_poll(sim_page))
		__asm__ volatile("sti" : : : "memory");
	else
		__asm__ volatile("sti\n\thlt" : : : "memory");
}
