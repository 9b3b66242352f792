/*
 * The bytes that a fuzzer offers, read as a row of small decisions. Behind
 * their end there are zeros, so that every input means something.
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include "include/types.h"

/* libFuzzer's entries, and what it calls where a target has them. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max,
                               unsigned int seed);
size_t LLVMFuzzerMutate(u8 *data, size_t size, size_t max);

/* Mutates; now and then a long row of any bytes, to go on from. */
size_t fuzz_mutate_row(u8 *data, size_t size, size_t max, unsigned int seed);

struct fuzz_in {
	const u8 *at;
	size_t left;
};

/*
 * Loops over pages and tables, by indices that are good: with the sanitizers they
 * would take most of an input's time.
 */
#define FUZZ_QUICK __attribute__((no_sanitize("address", "undefined")))

/* As CHECK, for what a fuzzer demands of the core. */
#define FUZZ_CHECK(cond)                                        \
	do {                                                    \
		if (!(cond))                                    \
			fuzz_failed(#cond, __FILE__, __LINE__); \
	} while (0)
_Noreturn void fuzz_failed(const char *expression, const char *file, int line);

u8 fuzz_u8(struct fuzz_in *in);
u16 fuzz_u16(struct fuzz_in *in);
u32 fuzz_u32(struct fuzz_in *in);
u64 fuzz_u64(struct fuzz_in *in);

/* A number below n; takes one byte, n is at most 256. */
u32 fuzz_below(struct fuzz_in *in, u32 n);

/* A word of the kind that finds faults: few bits, all ones, a limit, any. */
u64 fuzz_word(struct fuzz_in *in);

/* The next `size` bytes, or as many as there are, zeros behind them. */
void fuzz_bytes(struct fuzz_in *in, void *to, size_t size);

#endif
