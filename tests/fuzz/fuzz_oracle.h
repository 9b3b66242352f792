/*
 * What may be said of a list of chunks without asking the core.
 */
#ifndef FUZZ_ORACLE_H
#define FUZZ_ORACLE_H

#include "tests/fuzz/fuzz_stream.h"

/* A fault that no restore to the end may overlook. */
bool fuzz_oracle_refuses(const struct fuzz_chunks *c);

/*
 * After Complete: the child's memory is what the chunks say, every page of the
 * map once, and its VPs, saved again, are the same chunks.
 */
void fuzz_oracle_check(const struct fuzz_chunks *c, u64 id);

#endif
