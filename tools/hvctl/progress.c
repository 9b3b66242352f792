/*
 * The bar of progress.h.
 */
#include "tools/hvctl/progress.h"

#include "tools/hvctl/book.h"
#include "tools/hvctl/front.h"
#include "tools/hvctl/print.h"

#define CELLS 20

void progress_begin(struct progress *p, const char *verb, u64 expected)
{
	p->verb = verb;
	/* It is divided by. */
	p->expected = expected ? expected : 1;
	p->next = 0;
	p->began = front_ticks();
}

static void draw(const struct progress *p, u64 full, u64 bytes, u64 pieces)
{
	char bar[CELLS + 1];

	for (u32 i = 0; i < CELLS; i++)
		bar[i] = i < full ? '#' : '.';
	/* A line that goes back to its beginning: no console has to move a cursor. */
	bar[CELLS] = 0;
	print("\r%s [%s] %lu bytes, %lu pieces", p->verb, bar, bytes, pieces);
}

void progress_step(struct progress *p, u64 bytes, u64 pieces)
{
	/*
	 * A console may take a millisecond for a line, and there are thousands of pieces: it
	 * is drawn when a cell more is full.
	 */
	if (bytes < p->next)
		return;
	p->next = bytes + p->expected / CELLS + 1;
	draw(p, bytes < p->expected ? bytes * CELLS / p->expected : CELLS,
	     bytes, pieces);
}

u64 progress_end(struct progress *p, bool complete, u64 bytes, u64 pieces)
{
	u64 ticks = front_ticks() - p->began;
	u64 rate = book_get()->ticks_in_ms;

	if (complete)
		draw(p, CELLS, bytes, pieces);
	/* Nothing was drawn where the first call failed: then there is no line to end. */
	if (complete || p->next > 0)
		print("\n");
	/* A clock whose rate nobody knows measures nothing; 0 ms says so. */
	return rate ? ticks / rate : 0;
}
