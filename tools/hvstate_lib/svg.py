"""Draws the memory of a child as SVG: what each page holds, and the gaps."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from .chunks import PAGE_SIZE
from .memory import Memory
from .stream import Stream
from .units import size_text

COLUMNS = 64                            # cells in a row
ROWS_AIM = 64                           # so many rows, about
CELL = 10                               # pixels
LEFT, TOP, RIGHT, BOTTOM = 130, 112, 20, 16
GAP = 18                                # height of a break between regions
FONT = 'font-family="DejaVu Sans, Verdana, sans-serif"'
MONO = 'font-family="DejaVu Sans Mono, monospace"'
EMPTY = "#f1f1f1"
Cells = dict[int, dict[str, int]]       # cell to class to pages
# From dark to light, so that it can be read without colours too.
CLASSES = {
    "full": ("#1b3a5c", "full (content of its own)"),
    "repeated": ("#c8553d", "repeated (same as an earlier page)"),
    "filled": ("#e9b44c", "filled (one 8-byte word)"),
    "zero": ("#cfe3dc", "zero"),
    "unmapped": (EMPTY, "unmapped"),
}


def pages_per_cell(memory: Memory) -> int:
    """A power of two that keeps the picture to about ROWS_AIM rows."""
    pages = sum(extent.count for extent in memory.extents)
    cell = 1
    while pages > cell * COLUMNS * ROWS_AIM:
        cell *= 2
    return cell


def row_blocks(memory: Memory, row: int) -> list[tuple[int, int]]:
    """Rows (from, to) that hold mapped pages; what is left out is a gap."""
    blocks: list[tuple[int, int]] = []
    for start, end in memory.regions():
        first, last = start // row, -(-end // row)
        if blocks and first <= blocks[-1][1]:
            first, last = blocks[-1][0], max(last, blocks.pop()[1])
        blocks.append((first, last))
    return blocks


def find_cells(memory: Memory, size: int) -> Cells:
    """For each cell that is not empty: how many pages of each class."""
    found: Cells = {}
    for gpn, count, name in memory.classes():
        while count:
            cell = gpn // size
            here = min(count, (cell + 1) * size - gpn)
            sums = found.setdefault(cell, {})
            sums[name] = sums.get(name, 0) + here
            gpn += here
            count -= here
    return found


def draw_cells(row: Cells, start: int, count: int, size: int, y: int) \
        -> Iterator[str]:
    """Equal cells of a row: the classes as bands, the fullest at the bottom.
    """
    sums = row[start]
    at = start * size * PAGE_SIZE
    said = ", ".join(f"{name} {pages}" for name, pages in sums.items())
    more = f", each of {count} cells" if count > 1 else ""
    yield f"<g><title>{at:#x}: {said}{more}</title>"
    x = LEFT + start % COLUMNS * CELL
    bottom = float(y + CELL - 1)
    for name, (colour, _) in CLASSES.items():
        if pages := sums.get(name, 0):
            height = (CELL - 1) * pages / size
            bottom -= height
            # A dashed line is a row of cells with gaps, in one element.
            yield (f'<path d="M{x} {bottom + height / 2:g}h{count * CELL}" '
                   f'stroke="{colour}" stroke-width="{height:g}"/>')
    yield "</g>"


def draw_row(found: Cells, row: int, size: int, y: int) -> Iterator[str]:
    """The address, then the cells of a row."""
    address = row * COLUMNS * size * PAGE_SIZE
    yield (f'<text x="{LEFT - 8}" y="{y + CELL - 1}" text-anchor="end" '
           f'font-size="9" {MONO}>{address:#x}</text>')
    yield (f'<rect x="{LEFT - 1}" y="{y - 1}" width="{COLUMNS * CELL + 1}" '
           f'height="{CELL + 1}" fill="{EMPTY}"/>')
    cell, end = row * COLUMNS, (row + 1) * COLUMNS
    while cell < end:
        count = 1
        while cell + count < end and (found.get(cell + count)
                                      == found.get(cell)):
            count += 1
        if cell in found:
            yield from draw_cells(found, cell, count, size, y)
        cell += count


def draw_legend(memory: Memory, size: int) -> Iterator[str]:
    """The classes with their shares, and what a cell is."""
    tally = memory.tally()
    total = sum(tally.values())
    for i, (name, (colour, text)) in enumerate(CLASSES.items()):
        x, y = LEFT + i % 2 * 320, 36 + i // 2 * 18
        if total and name != "unmapped":
            share = f": {tally[name]} ({100 * tally[name] / total:.1f} %)"
        else:
            share = ""
        yield (f'<rect x="{x}" y="{y}" width="10" height="10" '
               f'fill="{colour}" stroke="#777" stroke-width="0.5" '
               'stroke-dasharray="none"/>')
        yield (f'<text x="{x + 15}" y="{y + 9}" font-size="10" {FONT}>'
               f'{escape(text + share)}</text>')
    yield (f'<text x="{LEFT}" y="{TOP - 12}" font-size="10" fill="#555" '
           f'{FONT}>a cell is {size_text(size * PAGE_SIZE)}, a row '
           f'{size_text(size * COLUMNS * PAGE_SIZE)}; addresses are '
           'guest-physical</text>')


def draw_map(stream: Stream, title: str) -> str:
    """The picture."""
    memory = stream.memory
    size = pages_per_cell(memory)
    found = find_cells(memory, size)
    body = list(draw_legend(memory, size))
    y = TOP
    last = 0
    for first, end in row_blocks(memory, size * COLUMNS):
        if first > last:
            gap = (first - last) * COLUMNS * size * PAGE_SIZE
            body.append(f'<text x="{LEFT}" y="{y + 12}" font-size="9" '
                        f'fill="#777" {FONT}>… {size_text(gap)} unmapped'
                        '</text>')
            y += GAP
        for row in range(first, end):
            body += draw_row(found, row, size, y)
            y += CELL
        last = end
    if not memory.extents:
        body.append(f'<text x="{LEFT}" y="{y + 12}" font-size="11" {FONT}>'
                    'the stream carries no memory</text>')
        y += GAP
    width, height = LEFT + COLUMNS * CELL + RIGHT, y + BOTTOM
    pages = sum(extent.count for extent in memory.extents)
    heading = f"{title}: {pages} pages, {size_text(pages * PAGE_SIZE)}"
    return "\n".join((
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{LEFT}" y="22" font-size="13" font-weight="bold" {FONT}>'
        f'{escape(heading)}</text>',
        f'<g stroke-dasharray="{CELL - 1} 1">', *body, "</g>", "</svg>", ""))
