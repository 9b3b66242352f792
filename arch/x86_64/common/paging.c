/*
 * Builds the hypervisor's page tables (SDM 4.5) in reserved memory.
 */
#include "arch/x86_64/common/paging.h"

#include "arch/x86_64/common/cpu_arch.h"
#include "arch/x86_64/common/processor.h"
#include "arch/x86_64/common/regs.h"
#include "arch/x86_64/common/tables.h"
#include "hv/base/check.h"

#define PTE_RAM (PTE_P | PTE_W | PTE_NX)
#define PTE_DEVICE (PTE_P | PTE_W | PTE_NX | PTE_PCD | PTE_PWT)
/* Uncached unless an MTRR says write-combining (SDM 11.12.3). */
#define PTE_SCREEN (PTE_P | PTE_W | PTE_NX | PTE_PCD)

/* Far above any RAM; each processor has a page of it, down from the last. */
#define DEVICE_WINDOW_END 0x0000800000000000ull
#define DEVICE_WINDOW (DEVICE_WINDOW_END - HANDOFF_PROCESSORS * PAGE_SIZE)

/* Boundaries of the image (linker.ld). */
extern u8 __text_start[], __text_end[], __rodata_start[], __rodata_end[];
extern u8 __data_start[], __image_end[];

static u64 *top; /* of all processors, constant after start-up */

void *paging_early_pages(struct handoff *h, u64 count)
{
	u64 first = h->free_base, size = count * PAGE_SIZE;

	if (first + size > h->reserved_base + h->reserved_size)
		return NULL;
	h->free_base = first + size;
	__builtin_memset((void *)first, 0, size);
	return (void *)first;
}

/* A large page becomes a table of the same mappings. */
static void split(u64 *entry, u64 *table)
{
	u64 first = *entry & ~PTE_LARGE;

	for (u64 i = 0; i < 512; i++)
		table[i] = first + i * PAGE_SIZE;
}

/*
 * The entry for an address at a level (0: 4 KiB, 1: 2 MiB); the tables above
 * it are made as needed. NULL: no memory.
 */
static u64 *entry_at(struct handoff *h, u64 address, u32 level)
{
	u64 *table = top;

	for (u32 l = 3;; l--) {
		u64 *entry = &table[address >> (12 + 9 * l) & 511];

		if (l == level)
			return entry;
		if (!(*entry & PTE_P) || (*entry & PTE_LARGE)) {
			u64 *below = paging_early_pages(h, 1);

			if (!below)
				return NULL;
			if (*entry & PTE_P)
				split(entry, below);
			*entry = (u64)below | PTE_P | PTE_W;
		}
		table = (u64 *)(*entry & PTE_ADDRESS);
	}
}

static bool map_range(struct handoff *h, u64 base, u64 size, u64 flags)
{
	u64 end = base + size;

	for (u64 at = base; at < end;) {
		bool large = at % LARGE_PAGE_SIZE == 0 &&
		             end - at >= LARGE_PAGE_SIZE;
		u64 *entry = entry_at(h, at, large ? 1 : 0);

		if (!entry)
			return false;
		*entry = at | flags | (large ? PTE_LARGE : 0);
		at += large ? LARGE_PAGE_SIZE : PAGE_SIZE;
	}
	return true;
}

/* W^X: no page of the image is both. */
static bool map_image(struct handoff *h)
{
	const struct {
		const u8 *start, *end;
		u64 flags;
	} sections[] = {
		{ __text_start, __text_end, PTE_P },
		{ __rodata_start, __rodata_end, PTE_P | PTE_NX },
		{ __data_start, __image_end, PTE_RAM },
	};

	for (u32 i = 0; i < ARRAY_LEN(sections); i++)
		for (u64 at = (u64)sections[i].start; at < (u64)sections[i].end;
		     at += PAGE_SIZE) {
			u64 *entry = entry_at(h, at, 0);

			if (!entry)
				return false;
			*entry = at | sections[i].flags;
		}
	return true;
}

/* A stack that grows too far meets a page that is not there. */
static bool unmap_guards(struct handoff *h, struct cpu *cpu)
{
	for (u32 i = 0; i < STACKS; i++) {
		u64 *entry =
			entry_at(h, (u64)processor_of(cpu)->stacks[i].guard, 0);

		if (!entry)
			return false;
		*entry = 0;
	}
	return true;
}

/*
 * What a report is written to, where it is. What lies so high that it has no
 * such place is done without.
 */
static bool map_reports(struct handoff *h)
{
	u64 uart = h->uart.address & ~(PAGE_SIZE - 1);
	u64 screen = h->screen.base & ~(PAGE_SIZE - 1);
	u64 screen_end = (h->screen.base + h->screen.size + PAGE_SIZE - 1) &
	                 ~(PAGE_SIZE - 1);

	if (h->uart.in_memory && uart >= DEVICE_WINDOW)
		h->uart.address = 0;
	if (screen_end < screen || screen_end > DEVICE_WINDOW)
		h->screen.base = screen = screen_end = 0;
	if (h->uart.in_memory && h->uart.address &&
	    !map_range(h, uart, PAGE_SIZE, PTE_DEVICE))
		return false;
	return !h->screen.base ||
	       map_range(h, screen, screen_end - screen, PTE_SCREEN);
}

/*
 * The page of the local APIC is at the same address for all processors and another
 * one for each; so is the window that it is reached through.
 */
static u64 window_of(const struct cpu *cpu)
{
	return DEVICE_WINDOW_END - (cpu->index + 1) * PAGE_SIZE;
}

/* What each processor has to itself. */
static bool map_processor(struct handoff *h, struct cpu *cpu)
{
	struct cpu_arch *a = cpu_arch(cpu);

	a->window = entry_at(h, window_of(cpu), 0);
	return a->window && unmap_guards(h, cpu);
}

enum handoff_result paging_init(struct handoff *h)
{
	top = paging_early_pages(h, 1);
	if (!top)
		return HANDOFF_NO_MEMORY;
	for (u32 i = 0; i < h->range_count; i++)
		if (!map_range(h, h->ranges[i].base, h->ranges[i].size,
		               PTE_RAM))
			return HANDOFF_NO_MEMORY;
	if (!map_reports(h) || !map_image(h))
		return HANDOFF_NO_MEMORY;
	for (u32 i = 0; i < h->processors; i++)
		if (!map_processor(h, &processor_at(i)->cpu))
			return HANDOFF_NO_MEMORY;
	return HANDOFF_OK;
}

u64 paging_root(void)
{
	return (u64)top;
}

volatile u32 *paging_device(hpa_t page)
{
	struct cpu *cpu = arch_this_cpu();
	u64 *entry = cpu_arch(cpu)->window;
	u64 wanted = page.v | PTE_DEVICE, at = window_of(cpu);

	if (*entry != wanted) {
		*entry = wanted;
		page_invalidate(at);
	}
	return (volatile u32 *)at;
}
