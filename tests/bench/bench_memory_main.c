/*
 * bench_memory KIND MIB FILE: writes one of the memories to a file, for all that
 * are measured with the same bytes, and prints its shares as JSON.
 * bench_memory NAME MIB FILE SOURCE: takes it from another file; where that is
 * shorter, the rest is zero.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/bench/bench_memory.h"

static bool is_uniform(const u8 *page)
{
	return memcmp(page, page + 8, PAGE_SIZE - 8) == 0;
}

static void print_shares(const char *kind, const u8 *memory, u64 pages)
{
	static const u8 zero[8];
	u64 zeroes = 0, words = 0;

	for (u64 i = 0; i < pages; i++) {
		const u8 *page = memory + i * PAGE_SIZE;

		if (!is_uniform(page))
			continue;
		if (memcmp(page, zero, sizeof(zero)) == 0)
			zeroes++;
		else
			words++;
	}
	printf("{\"memory\": \"%s\", \"pages\": %llu, \"zero\": %llu, "
	       "\"word\": %llu}\n",
	       kind, (unsigned long long)pages, (unsigned long long)zeroes,
	       (unsigned long long)words);
}

static bool find_kind(const char *name, enum bench_kind *kind)
{
	for (u32 i = 0; i < BENCH_KINDS; i++) {
		*kind = (enum bench_kind)i;
		if (strcmp(name, bench_kind_name(*kind)) == 0)
			return true;
	}
	return false;
}

static u8 *map_file(const char *path, u64 bytes)
{
	int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	void *memory = MAP_FAILED;

	/* posix_fallocate: a file system that is full is told of here. */
	if (file >= 0 && posix_fallocate(file, 0, (off_t)bytes) == 0)
		memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		              file, 0);
	if (file >= 0)
		close(file);
	return memory == MAP_FAILED ? NULL : memory;
}

static bool read_image(const char *path, u8 *memory, u64 bytes)
{
	FILE *file = fopen(path, "rb");
	u64 done = file ? fread(memory, 1, bytes, file) : 0;

	if (file)
		fclose(file);
	return done > 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: bench_memory empty|random|linux MIB FILE\n"
	                "       bench_memory NAME MIB FILE SOURCE\n");
	return 2;
}

int main(int argc, char **argv)
{
	u64 mib = argc == 4 || argc == 5 ? strtoull(argv[2], NULL, 10) : 0;
	enum bench_kind kind = BENCH_KINDS;
	u8 *memory;

	if (mib == 0 || mib > 4096 || (argc == 4 && !find_kind(argv[1], &kind)))
		return usage();
	memory = map_file(argv[3], mib << 20);
	if (!memory) {
		fprintf(stderr, "bench_memory: no room for %s\n", argv[3]);
		return 1;
	}
	if (argc == 4) {
		bench_fill(kind, memory, mib << 8);
	} else if (!read_image(argv[4], memory, mib << 20)) {
		fprintf(stderr, "bench_memory: cannot read %s\n", argv[4]);
		return 1;
	}
	print_shares(argv[1], memory, mib << 8);
	return 0;
}
