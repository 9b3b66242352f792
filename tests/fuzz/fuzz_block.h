/*
 * Control words and input blocks of hypercalls: mostly of the form that the
 * call wants, with values near those that mean something.
 */
#ifndef FUZZ_BLOCK_H
#define FUZZ_BLOCK_H

#include "tests/fuzz/fuzz_input.h"

/* The root's pages for blocks, where fuzz_block_* does not point otherwise. */
#define FUZZ_BLOCK_GPN 0x210u
#define FUZZ_BLOCK_PAGES 4u

u64 fuzz_block_control(struct fuzz_in *in);

/* Writes the input block of a call to `to`, no more than `room` bytes. */
void fuzz_block_write(struct fuzz_in *in, u32 code, u8 *to, u32 room);

/* A stream for Restore calls to take pieces of; fuzz_block_ate: how much. */
void fuzz_block_stream(const u8 *data, u32 size);
void fuzz_block_ate(u32 bytes);

#endif
