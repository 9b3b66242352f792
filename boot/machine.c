/*
 * The machine seen from the firmware's side: the processor's own word on
 * VT-x, the speed of its TSC, and whether a serial port is there.
 */
#include <cpuid.h>
#include <efi.h>
#include <efilib.h>

#include "boot/machine.h"
#include "include/tlfs.h"

#define CPUID_1_ECX_VMX BIT(5)
#define CPUID_1_ECX_HYPERVISOR BIT(31)

#define TSC_STALL_US 10000u
#define TSC_ROUNDS 2

#define SERIAL_COM1 0x3f8u
#define SERIAL_SCRATCH 7u /* a 16550 keeps what is written here */

/* By the signature alone: other hypervisors have our interface, too. */
static bool is_stasis(void)
{
	u32 eax, ebx, ecx, edx;

	__cpuid(STASIS_CPUID, eax, ebx, ecx, edx);
	return eax >= STASIS_CPUID && ebx == STASIS_CPUID_EBX &&
	       ecx == STASIS_CPUID_ECX && edx == STASIS_CPUID_EDX;
}

enum handoff_result machine_check(void)
{
	u32 eax, ebx, ecx, edx;

	__cpuid(1, eax, ebx, ecx, edx);
	if ((ecx & CPUID_1_ECX_HYPERVISOR) && is_stasis())
		return HANDOFF_RUNNING;
	return ecx & CPUID_1_ECX_VMX ? HANDOFF_OK : HANDOFF_NO_VTX;
}

static u64 tsc_read(void)
{
	u32 low, high;

	/* Without the fence a read may start before the stall has ended. */
	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
}

u64 machine_measure_tsc_hz(void)
{
	u64 best = ~0ull;

	/* An interrupt makes a round too long, nothing makes it too short. */
	for (int round = 0; round < TSC_ROUNDS; round++) {
		u64 start = tsc_read();
		u64 ticks;

		BS->Stall(TSC_STALL_US);
		ticks = tsc_read() - start;
		if (ticks < best)
			best = ticks;
	}
	return best * (1000000u / TSC_STALL_US);
}

static u8 port_read(u16 port)
{
	u8 value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void port_write(u16 port, u8 value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

u32 machine_find_serial_port(void)
{
	u16 scratch = SERIAL_COM1 + SERIAL_SCRATCH;
	u8 before = port_read(scratch);
	bool found;

	port_write(scratch, 0x5a);
	found = port_read(scratch) == 0x5a;
	port_write(scratch, before);
	return found ? SERIAL_COM1 : 0;
}
