/*
 * The bar of progress.h.
 */
#include "tools/hvctl/progress.h"

#include <efi.h>
#include <efilib.h>

#include "parent/cpu.h"
#include "tools/hvctl/book.h"

#define CELLS 20

void progress_begin(struct progress *p, const char *verb, u64 expected)
{
	p->verb = verb;
	p->expected = expected ? expected : 1;
	p->next = 0;
	p->began = cpu_read_tsc();
}

void progress_step(struct progress *p, u64 bytes, u64 pieces)
{
	CHAR16 bar[CELLS + 1];
	u64 full;

	if (bytes < p->next)
		return;
	p->next = bytes + p->expected / CELLS + 1;
	full = bytes < p->expected ? bytes * CELLS / p->expected : CELLS;
	for (u32 i = 0; i < CELLS; i++)
		bar[i] = i < full ? '#' : '.';
	bar[CELLS] = 0;
	Print(L"\r%a [%s] %ld bytes, %ld pieces", p->verb, bar, bytes, pieces);
}

u64 progress_end(struct progress *p)
{
	u64 ticks = cpu_read_tsc() - p->began;
	u64 khz = book_get()->tsc_khz;

	Print(L"\r%60s\r", L"");
	return khz ? ticks / khz : 0;
}
