/*
 * The report on the screen: text drawn into the firmware's framebuffer.
 */
#ifndef ARCH_SCREEN_H
#define ARCH_SCREEN_H

#include "include/handoff.h"

/* Touches nothing yet: the screen is the root's until something is written. */
void screen_init(const struct handoff_screen *screen);

/* The first call clears the screen; what finds no more room is dropped. */
void screen_write(const char *text, u32 count);

#endif
