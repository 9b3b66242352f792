/*
 * Finds the last run's report. Its memory was no operating system's, and a
 * reset leaves it alone on most machines, but this boot's firmware may have
 * used it since: nothing is believed that its CRC does not confirm.
 */
#include "boot/record.h"

#include <efi.h>
#include <efilib.h>

#include "boot/machine.h"
#include "boot/memory.h"

#define CRC32C_REVERSED 0x82f63b78u

static u64 clock_now(void)
{
	EFI_TIME t;

	/* A machine without a clock: its records cannot be told apart by age, and are still shown. */
	if (EFI_ERROR(RT->GetTime(&t, NULL)))
		return 0;
	/* Decimal digits in one number: to be compared, and to be printed, not to be counted with. */
	return ((((t.Year * 100ull + t.Month) * 100 + t.Day) * 100 + t.Hour) *
	                100 +
	        t.Minute) *
	               100 +
	       t.Second;
}

void record_begin(struct handoff_record *record)
{
	ZeroMem(record, sizeof(*record));
	/*
	 * Its own place: a copy that some program has made of this memory, elsewhere, is not
	 * taken for the record.
	 */
	record->base = (u64)record;
	record->started = clock_now();
	/* Last, so that half a record has none. */
	record->magic = HANDOFF_RECORD_MAGIC;
}

void record_drop(struct handoff_record *record)
{
	record->magic = 0;
}

static u32 record_crc(const struct handoff_record *record)
{
	u32 crc = ~0u;

	for (u32 i = 0; i < record->length; i++) {
		crc ^= (u8)record->text[i];
		for (u32 bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? CRC32C_REVERSED : 0);
	}
	/* The same sum as lib/crc32c.c, but by bits: a machine without CRC32 may look as well. */
	return ~crc;
}

static bool record_is_good(const struct handoff_record *record)
{
	/* The length before the CRC, which is counted over that many bytes. */
	return record->magic == HANDOFF_RECORD_MAGIC &&
	       record->base == (u64)record &&
	       record->length <= sizeof(record->text) &&
	       record->crc == record_crc(record);
}

/* The one that was begun last, of those in a range; `last` if none is later. */
static const struct handoff_record *record_search(
	const struct handoff_range *range, const struct handoff_record *last)
{
	u64 end = range->base + range->size;
	u64 at = (range->base + MEMORY_LARGE_PAGE - 1) &
	         ~(MEMORY_LARGE_PAGE - 1);

	/* Firmware may guard page 0 against null pointers. */
	if (!at)
		at = MEMORY_LARGE_PAGE;
	/* Only where a reservation can begin (memory_reserve): 512 places for each GiB. */
	for (; at + HANDOFF_RECORD_BYTES <= end; at += MEMORY_LARGE_PAGE) {
		const struct handoff_record *r = (const void *)at;

		/* Of two with the same time, the later in memory: without a clock all have 0. */
		if (record_is_good(r) && (!last || r->started >= last->started))
			last = r;
	}
	return last;
}

static void record_print(const struct handoff_record *record)
{
	u64 date = record->started / 1000000, time = record->started % 1000000;

	Print(L"stasis: started %04ld-%02ld-%02ld %02ld:%02ld:%02ld, ",
	      date / 10000, date / 100 % 100, date % 100, time / 10000,
	      time / 100 % 100, time % 100);
	/* Power, a reset from outside, or it ran until the operating system switched off. */
	if (!record->length) {
		Print(L"it left no report: it did not stop by itself\n");
		return;
	}
	Print(L"its report:\n");
	for (u32 i = 0; i < record->length; i++)
		Print(record->text[i] == '\n' ? L"\n" : L"%c",
		      (CHAR16)(u8)record->text[i]);
	Print(L"stasis: end of the report\n");
}

EFI_STATUS record_print_last(void)
{
	static struct memory_map map; /* too large for the firmware's stack */
	const struct handoff_record *last = NULL;
	EFI_STATUS status;

	/* Memory that its root has deposited is out of reach while it runs. */
	if (machine_check() == HANDOFF_RUNNING) {
		Print(L"stasis: it runs now: 'hvctl log' shows its log; this "
		      L"is for the boot after it\n");
		return EFI_ALREADY_STARTED;
	}
	status = memory_read_map(&map);
	if (EFI_ERROR(status))
		return status;
	for (u32 i = 0; i < map.range_count; i++)
		last = record_search(&map.ranges[i], last);
	if (!last) {
		Print(L"stasis: no report of an earlier run is in memory: "
		      L"there was none, or its memory was used since\n");
		return EFI_NOT_FOUND;
	}
	record_print(last);
	return EFI_SUCCESS;
}
