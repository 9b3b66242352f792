"""What a UEFI console sends to a terminal, as plain text."""

from __future__ import annotations

import re


class Terminal:
    """Plain text out of what a UEFI console sends to a terminal."""

    _sequence = re.compile(r"\x1b\[([=0-9;]*)([A-Za-z])")
    _unfinished = re.compile(r"\x1b(\[[=0-9;]*)?\Z|\r\Z")

    def __init__(self) -> None:
        self._held = ""

    def feed(self, data: bytes) -> str:
        """The text in data; an escape sequence cut in two waits for more."""
        text = self._held + data.decode("latin-1")
        cut = self._unfinished.search(text)
        self._held = text[cut.start():] if cut else ""
        text = text[:cut.start()] if cut else text
        return self._sequence.sub(self._plain, text).replace("\r\n", "\n")

    @staticmethod
    def _plain(found: re.Match[str]) -> str:
        """A jump to the start of a row begins a line; the rest is colour."""
        row_start = re.fullmatch(r"\d*(;0*1)?", found[1])
        return "\n" if found[2] == "H" and row_start else ""
