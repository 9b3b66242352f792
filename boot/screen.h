/* The screen that reports are drawn on. */
#ifndef STASIS_BOOT_SCREEN_H
#define STASIS_BOOT_SCREEN_H

#include "boot/memory.h"

/* screen->base is 0 when the firmware has none that can be drawn on. */
void screen_find(const struct memory_map *map, struct handoff_screen *screen);

#endif
