/*
 * Resets the machine from the root, in the way that way=N says, or makes the
 * hypercall at which a planted fault stops the hypervisor. Not a scenario:
 * test_stop.py looks at what comes afterwards.
 */
#include <efi.h>
#include <efilib.h>

#include "include/pc_ports.h"
#include "include/x86_apic.h"
#include "parent/hvcall.h"
#include "parent/partition.h"
#include "parent/uefi/hvpage.h"
#include "tests/guest/lib/arguments.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/serial.h"

/* The power management of the PIIX4, 00:01.3, whose I/O it switches on. */
#define PIIX4_POWER 0x80000b00u
#define PIIX4_POWER_ID 0x71138086u
#define PIIX4_PMREGMISC 0x80u

static u64 page;

/*
 * A reset of the whole machine leaves this register of Bochs' alone, but not the
 * base of what it switches on, for which the firmware then waits for ever.
 * Without it there is no clock: nothing may want to wait from now on.
 */
static void help_bochs(void)
{
	insn_out32(PORT_PCI_ADDRESS, PIIX4_POWER);
	if (insn_in32(PORT_PCI_DATA) != PIIX4_POWER_ID)
		return;
	insn_out32(PORT_PCI_ADDRESS, PIIX4_POWER | PIIX4_PMREGMISC);
	insn_out8(PORT_PCI_DATA, 0);
}

static void by_hypercall(void)
{
	u64 first;

	partition_next_child(HV_PARTITION_ID_SELF, 0, &first);
}

static void by_reset_control(void)
{
	insn_out8(PORT_RESET_CONTROL, 2);
	insn_out8(PORT_RESET_CONTROL, 6);
}

static void by_keyboard_controller(void)
{
	insn_out8(PORT_KEYBOARD, 0xfe);
}

static void by_firmware_cold(void)
{
	RT->ResetSystem(EfiResetCold, EFI_SUCCESS, 0, NULL);
}

static void by_firmware_warm(void)
{
	RT->ResetSystem(EfiResetWarm, EFI_SUCCESS, 0, NULL);
}

static void by_triple_fault(void)
{
	static const struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) no_gates;

	__asm__ volatile("lidt %0; int3" : : "m"(no_gates));
}

static void by_init(void)
{
	u64 base = cpu_read_msr(MSR_IA32_APIC_BASE);
	volatile u32 *apic = (volatile u32 *)(base & LAPIC_BASE_ADDRESS);

	if (base & LAPIC_BASE_X2APIC) {
		cpu_write_msr(LAPIC_MSR(LAPIC_ICR),
		              cpu_read_msr(LAPIC_MSR(LAPIC_ID)) << 32 |
		                      LAPIC_ICR_INIT);
		return;
	}
	apic[LAPIC_ICR_HIGH / 4] = apic[LAPIC_ID / 4];
	apic[LAPIC_ICR / 4] = LAPIC_ICR_INIT;
}

/* Not `whole`: Bochs resets the processor alone, and devices stay as they are.
 * Its INIT is still pending when Stasis leaves VMX operation. */
static const struct {
	const char *name;
	void (*reset)(void);
	bool whole;
} ways[] = {
	{ "hypercall", by_hypercall, true },
	{ "port CF9H", by_reset_control, true },
	{ "port 64H", by_keyboard_controller, false },
	{ "EFI, cold", by_firmware_cold, true },
	{ "EFI, warm", by_firmware_warm, false },
	{ "triple fault", by_triple_fault, true },
	{ "INIT", by_init, false },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	u64 way = arguments_number(image, table, "way", ARRAY_LEN(ways));

	InitializeLib(image, table);
	page = page_run(1);
	if (way >= ARRAY_LEN(ways) || !page || !hvpage_setup(page))
		return EFI_INVALID_PARAMETER;
	serial_print("\r\nRESET %s\r\n", ways[way].name);
	if (ways[way].whole)
		help_bochs();
	insn_cli();
	ways[way].reset();
	for (u32 i = 0; i < 50000000; i++)
		insn_pause();
	serial_print("RESET %s: nothing happened\r\n", ways[way].name);
	return EFI_ABORTED;
}
