/*
 * Makes the firmware a strict one: what it gives out for anything but code is
 * mapped as not executable, reserved memory too, as EDK2 does it where
 * PcdDxeNxMemoryProtectionPolicy has all bits set.
 *
 * A driver, so that it stays: load strict.efi
 */
#include <efi.h>
#include <efilib.h>

#include "include/types.h"
#include "include/x86.h"

#define SPLITS 64u /* large pages that can be split */

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *table);

static EFI_ALLOCATE_PAGES allocate_pages;
static EFI_FREE_PAGES free_pages;
static EFI_PHYSICAL_ADDRESS splits; /* pages for tables */
static u32 splits_used;

static bool is_code(EFI_MEMORY_TYPE type)
{
	return type == EfiLoaderCode || type == EfiBootServicesCode ||
	       type == EfiRuntimeServicesCode;
}

static u64 *table_of(u64 entry)
{
	return (u64 *)(entry & PTE_ADDRESS);
}

/* The 4-KiB entry of a page; NULL where there can be none. */
static u64 *entry_of(u64 cr3, u64 page)
{
	u64 *entry = &table_of(cr3)[page >> 39 & 511];
	u64 *table, first;

	if (!(*entry & PTE_P))
		return NULL;
	entry = &table_of(*entry)[page >> 30 & 511];
	if (!(*entry & PTE_P) || (*entry & PTE_LARGE))
		return NULL;
	entry = &table_of(*entry)[page >> 21 & 511];
	if (*entry & PTE_LARGE) {
		if (splits_used == SPLITS)
			return NULL;
		table = (u64 *)(splits + splits_used++ * PAGE_SIZE);
		first = *entry & ~PTE_LARGE;
		for (u64 i = 0; i < 512; i++)
			table[i] = first + i * PAGE_SIZE;
		*entry = (u64)table | (first & ~(PTE_ADDRESS | PTE_NX));
	}
	return &table_of(*entry)[page >> 12 & 511];
}

/* Interrupts are off and the tables writable meanwhile. */
static u64 protect(u64 base, u64 pages, bool not_executable)
{
	u64 cr0, cr3, flags, done = 0;

	__asm__ volatile("pushfq; popq %0; cli" : "=r"(flags));
	__asm__ volatile("mov %%cr0, %0; mov %%cr3, %1" : "=r"(cr0), "=r"(cr3));
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0 & ~CR0_WP));
	for (u64 i = 0; i < pages; i++) {
		u64 *entry = entry_of(cr3, base + i * PAGE_SIZE);

		if (!entry)
			continue;
		*entry = (*entry & ~PTE_NX) | (not_executable ? PTE_NX : 0);
		done++;
	}
	__asm__ volatile("mov %0, %%cr0; mov %1, %%cr3; pushq %2; popfq"
	                 :
	                 : "r"(cr0), "r"(cr3), "r"(flags)
	                 : "memory", "cc");
	return done;
}

static EFI_STATUS EFIAPI strict_allocate(EFI_ALLOCATE_TYPE how,
                                         EFI_MEMORY_TYPE type, UINTN pages,
                                         EFI_PHYSICAL_ADDRESS *address)
{
	EFI_STATUS status = allocate_pages(how, type, pages, address);
	u64 done;

	if (EFI_ERROR(status))
		return status;
	done = protect(*address, pages, !is_code(type));
	if (pages > 1)
		Print(L"strict: %ld pages at 0x%lx are %a\n", done, *address,
		      is_code(type) ? "code" : "not executable");
	return status;
}

/* The firmware itself puts code there without asking us. */
static EFI_STATUS EFIAPI strict_free(EFI_PHYSICAL_ADDRESS address, UINTN pages)
{
	protect(address, pages, false);
	return free_pages(address, pages);
}

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *table)
{
	EFI_STATUS status;

	InitializeLib(handle, table);
	status = BS->AllocatePages(AllocateAnyPages, EfiBootServicesData,
	                           SPLITS, &splits);
	if (EFI_ERROR(status))
		return status;
	allocate_pages = BS->AllocatePages;
	free_pages = BS->FreePages;
	BS->AllocatePages = strict_allocate;
	BS->FreePages = strict_free;
	return EFI_SUCCESS;
}
