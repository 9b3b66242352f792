/*
 * The firmware's memory map, reduced to what the hypervisor needs, and the
 * reservation that outlives us.
 */
#include <efi.h>
#include <efilib.h>

#include "boot/memory.h"

/* The firmware's descriptors are larger than the struct: walk by size. */
struct efi_map {
	UINT8 *bytes;
	UINTN size;
	UINTN descriptor_size;
};

/* Memory types that are RAM; reserved memory that is not ours may be anything. */
static const bool type_is_ram[] = {
	[EfiLoaderCode] = true,
	[EfiLoaderData] = true,
	[EfiBootServicesCode] = true,
	[EfiBootServicesData] = true,
	[EfiRuntimeServicesCode] = true,
	[EfiRuntimeServicesData] = true,
	[EfiConventionalMemory] = true,
	[EfiACPIReclaimMemory] = true,
	[EfiACPIMemoryNVS] = true,
	[14] = true, /* EfiPersistentMemory: gnu-efi does not name it */
};

/* On success the caller frees map->bytes. */
static EFI_STATUS efi_map_read(struct efi_map *map)
{
	EFI_STATUS status;
	UINTN key;
	UINT32 version;

	map->size = 0;
	for (;;) {
		map->bytes = NULL;
		/* Room for the descriptors that this allocation itself adds. */
		map->size += 1024;
		status = BS->AllocatePool(EfiLoaderData, map->size,
		                          (void **)&map->bytes);
		if (EFI_ERROR(status))
			return status;
		status = BS->GetMemoryMap(&map->size, (void *)map->bytes, &key,
		                          &map->descriptor_size, &version);
		if (!EFI_ERROR(status))
			return status;
		BS->FreePool(map->bytes);
		if (status != EFI_BUFFER_TOO_SMALL)
			return status;
	}
}

/* The lowest RAM that ends above `floor`; its size is 0 when there is none. */
static struct handoff_range efi_map_next_ram(const struct efi_map *map,
                                             u64 floor)
{
	struct handoff_range lowest = { .base = ~0ull, .size = 0 };

	for (UINTN at = 0; at + map->descriptor_size <= map->size;
	     at += map->descriptor_size) {
		const EFI_MEMORY_DESCRIPTOR *d = (void *)(map->bytes + at);
		u64 end = d->PhysicalStart + d->NumberOfPages * PAGE_SIZE;

		if (d->Type >= ARRAY_LEN(type_is_ram) || !type_is_ram[d->Type])
			continue;
		if (end <= floor || d->PhysicalStart >= lowest.base)
			continue;
		lowest.base = d->PhysicalStart;
		lowest.size = end - d->PhysicalStart;
	}
	if (lowest.size && lowest.base < floor) {
		lowest.size -= floor - lowest.base;
		lowest.base = floor;
	}
	return lowest;
}

static bool memory_map_add(struct memory_map *map, struct handoff_range range)
{
	struct handoff_range *last = &map->ranges[map->range_count];

	map->page_count += range.size / PAGE_SIZE;
	if (map->range_count && last[-1].base + last[-1].size == range.base) {
		last[-1].size += range.size;
		return true;
	}
	if (map->range_count == HANDOFF_RANGES)
		return false;
	*last = range;
	map->range_count++;
	return true;
}

EFI_STATUS memory_read_map(struct memory_map *map)
{
	struct efi_map efi_map;
	struct handoff_range range;
	EFI_STATUS status = efi_map_read(&efi_map);
	u64 floor = 0;

	map->range_count = 0;
	map->page_count = 0;
	if (EFI_ERROR(status)) {
		Print(L"stasis: the firmware gives no memory map (%r)\n",
		      status);
		return status;
	}
	/* Nothing says that the firmware sorts: take the lowest each time. */
	for (;;) {
		range = efi_map_next_ram(&efi_map, floor);
		if (!range.size)
			break;
		if (!memory_map_add(map, range)) {
			Print(L"stasis: RAM is in more than %d pieces; "
			      L"this machine is not supported\n",
			      HANDOFF_RANGES);
			status = EFI_UNSUPPORTED;
			break;
		}
		floor = range.base + range.size;
	}
	BS->FreePool(efi_map.bytes);
	return status;
}

EFI_STATUS memory_reserve(u64 size, u64 *base)
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
	if (*base > start)
		BS->FreePages(start, (*base - start) / PAGE_SIZE);
	if (*base + size < end)
		BS->FreePages(*base + size, (end - *base - size) / PAGE_SIZE);
	return EFI_SUCCESS;
}

void memory_release(u64 base, u64 size)
{
	BS->FreePages(base, size / PAGE_SIZE);
}
