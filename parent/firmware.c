/*
 * The one file of parent/ that calls the firmware.
 */
#include "parent/firmware.h"

#include <efi.h>
#include <efilib.h>

u64 firmware_take(u64 pages, u64 last)
{
	EFI_PHYSICAL_ADDRESS address = last;
	EFI_ALLOCATE_TYPE how = last == FIRMWARE_ANYWHERE ? AllocateAnyPages
	                                                  : AllocateMaxAddress;

	if (EFI_ERROR(BS->AllocatePages(how,
	                                (EFI_MEMORY_TYPE)FIRMWARE_MEMORY_TYPE,
	                                pages, &address)))
		return 0;
	BS->SetMem((void *)address, pages * PAGE_SIZE, 0);
	return address;
}

void firmware_give(u64 address, u64 pages)
{
	if (pages)
		BS->FreePages(address, pages);
}
