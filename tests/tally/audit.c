/*
 * The books, from inside: all RAM is where it is.
 */
#include "tests/tally/audit.h"

#include "hv/base/check.h"
#include "hv/base/log.h"
#include "hv/memory/frame.h"
#include "tests/books/books.h"

#define PAGES (1u << 18) /* 1 GiB: the machines of the tests have less */
#define LINE 160u

static u32 words[PAGES];

static const u64 *look(hpa_t page)
{
	return arch_page(page);
}

static bool is_blank(hpa_t page)
{
	const u64 *word = arch_page(page);
	u64 all = 0;

#pragma GCC unroll 8
	for (u32 i = 1; i < PAGE_SIZE / 8; i++)
		all |= word[i];
	return all == 0;
}

BOOKS_STOPS static void wrong(const struct books *b, const char *what)
{
	static char line[LINE];

	log_format(line, sizeof(line),
	           "books: processor %u, partition %u, page %x: %s",
	           (u64)b->cpu, b->partition, b->page, what);
	arch_check_failed(line, __FILE__, __LINE__);
}

u64 audit_machine(void)
{
	static struct books b;

	b = (struct books){ .words = words,
		            .count = frame_ram_end() >> PAGE_SHIFT,
		            .look = look,
		            .is_blank = is_blank,
		            .wrong = wrong };
	if (b.count > PAGES)
		return 0;
	books_audit(&b);
	audit_cpus(&b);
	return b.used + b.free;
}
