/*
 * Sane states of a VP, in every mode and with every kind of event, and a small
 * memory that they can run in: wherever they are, the code soon writes to a
 * port.
 */
#ifndef GUEST_BASES_H
#define GUEST_BASES_H

#include "include/stream.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/saved.h"

/* The memory, by GPA. */
#define BASES_PAGES 11
#define BASES_CODE 0x1000u                  /* BASES_SNIPPETS pieces of code */
#define BASES_RANDOM 0x4000u                /* a page of anything */
#define BASES_PDPT 0x3c00u                  /* of PAE paging: four entries */
#define BASES_LOW_END 0x00007fffffffffffull /* linear, the last of them */

#define BASES_IDT_LONG 0x2000u
#define BASES_IDT_32 0x3000u
#define BASES_GDT 0x3800u
#define BASES_DIRECTORY_32 0x5000u
#define BASES_PML4 0x6000u
#define BASES_PAGE_DIRECTORY 0x8000u /* of long mode and PAE */
#define BASES_TSS 0x900u
#define BASES_TSS_LONG 0xa00u
#define BASES_STACK 0x9ff0u

#define BASES_SNIPPETS 8u
#define BASES_SNIPPET_SIZE 0x20u
#define BASES_PORT 0x80    /* what the code writes to */
#define BASES_HANDLED 0x81 /* and what handlers of exceptions write to */

/* The chunks of VP 0 in a stream, by payload. */
struct bases_vp {
	struct stream_vp_gp *gp;
	struct stream_vp_fp *fp;
	struct stream_vp_control *control;
	struct stream_vp_debug *debug;
	struct stream_vp_segment *segment;
	struct stream_vp_table *table;
	struct stream_msr *msrs;
	u32 msr_count;
	struct stream_vp_events *events;
	struct stream_vp_apic *apic;
};

/* False: one is missing, and the case has failed. */
bool bases_open(struct bases_vp *vp, const struct saved *s);

u32 bases_count(void);
const char *bases_name(u32 base);

/* The state of this base, all else as after reset: what `vp` came with. */
void bases_make(struct bases_vp *vp, u32 base);

/* Tables, handlers and code; the child has BASES_PAGES from GPA 0 on. */
void bases_fill(const struct child *c);

#endif
