/*
 * Other states out of sane ones: in the chunks of a stream, or as registers.
 */
#ifndef GUEST_MUTATE_H
#define GUEST_MUTATE_H

#include "tests/guest/lib/saved.h"

/*
 * Changes the VP chunks of a stream, by one of several ways, at random. others:
 * streams of the same layout, from which fields may come. The checks are not
 * made right again.
 */
void mutate_stream(const struct saved *s, const struct saved *others,
                   u32 count);

/* A register and a value for it; old values are not looked at. */
void mutate_register(struct hv_register_assoc *one);

#endif
