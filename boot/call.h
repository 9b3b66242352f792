/*
 * The call of the hypervisor's image.
 */
#ifndef STASIS_BOOT_CALL_H
#define STASIS_BOOT_CALL_H

#include "include/handoff.h"

/*
 * Calls the entry at `entry`, the image being in h->image_base on. Firmware
 * may map what it reserves as not executable: then the call is made on page
 * tables of our own. HANDOFF_OK: we are the root partition now.
 */
enum handoff_result call_image(struct handoff *h, u64 entry);

#endif
