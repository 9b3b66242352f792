/*
 * Makes the firmware one that keeps bins: of each of these types it sets pages
 * apart, shows them as of that type from now on, and hands them out to whoever
 * asks for the type. OVMF does that under QEMU; under Bochs, which does not tell
 * it anything, it has no such bins.
 *
 * A driver, so that it stays: load bins.efi
 */
#include <efi.h>
#include <efilib.h>

#include "include/types.h"

#define BIN_PAGES 128u

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *table);

static struct bin {
	EFI_MEMORY_TYPE type;
	EFI_PHYSICAL_ADDRESS base;
	bool used[BIN_PAGES];
} bins[] = {
	{ .type = EfiReservedMemoryType },  { .type = EfiRuntimeServicesCode },
	{ .type = EfiRuntimeServicesData }, { .type = EfiACPIReclaimMemory },
	{ .type = EfiACPIMemoryNVS },
};

static EFI_ALLOCATE_PAGES allocate_pages;
static EFI_FREE_PAGES free_pages;

static bool run_is_free(const struct bin *bin, u64 first, u64 pages)
{
	for (u64 i = 0; i < pages; i++)
		if (bin->used[first + i])
			return false;
	return true;
}

static void set_used(struct bin *bin, u64 first, u64 pages, bool used)
{
	for (u64 i = 0; i < pages; i++)
		bin->used[first + i] = used;
}

/* From the top, as this firmware does it. False: it does not fit. */
static bool take_from_bin(struct bin *bin, u64 pages, u64 last,
                          EFI_PHYSICAL_ADDRESS *address)
{
	for (u64 first = BIN_PAGES - pages + 1; first-- > 0;) {
		u64 at = bin->base + first * PAGE_SIZE;

		if (at + pages * PAGE_SIZE - 1 > last ||
		    !run_is_free(bin, first, pages))
			continue;
		set_used(bin, first, pages, true);
		*address = at;
		return true;
	}
	return false;
}

static EFI_STATUS EFIAPI bins_allocate(EFI_ALLOCATE_TYPE how,
                                       EFI_MEMORY_TYPE type, UINTN pages,
                                       EFI_PHYSICAL_ADDRESS *address)
{
	u64 last = how == AllocateMaxAddress ? *address : ~0ull;

	for (u32 i = 0; i < ARRAY_LEN(bins); i++)
		if (bins[i].type == type && how != AllocateAddress &&
		    pages > 0 && pages <= BIN_PAGES &&
		    take_from_bin(&bins[i], pages, last, address))
			return EFI_SUCCESS;
	return allocate_pages(how, type, pages, address);
}

static EFI_STATUS EFIAPI bins_free(EFI_PHYSICAL_ADDRESS address, UINTN pages)
{
	for (u32 i = 0; i < ARRAY_LEN(bins); i++) {
		u64 first = (address - bins[i].base) / PAGE_SIZE;

		if (address < bins[i].base || first + pages > BIN_PAGES)
			continue;
		set_used(&bins[i], first, pages, false);
		return EFI_SUCCESS;
	}
	return free_pages(address, pages);
}

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *table)
{
	EFI_STATUS status;

	InitializeLib(handle, table);
	for (u32 i = 0; i < ARRAY_LEN(bins); i++) {
		status = BS->AllocatePages(AllocateAnyPages, bins[i].type,
		                           BIN_PAGES, &bins[i].base);
		if (EFI_ERROR(status))
			return status;
		Print(L"bins: %d pages of type %d at 0x%lx\n", BIN_PAGES,
		      bins[i].type, bins[i].base);
	}
	allocate_pages = BS->AllocatePages;
	free_pages = BS->FreePages;
	BS->AllocatePages = bins_allocate;
	BS->FreePages = bins_free;
	return EFI_SUCCESS;
}
