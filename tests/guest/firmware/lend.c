/*
 * Reserved pages that the firmware gets back later and hands out again: what is
 * taken before Stasis starts and given back behind its back is free memory, but
 * not RAM to the hypervisor.
 *
 *     lend.efi take
 *     lend.efi give
 *
 * From the top down, as this firmware allocates:
 *
 *     ONES    given back; single pages come from there, nothing larger fits
 *     WALL    stays reserved
 *     ROOM    free at once, and so RAM: programs and small runs fit there
 *     MIDDLE  given back; a large run reaches over it
 */
#include <efi.h>
#include <efilib.h>

#include "include/types.h"

#define ONES 16u
#define WALL 4u
#define ROOM 512u
#define MIDDLE 16u
#define ALL (ONES + WALL + ROOM + MIDDLE)

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *table);

static CHAR16 variable[] = L"StasisTestLoan";
static EFI_GUID vendor = { 0x5d0a6a4e,
	                   0x2b1f,
	                   0x4f0c,
	                   { 0x8e, 0x41, 0x6c, 0x65, 0x6e, 0x64, 0x65, 0x72 } };

static EFI_STATUS take(void)
{
	EFI_PHYSICAL_ADDRESS base;
	EFI_STATUS status;

	status = BS->AllocatePages(AllocateAnyPages, EfiReservedMemoryType, ALL,
	                           &base);
	if (EFI_ERROR(status))
		return status;
	BS->FreePages(base + MIDDLE * PAGE_SIZE, ROOM);
	Print(L"lend: taken at 0x%lx\n", base);
	return RT->SetVariable(variable, &vendor,
	                       EFI_VARIABLE_BOOTSERVICE_ACCESS, sizeof(base),
	                       &base);
}

static EFI_STATUS give(void)
{
	EFI_PHYSICAL_ADDRESS base, ones;
	UINTN size = sizeof(base);
	EFI_STATUS status;

	status = RT->GetVariable(variable, &vendor, NULL, &size, &base);
	if (EFI_ERROR(status))
		return status;
	ones = base + (MIDDLE + ROOM + WALL) * PAGE_SIZE;
	Print(L"lend: given back: %d pages at 0x%lx, %d at 0x%lx\n", MIDDLE,
	      base, ONES, ones);
	status = BS->FreePages(base, MIDDLE);
	return EFI_ERROR(status) ? status : BS->FreePages(ones, ONES);
}

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *table)
{
	CHAR16 **argv = NULL;
	INTN argc;

	InitializeLib(handle, table);
	argc = GetShellArgcArgv(handle, &argv);
	if (argc == 2 && StrCmp(argv[1], L"take") == 0)
		return take();
	if (argc == 2 && StrCmp(argv[1], L"give") == 0)
		return give();
	return EFI_INVALID_PARAMETER;
}
