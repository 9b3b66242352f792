/*
 * What ept.c needs from the processor. It is plain memory manipulation and is
 * also built on the host, where tests supply these functions.
 */
#ifndef ARCH_EPT_H
#define ARCH_EPT_H

#include "hv/arch.h"

#define EPT_TYPE_UC 0u
#define EPT_TYPE_WB 6u

/*
 * The memory type of [base, base + size), a naturally aligned power of two.
 * False: it has more than one, map it in smaller pages.
 */
bool ept_memory_type(u64 base, u64 size, u32 *type);

/* May leaves of 1 GiB be used? Leaves of 2 MiB always may. */
bool ept_has_gigabyte_pages(void);

/*
 * An entry that the processor may have cached was changed: until a flush it may
 * be used as it was, with what it led to, a page or a table. Sets space->stale.
 */
void ept_changed(struct arch_space *space, hpa_t led_to);

/*
 * Drops every cached translation of the space on this processor. Clears
 * space->stale.
 */
void ept_flush(struct arch_space *space);

#endif
