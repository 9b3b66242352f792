/*
 * The hypervisor's own page tables: all RAM where it is (virtual = physical),
 * writable and not executable; its image by section; the framebuffer and the
 * serial port that a report is written to; nothing else but a window for the
 * local APIC's registers.
 */
#ifndef ARCH_PAGING_H
#define ARCH_PAGING_H

#include "hv/base/addr.h"
#include "hv/base/cpu.h"
#include "include/handoff.h"

/*
 * Zeroed pages of the reserved memory, one behind the other, before the core has it;
 * NULL: it is full.
 */
void *paging_early_pages(struct handoff *h, u64 count);

/*
 * Builds the tables, with the windows and the stacks of all processors.
 * HANDOFF_NO_MEMORY: the reserved memory is too small. A
 * framebuffer or serial port that cannot be mapped is struck from the hand-off.
 */
enum handoff_result paging_init(struct handoff *h);

/* For CR3. */
u64 paging_root(void);

/* The registers at a physical page, uncached; this processor's window has one page. */
volatile u32 *paging_device(hpa_t page);

#endif
