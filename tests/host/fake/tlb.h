/*
 * What a processor may have cached of guests' spaces, at its worst.
 */
#ifndef FAKE_TLB_H
#define FAKE_TLB_H

#include "tests/host/fake/arch.h"

/* A new world. */
void fake_tlb_reset(void);
struct fake_span fake_tlb_span(void);

/* A page is filled: fails a CHECK if a guest may still be able to reach it. */
void fake_tlb_fills(hpa_t page);

/* What was left to be flushed when a guest goes on; NULL: nothing. */
const char *fake_tlb_wrong(void);

#endif
