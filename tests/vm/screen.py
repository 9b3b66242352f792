"""What is on an emulator's screen: a picture by RFB, and the text on it.

The client speaks as much RFB 3.3 as a server needs that asks for no password.
The reader knows the letters of arch/x86_64/common/font.c and nothing else, so what it
reads was drawn with them.
"""

from __future__ import annotations

import re
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from machine import MachineError

FONT = Path(__file__).resolve().parents[2] / "arch/x86_64/common/font.c"
FIRST_LETTER = 32                       # of the font
COLUMNS, ROWS = 5, 9                    # of a letter, in the font's pixels
CELL_COLUMNS, CELL_ROWS = 6, 11         # with the space around it
UNREADABLE = "\N{REPLACEMENT CHARACTER}"

# What Bochs puts around the guest's screen: a bar of buttons, a line of lamps.
BAR_ROWS, LAMP_ROWS = 32, 18
# tests/guest/root/gop.c: so many pixels of the picture are one of the guest's.
SIDE_BY_SIDE = 4

RAW = 0                                 # the encoding every server has
SECONDS = 20


def links(pattern: str) -> dict[Path, str]:
    """Where the links of /proc lead, of those that we may read."""
    found = {}
    for link in Path("/proc").glob(pattern):
        try:
            found[link] = str(link.readlink())
        except OSError:                 # gone meanwhile, or not ours
            continue
    return found


def listening_ports(folder: Path) -> list[int]:
    """The TCP ports on which what runs in a folder waits for somebody."""
    here = [link.parent.name for link, to in links("[0-9]*/cwd").items()
            if to == str(folder.resolve())]
    sockets = {to for pid in here for to in links(f"{pid}/fd/*").values()}
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return [int(row[1].split(":")[1], 16) for row in rows
            if row[3] == "0A" and f"socket:[{row[9]}]" in sockets]


@dataclass(frozen=True)
class Picture:
    """A screen: rows of pixels, each true where it is not black."""

    width: int
    height: int
    rows: list[list[bool]]

    def text(self) -> list[str]:
        """Its lines, at the size at which letters are found."""
        for scale in range(1, 9):
            lines = self._read(scale)
            if any(line.strip(" " + UNREADABLE) for line in lines):
                return lines
        return []

    def _read(self, scale: int) -> list[str]:
        letters = font_letters()
        return ["".join(letters.get(self._cell(scale, line, column),
                                    UNREADABLE)
                        for column in
                        range(self.width // (CELL_COLUMNS * scale))).rstrip()
                for line in range(self.height // (CELL_ROWS * scale))]

    def _cell(self, scale: int, line: int, column: int) -> tuple[int, ...]:
        """The rows of one cell as the font has them."""
        top, left = line * CELL_ROWS * scale, column * CELL_COLUMNS * scale
        values = []
        for row in range(CELL_ROWS):
            pixels = self.rows[top + row * scale]
            bits = [pixels[left + x * scale] for x in range(CELL_COLUMNS)]
            values.append(sum(bit << (COLUMNS - 1 - x)
                              for x, bit in enumerate(bits[:COLUMNS])))
            if bits[COLUMNS]:
                return ()               # no letter goes that far
        return tuple(values)


def font_letters() -> dict[tuple[int, ...], str]:
    """What each cell means, by the rows of the font's own source."""
    space = (0,) * (CELL_ROWS - ROWS)
    glyphs = re.findall(r"^\t\{ ((?:0x[0-9a-f]{2},? ){9})\}", FONT.read_text(),
                        re.M)
    return {tuple(int(row, 16) for row in glyph.replace(",", "").split())
            + space: chr(FIRST_LETTER + index)
            for index, glyph in enumerate(glyphs)}


class Viewer:
    """A connection to an RFB server."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        self._socket.sendall(self._take(12) and b"RFB 003.003\n")
        if struct.unpack(">I", self._take(4)) != (1,):
            raise MachineError("the screen wants a password")
        self._socket.sendall(b"\1")     # others may look, too
        self.width, self.height, bits = struct.unpack(">HHB", self._take(5))
        self._bytes = bits // 8         # a pixel
        self._take(15)                  # the rest of the pixel's format
        self._take(*struct.unpack(">I", self._take(4)))

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._socket.close()

    def picture(self) -> Picture:
        """All of the screen as it is now."""
        self._socket.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, self.width,
                                         self.height))
        rows = [[False] * self.width for _ in range(self.height)]
        missing = self.width * self.height
        while missing > 0:
            missing -= self._update(rows)
        return Picture(self.width, self.height, rows)

    def _update(self, rows: list[list[bool]]) -> int:
        """One message of the server's; how many pixels came with it."""
        kind, count = struct.unpack(">BxH", self._take(4))
        if kind != 0:
            raise MachineError(f"the screen says {kind}, not an update")
        return sum(self._rectangle(rows) for _ in range(count))

    def _rectangle(self, rows: list[list[bool]]) -> int:
        left, top, width, height, encoding = struct.unpack(
            ">HHHHi", self._take(12))
        if encoding != RAW:
            raise MachineError(f"the screen sends encoding {encoding}")
        for y in range(top, top + height):
            data = self._take(width * self._bytes)
            rows[y][left:left + width] = [
                any(data[i:i + self._bytes])
                for i in range(0, len(data), self._bytes)]
        return width * height

    def _take(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self._socket.recv(count - len(data))
            if not piece:
                raise MachineError("the screen has hung up")
            data += piece
        return data


def look(folder: Path) -> Picture:
    """The screen of the guest under the Bochs that runs in a folder."""
    ports = listening_ports(folder)
    if len(ports) != 1:
        raise MachineError(f"the emulator listens on {ports or 'no port'}, "
                           "not on the one of its screen")
    with Viewer(ports[0]) as viewer:
        whole = viewer.picture()
    rows = [row[::SIDE_BY_SIDE] for row in whole.rows[BAR_ROWS:-LAMP_ROWS]]
    return Picture(whole.width // SIDE_BY_SIDE, len(rows), rows)
