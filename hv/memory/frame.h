/*
 * The page database: who owns each page of RAM, and how often children have it
 * mapped. It lives in reserved memory, 4 bytes a page.
 */
#ifndef HV_FRAME_H
#define HV_FRAME_H

#include "hv/base/addr.h"
#include "include/handoff.h"

enum frame_owner {
	FRAME_NONE = 0,      /* not RAM: a hole or a device */
	FRAME_ROOT = 1,      /* the root partition's RAM */
	FRAME_RESERVED = 2,  /* the hypervisor's, since boot */
	FRAME_DEPOSITED = 3, /* the hypervisor's, deposited by the root */
};

/* Bytes that the database needs for the ranges of a handoff. */
u64 frame_database_size(const struct handoff *handoff);

/* Sets it up in zeroed memory of that size. */
void frame_init(const struct handoff *handoff, void *memory);

/* Whose page it is; FRAME_NONE for an address behind all RAM. */
enum frame_owner frame_owner(hpa_t page);

/* It changes hands. It is RAM, and mapped by nobody: the caller has looked. */
void frame_set_owner(hpa_t page, enum frame_owner owner);

/* Count of mappings into children, for pages of FRAME_ROOT. */
u32 frame_mappings(hpa_t page);
/* One more. False: the count is at its limit (2^28 - 1). */
bool frame_add_mapping(hpa_t page);
/* One less: of a mapping that was counted. */
void frame_drop_mapping(hpa_t page);

/* First address behind all RAM. */
u64 frame_ram_end(void);

#endif
