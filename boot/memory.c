/*
 * The firmware's memory map, reduced to what the hypervisor needs, and the
 * reservation that outlives us.
 */
#include "boot/memory.h"

#include <efi.h>
#include <efilib.h>

/* The firmware's descriptors are larger than the struct: walk by size. */
struct efi_map {
	UINT8 *bytes;
	UINTN size;
	UINTN descriptor_size;
};

/* On success the caller frees map->bytes. */
static EFI_STATUS efi_map_read(struct efi_map *map)
{
	EFI_STATUS status;
	UINTN key;
	UINT32 version;

	map->size = 0;
	/*
	 * The size that it wants is only known by asking, and grows by the very allocation: each
	 * round has more room than the one before, so there is an end.
	 */
	for (;;) {
		map->bytes = NULL;
		/* Room for the descriptors that this allocation itself adds. */
		map->size += 1024;
		status = BS->AllocatePool(EfiLoaderData, map->size,
		                          (void **)&map->bytes);
		if (EFI_ERROR(status))
			return status;
		/* The key is for ExitBootServices alone, which we never call: the firmware stays. */
		status = BS->GetMemoryMap(&map->size, (void *)map->bytes, &key,
		                          &map->descriptor_size, &version);
		if (!EFI_ERROR(status))
			return status;
		BS->FreePool(map->bytes);
		if (status != EFI_BUFFER_TOO_SMALL)
			return status;
	}
}

EFI_STATUS memory_read_map(struct memory_map *map)
{
	struct efi_map efi_map;
	EFI_STATUS status = efi_map_read(&efi_map);
	enum ranges_result result;

	if (EFI_ERROR(status)) {
		Print(L"stasis: the firmware gives no memory map (%r)\n",
		      status);
		return status;
	}
	result = ranges_read(map, efi_map.bytes, efi_map.size,
	                     efi_map.descriptor_size);
	BS->FreePool(efi_map.bytes);
	if (result == RANGES_OK)
		return EFI_SUCCESS;
	/* The hand-off has a fixed number of rows; the page database counts by them. */
	if (result == RANGES_TOO_MANY)
		Print(L"stasis: RAM is in more than %d pieces; "
		      L"this machine is not supported\n",
		      RANGES_MAX);
	else
		Print(L"stasis: the firmware's memory map has no RAM\n");
	return EFI_UNSUPPORTED;
}

bool memory_map_has(const struct memory_map *map, u64 base, u64 size)
{
	for (u32 i = 0; i < map->range_count; i++) {
		const struct handoff_range *r = &map->ranges[i];

		/* Any byte in common: a device whose registers reach into RAM is none. */
		if (base < r->base + r->size && r->base < base + size)
			return true;
	}
	return false;
}

/*
 * The firmware may take it from a bin, which its map showed as reserved: then it
 * is RAM to us from now on.
 */
EFI_STATUS memory_reserve(struct memory_map *map, u64 size, u64 *base)
{
	EFI_PHYSICAL_ADDRESS start;
	EFI_STATUS status;
	u64 end;

	/* The firmware aligns to 4 KiB: take 2 MiB more, give back the ends. */
	status = BS->AllocatePages(AllocateAnyPages, EfiReservedMemoryType,
	                           (size + MEMORY_LARGE_PAGE) / PAGE_SIZE,
	                           &start);
	if (EFI_ERROR(status))
		return status;
	end = start + size + MEMORY_LARGE_PAGE;
	*base = (start + MEMORY_LARGE_PAGE - 1) & ~(MEMORY_LARGE_PAGE - 1);
	/* Free pages in front of it and behind it are lost to nobody. */
	if (*base > start)
		BS->FreePages(start, (*base - start) / PAGE_SIZE);
	if (*base + size < end)
		BS->FreePages(*base + size, (end - *base - size) / PAGE_SIZE);
	/* May need one row more than there is: then all of it goes back. */
	if (ranges_add(map, *base, size))
		return EFI_SUCCESS;
	memory_release(*base, size);
	return EFI_OUT_OF_RESOURCES;
}

void memory_release(u64 base, u64 size)
{
	BS->FreePages(base, size / PAGE_SIZE);
}
