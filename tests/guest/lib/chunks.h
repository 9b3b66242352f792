/*
 * Streams taken apart, and given right checks again after a change.
 */
#ifndef GUEST_CHUNKS_H
#define GUEST_CHUNKS_H

#include "include/stream.h"
#include "tests/guest/lib/saved.h"

/* The payload of the first chunk of this id, *length its bytes; or null. */
void *chunks_find(const struct saved *s, u32 id, u32 *length);

/* All checks from the payloads as they are, EPILOG's too. */
void chunks_seal(const struct saved *s);

#endif
