/*
 * stasis.efi: reserves memory, loads the hypervisor into it and calls it.
 * When the call returns 0, whoever started us has become the root partition;
 * otherwise the machine is as it was.
 */
#include <efi.h>
#include <efilib.h>

#include "boot/acpi.h"
#include "boot/call.h"
#include "boot/check.h"
#include "boot/machine.h"
#include "boot/memory.h"
#include "boot/options.h"
#include "boot/processors.h"
#include "boot/record.h"
#include "boot/refusal.h"
#include "boot/screen.h"
#include "boot/uart.h"
#include "boot/vendor.h"
#include "lib/elf.h"

/* The root's pool is what the image and its tables leave of it. */
#define DEFAULT_RESERVED (16ull << 20)

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *table);

/* Everything that is known before memory is reserved. */
struct launch {
	struct boot_options options;
	struct memory_map map;
	struct elf_image image;
	struct machine_tsc tsc;
	const u8 *elf; /* the image for this processor */
	u64 elf_size;
	struct handoff_uart uart;
	u32 processors;
	u64 reserved_base;
	u64 reserved_size;
};

static u64 round_up(u64 value, u64 unit)
{
	return (value + unit - 1) / unit * unit;
}

static EFI_STATUS launch_read_options(struct launch *l, EFI_HANDLE handle)
{
	EFI_LOADED_IMAGE *loaded;
	EFI_GUID guid = LOADED_IMAGE_PROTOCOL;
	EFI_STATUS status;

	status = BS->HandleProtocol(handle, &guid, (void **)&loaded);
	if (EFI_ERROR(status)) {
		Print(L"stasis: the firmware hides our command line (%r)\n",
		      status);
		return status;
	}
	/* The words stay where they are: the firmware's memory, good until we return. */
	return options_parse(loaded->LoadOptions, loaded->LoadOptionsSize,
	                     &l->options);
}

static EFI_STATUS launch_read_image(struct launch *l)
{
	const char *error;

	l->elf = vendor_here()->image;
	l->elf_size = (u64)(vendor_here()->image_end - l->elf);
	/*
	 * It is in this program, and so as good as the file; but a file on a disk may be
	 * damaged, and what runs unchecked at the highest privilege is not to be.
	 */
	error = elf_check(l->elf, l->elf_size, &l->image);
	if (!error)
		return EFI_SUCCESS;
	Print(L"stasis: the hypervisor's image is damaged: %a; build again\n",
	      error);
	return EFI_LOAD_ERROR;
}

/* Bytes, in whole pages. */
static u64 launch_least(const struct launch *l)
{
	return HANDOFF_RECORD_BYTES +
	       (u64)(l->processors - 1) * HANDOFF_PROCESSOR_BYTES +
	       round_up(sizeof(struct handoff), PAGE_SIZE) +
	       round_up(l->elf_size, PAGE_SIZE) + l->image.memory_size +
	       round_up(ranges_upkeep(&l->map), PAGE_SIZE);
}

/* How much to reserve, and whether the least that we need fits into it. */
static EFI_STATUS launch_choose_size(struct launch *l)
{
	u64 upkeep = ranges_upkeep(&l->map);
	u64 least = launch_least(l);

	l->reserved_size = DEFAULT_RESERVED + upkeep +
	                   (u64)(l->processors - 1) * HANDOFF_PROCESSOR_BYTES;
	if (l->options.memory_mib)
		l->reserved_size = l->options.memory_mib << 20;
	/*
	 * In whole large pages: the root's map then has one hole, whose ends need no small
	 * pages, and the record at its start is found again.
	 */
	l->reserved_size = round_up(l->reserved_size, MEMORY_LARGE_PAGE);
	/* Here, and not in the hypervisor: nothing has been taken from the firmware yet. */
	if (l->reserved_size >= least)
		return EFI_SUCCESS;
	Print(L"stasis: mem=%ld is too small; this machine needs at least "
	      L"%ld MiB\n",
	      l->options.memory_mib, round_up(least, 1ull << 20) >> 20);
	return EFI_OUT_OF_RESOURCES;
}

static EFI_STATUS launch_reserve(struct launch *l)
{
	EFI_STATUS status =
		memory_reserve(&l->map, l->reserved_size, &l->reserved_base);

	if (!EFI_ERROR(status))
		return status;
	/* The status of the firmware's says no more than that. */
	Print(L"stasis: %ld MiB of memory are not free; "
	      L"ask for less with mem=MiB\n",
	      l->reserved_size >> 20);
	return EFI_OUT_OF_RESOURCES;
}

/* The record, the block, the ELF file as it is, then the loaded image. */
static struct handoff *launch_fill(const struct launch *l)
{
	struct handoff *h = (void *)(l->reserved_base + HANDOFF_RECORD_BYTES);

	ZeroMem(h, sizeof(*h));
	h->magic = HANDOFF_MAGIC;
	h->size = sizeof(*h);
	h->reserved_base = l->reserved_base;
	h->reserved_size = l->reserved_size;
	h->elf_base = (u64)h + round_up(sizeof(*h), PAGE_SIZE);
	h->elf_size = l->elf_size;
	h->image_base = h->elf_base + round_up(h->elf_size, PAGE_SIZE);
	h->image_size = l->image.memory_size;
	h->free_base = h->image_base + h->image_size;
	h->tsc_hz = l->tsc.taken.hz;
	h->planted = l->options.planted;
	h->reset_seconds = l->options.reset_seconds;
	h->no_barriers = l->options.no_barriers;
	h->processors = l->processors;
	h->uart = l->uart;
	screen_find(&l->map, &h->screen);
	acpi_find_reset(&h->reset);
	/* The map after the reservation, which has become RAM of ours wherever it came from. */
	h->range_count = l->map.range_count;
	CopyMem(h->ranges, l->map.ranges, sizeof(h->ranges));
	/*
	 * The file stays beside the loaded image: names of functions in reports and of controls
	 * in refusals are read from it.
	 */
	CopyMem((void *)h->elf_base, l->elf, h->elf_size);
	elf_load(&l->image, (void *)h->image_base);
	/*
	 * Last: until the launch a record of the run before may be in this memory, but from now
	 * on the only one worth finding is ours.
	 */
	record_begin((struct handoff_record *)l->reserved_base);
	return h;
}

static void launch_find_tsc(struct launch *l)
{
	machine_find_tsc(&l->tsc);
	/* A check says it in a line of its own, among the others. */
	if (l->tsc.denied.hz && !l->options.check)
		Print(L"stasis: the TSC runs at %ld kHz, not at %ld as %a "
		      L"says\n",
		      l->tsc.taken.hz / 1000, l->tsc.denied.hz / 1000,
		      frequency_source_name(l->tsc.denied.source));
}

static struct call_image launch_image(const struct launch *l,
                                      const struct handoff *h)
{
	return (struct call_image){ .base = h->image_base,
		                    .size = h->image_size,
		                    .entry = h->image_base + l->image.entry };
}

static EFI_STATUS launch_start(const struct launch *l)
{
	struct handoff *h = launch_fill(l);
	struct call_image image = launch_image(l, h);
	enum handoff_result result = call_image(&image, (u64)h);
	EFI_STATUS status;

	if (result != HANDOFF_OK) {
		/* Names among the findings are in the image. */
		status = refusal_print(result, h->detail,
		                       (const void *)h->findings);
		/*
		 * A launch that was refused leaves no run behind: in the next boot nobody shall look for
		 * its report.
		 */
		record_drop((struct handoff_record *)l->reserved_base);
		memory_release(l->reserved_base, l->reserved_size);
		return status;
	}
	/* From here on the reserved memory, and so *h, is out of our reach. */
	status = processors_enter(&image, l->processors);
	if (EFI_ERROR(status))
		return status;
	Print(L"stasis: running; this is now the root partition, "
	      L"%ld MiB reserved at 0x%lx\n",
	      l->reserved_size >> 20, l->reserved_base);
	return EFI_SUCCESS;
}

/* The image looks at the processor from memory that is given back. */
static EFI_STATUS launch_check(struct launch *l)
{
	struct check_facts facts = { .tsc = &l->tsc,
		                     .ram = l->map.page_count * PAGE_SIZE,
		                     .reserved = l->reserved_size,
		                     .pieces = l->map.range_count };
	u64 pages = launch_least(l) / PAGE_SIZE;
	EFI_PHYSICAL_ADDRESS base;
	/*
	 * Of a type that may be executed, as the image runs there; it is the firmware's again
	 * when this program ends, so no large page has to be found for it.
	 */
	EFI_STATUS status = BS->AllocatePages(AllocateAnyPages, EfiLoaderCode,
	                                      pages, &base);
	struct handoff *h;
	struct call_image image;
	enum handoff_result result;

	if (EFI_ERROR(status)) {
		Print(L"stasis: no memory to look from (%r)\n", status);
		return status;
	}
	l->reserved_base = base;
	h = launch_fill(l);
	h->check = 1;
	image = launch_image(l, h);
	result = call_image(&image, (u64)h);
	/* Without them the image has refused before it could look: then that is the answer. */
	if (h->findings)
		status = check_print(&facts, h, (const void *)h->findings);
	else
		status = refusal_print(result, h->detail, NULL);
	record_drop((struct handoff_record *)l->reserved_base);
	BS->FreePages(base, pages);
	return status;
}

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *table)
{
	static struct launch launch; /* too large for the firmware's stack */
	struct launch *l = &launch;
	enum handoff_result result;
	EFI_STATUS status;

	InitializeLib(handle, table);
	status = launch_read_options(l, handle);
	if (EFI_ERROR(status))
		return status;
	if (l->options.help) {
		options_print_help();
		return EFI_SUCCESS;
	}
	/* Before the check whether Stasis runs: it has an answer of its own to that. */
	if (l->options.log)
		return record_print_last();
	/* First of all that costs something, and before the firmware is asked for anything. */
	result = machine_check();
	if (result != HANDOFF_OK)
		return refusal_print(result, 0, NULL);
	status = launch_read_image(l);
	if (!EFI_ERROR(status))
		status = memory_read_map(&l->map);
	if (!EFI_ERROR(status))
		status = uart_find(&l->options.serial, &l->map, &l->uart);
	if (!EFI_ERROR(status))
		status = processors_find(&l->processors);
	if (!EFI_ERROR(status))
		status = launch_choose_size(l);
	if (EFI_ERROR(status))
		return status;
	/* Takes up to 300 ms: behind everything that can still fail without it. */
	launch_find_tsc(l);
	if (l->options.check)
		return launch_check(l);
	status = launch_reserve(l);
	if (!EFI_ERROR(status))
		status = launch_start(l);
	return status;
}
