/*
 * Draws white letters on black, so that the order of the colours in a pixel
 * does not matter. It never scrolls: what comes first says most.
 */
#include "arch/x86_64/common/screen.h"

#include "arch/x86_64/common/font.h"

#define CELL_ROWS (FONT_ROWS + 2) /* with the space between lines */
#define CELL_COLUMNS (FONT_COLUMNS + 1)

/* Letters are as large as leaves room for a report. */
#define LINES_MIN 40u
#define LINE_LETTERS_MIN 80u
#define SCALE_MAX 8u

static struct {
	volatile u32 *pixels; /* NULL: no screen */
	struct handoff_screen mode;
	u32 scale;
	u32 lines, letters; /* that fit on it */
	u32 line, letter;   /* where the next one goes */
	bool cleared;
} screen;

void screen_init(const struct handoff_screen *mode)
{
	u32 scale = 1;

	screen.mode = *mode;
	screen.pixels = (volatile u32 *)mode->base;
	while (scale < SCALE_MAX &&
	       mode->height / (CELL_ROWS * (scale + 1)) >= LINES_MIN &&
	       mode->width / (CELL_COLUMNS * (scale + 1)) >= LINE_LETTERS_MIN)
		scale++;
	screen.scale = scale;
	screen.lines = mode->height / (CELL_ROWS * scale);
	screen.letters = mode->width / (CELL_COLUMNS * scale);
}

static void clear(void)
{
	for (u32 y = 0; y < screen.mode.height; y++)
		for (u32 x = 0; x < screen.mode.width; x++)
			screen.pixels[(u64)y * screen.mode.pitch + x] = 0;
}

/* A pixel of a letter is a square of scale by scale on the screen. */
static void draw(char c)
{
	u32 index = (u8)c - FONT_FIRST, scale = screen.scale;
	const u8 *glyph = font_glyphs[index < FONT_GLYPHS ? index : 0];
	u64 first = (u64)screen.line * CELL_ROWS * scale * screen.mode.pitch +
	            screen.letter * CELL_COLUMNS * scale;

	for (u32 y = 0; y < FONT_ROWS * scale; y++) {
		volatile u32 *row =
			screen.pixels + first + (u64)y * screen.mode.pitch;

		for (u32 x = 0; x < FONT_COLUMNS * scale; x++)
			if (glyph[y / scale] &
			    BIT(FONT_COLUMNS - 1 - x / scale))
				row[x] = screen.mode.white;
	}
}

static void put(char c)
{
	if (c == '\n') {
		screen.letter = 0;
		screen.line++;
		return;
	}
	if (screen.letter == screen.letters) {
		screen.letter = 0;
		screen.line++;
	}
	if (screen.line < screen.lines)
		draw(c);
	screen.letter++;
}

void screen_write(const char *text, u32 count)
{
	if (!screen.pixels || !screen.letters)
		return;
	if (!screen.cleared) {
		screen.cleared = true;
		clear();
	}
	for (u32 i = 0; i < count; i++)
		put(text[i]);
}
