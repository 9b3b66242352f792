/*
 * The door of transport.h for a program of UEFI: it runs at CPL 0, and its memory is
 * identity-mapped (UEFI 2.10, 2.3.4), so that an address is a GPA. The one file of
 * parent/ that calls the firmware.
 */
#include "parent/transport.h"

#include <efi.h>
#include <efilib.h>

#include "parent/cpu.h"
#include "parent/uefi/hvpage.h"
#include "parent/uefi/synic.h"
#include "parent/uefi/wake.h"

/*
 * Pages that were taken have a type of the range that is the OS loaders'. For its own
 * types the firmware sets pages apart that its memory map shows as reserved, and those
 * were no RAM to Stasis; and an operating system that is started later takes this type
 * for memory that is not its own (docs/architecture.md).
 */
#define TAKEN_MEMORY_TYPE 0x80000000u

/* What is kept: the hypervisor goes on using both when the program has ended. */
enum { KEPT_HYPERCALL_PAGE, KEPT_SIM_PAGE };

static u8 input_block[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static u8 output_block[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static u64 sim_page;
static bool wakes; /* a message interrupts */

u64 transport_take(u64 pages, u64 last)
{
	EFI_PHYSICAL_ADDRESS address = last;
	EFI_ALLOCATE_TYPE how = last == TRANSPORT_ANYWHERE ? AllocateAnyPages
	                                                   : AllocateMaxAddress;

	if (EFI_ERROR(BS->AllocatePages(how, (EFI_MEMORY_TYPE)TAKEN_MEMORY_TYPE,
	                                pages, &address)))
		return 0;
	/* The firmware does not clear them, and a child would see its secrets. */
	BS->SetMem((void *)address, pages * PAGE_SIZE, 0);
	return address;
}

void transport_give(u64 gpa, u64 pages)
{
	if (pages)
		BS->FreePages(gpa, pages);
}

void *transport_at(u64 gpa)
{
	return (void *)gpa;
}

struct transport_block transport_input(void)
{
	return (struct transport_block){ input_block, (u64)input_block };
}

struct transport_block transport_output(void)
{
	return (struct transport_block){ output_block, (u64)output_block };
}

/* For the hypercalls' code: executable under any policy of the firmware. */
static u64 take_code_page(void)
{
	EFI_PHYSICAL_ADDRESS page;

	if (EFI_ERROR(BS->AllocatePages(AllocateAnyPages,
	                                EfiRuntimeServicesCode, 1, &page)))
		return 0;
	return page;
}

bool transport_present(void)
{
	return hvpage_present();
}

/* Where the firmware has no vector for us messages are polled. */
static void open_sint(void)
{
	u8 vector = wake_begin();

	wakes = vector;
	if (wakes)
		synic_setup_vector(sim_page, vector);
	else
		synic_setup_polling(sim_page);
}

enum transport_result transport_open(u64 kept[TRANSPORT_WORDS])
{
	if (!kept[KEPT_SIM_PAGE])
		kept[KEPT_SIM_PAGE] = transport_take(1, TRANSPORT_ANYWHERE);
	if (!kept[KEPT_HYPERCALL_PAGE])
		kept[KEPT_HYPERCALL_PAGE] = take_code_page();
	if (!kept[KEPT_SIM_PAGE] || !kept[KEPT_HYPERCALL_PAGE])
		return TRANSPORT_NO_MEMORY;
	if (!hvpage_setup(kept[KEPT_HYPERCALL_PAGE]))
		return TRANSPORT_REFUSED;
	sim_page = kept[KEPT_SIM_PAGE];
	open_sint();
	return TRANSPORT_OPEN;
}

/* The next message, which may come when the program is no more, must interrupt nobody. */
void transport_close(void)
{
	if (!sim_page)
		return;
	synic_setup_polling(sim_page);
	wake_end();
	wakes = false;
}

u64 transport_call(u64 control, u64 input, u64 output)
{
	return hvpage_call(control, input, output);
}

const struct hv_message *transport_message(void)
{
	return synic_poll(sim_page);
}

void transport_release(void)
{
	synic_release(sim_page);
}

/* In HLT the time is the children's; who spins has slices of his own. */
void transport_wait(void)
{
	if (wakes)
		wake_wait(sim_page);
	else
		cpu_pause();
}
