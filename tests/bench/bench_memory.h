/*
 * Guest memories to measure with, the same in every run.
 */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include "include/types.h"

enum bench_kind {
	BENCH_EMPTY,  /* zero */
	BENCH_RANDOM, /* nothing that could be left out */
	BENCH_LINUX,  /* like a booted Linux: see bench_memory.c */
	BENCH_KINDS
};

const char *bench_kind_name(enum bench_kind kind);

/* Fills `pages` pages at `memory`. */
void bench_fill(enum bench_kind kind, u8 *memory, u64 pages);

#endif
