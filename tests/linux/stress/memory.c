/*
 * Pages: made, written, protected, shared until written, given back; and those of a file.
 */
#include "tests/linux/stress/stress.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	MAPPING_ROUNDS = 3,
	MAPPING_PAGES = 2048,
	COPY_ROUNDS = 4,
	COPY_PAGES = 512,
	FILE_PAGES = 256
};

static const char scratch[] = "/tmp/scratch";

static u64 *map_pages(size_t count)
{
	void *pages = mmap(NULL, count * PAGE_SIZE, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return pages == MAP_FAILED ? NULL : pages;
}

/* The first word of a page of a row. */
static u64 *word_of(u64 *pages, size_t page)
{
	return pages + page * (PAGE_SIZE / sizeof(*pages));
}

u64 memory_mappings(void)
{
	u64 hash = 0;

	for (u32 round = 0; round < MAPPING_ROUNDS; round++) {
		u64 *pages = map_pages(MAPPING_PAGES);

		if (!pages)
			return STRESS_IMPOSSIBLE;
		for (u32 i = 0; i < MAPPING_PAGES; i++)
			*word_of(pages, i) = stress_number(i + round);
		/* Half may only be read: the kernel has to flush what was cached. */
		if (mprotect(pages, (size_t)MAPPING_PAGES / 2 * PAGE_SIZE,
		             PROT_READ))
			return STRESS_IMPOSSIBLE;
		for (u32 i = 0; i < MAPPING_PAGES; i++)
			hash = stress_mix(hash, *word_of(pages, i));
		(void)munmap(pages, (size_t)MAPPING_PAGES * PAGE_SIZE);
	}
	return hash;
}

/* Add to each page; how many do not have then what they should. */
static u64 add_to_all(u64 *pages, u64 more)
{
	u64 bad = 0;

	for (u32 i = 0; i < COPY_PAGES; i++)
		*word_of(pages, i) += more;
	for (u32 i = 0; i < COPY_PAGES; i++)
		bad += *word_of(pages, i) != i + more;
	return bad;
}

u64 memory_copies(void)
{
	u64 *pages = map_pages(COPY_PAGES), bad = 0;

	if (!pages)
		return STRESS_IMPOSSIBLE;
	for (u32 i = 0; i < COPY_PAGES; i++)
		*word_of(pages, i) = i;
	for (u32 round = 0; round < COPY_ROUNDS; round++) {
		pid_t child = fork();
		int status = 1;

		if (child == 0)
			_exit(add_to_all(pages, 1 + round) != 0);
		bad += waitpid(child, &status, 0) != child || status != 0;
		for (u32 i = 0; i < COPY_PAGES; i++)
			bad += *word_of(pages, i) != i;
	}
	(void)munmap(pages, (size_t)COPY_PAGES * PAGE_SIZE);
	return bad;
}

/* Write and read back an open file. */
static u64 use_file(int file)
{
	u8 page[PAGE_SIZE];
	u64 hash = 0, word;

	for (u32 i = 0; i < FILE_PAGES; i++) {
		memset(page, (int)i, sizeof(page));
		if (write(file, page, sizeof(page)) != sizeof(page))
			return STRESS_IMPOSSIBLE;
	}
	if (lseek(file, 0, SEEK_SET))
		return STRESS_IMPOSSIBLE;
	for (u32 i = 0; i < FILE_PAGES; i++) {
		if (read(file, page, sizeof(page)) != sizeof(page))
			return STRESS_IMPOSSIBLE;
		memcpy(&word, page + i * sizeof(word), sizeof(word));
		hash = stress_mix(hash, word);
	}
	return hash;
}

u64 memory_files(void)
{
	int file = open(scratch, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	u64 hash;

	if (file < 0)
		return STRESS_IMPOSSIBLE;
	hash = use_file(file);
	(void)close(file);
	(void)unlink(scratch);
	return hash;
}
