/*
 * The letters of the report on the screen.
 */
#ifndef ARCH_FONT_H
#define ARCH_FONT_H

#include "include/types.h"

#define FONT_FIRST 32u
#define FONT_GLYPHS 95u
#define FONT_ROWS 9u
#define FONT_COLUMNS 5u

extern const u8 font_glyphs[FONT_GLYPHS][FONT_ROWS];

#endif
