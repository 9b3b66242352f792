"""Reads the memory of a stream: sections 3.6 to 3.9 of docs/stream.md."""

from __future__ import annotations

from .chunks import MAP_ENTRY, split
from .frame import Frame
from .memory import Extent, Run
from .taker import Taker, bad, checked


class MemoryReader:
    """The map first; it tells which page has to come next."""

    def __init__(self, taker: Taker, page_count: int) -> None:
        self.taker = taker
        self.memory = taker.out.memory
        self._left = page_count         # pages of the map still to come
        self._extent = 0                # index of the next one's extent
        self._ends: list[int] = []      # of each extent: where its region ends
        self._next = 0                  # the next page of the map
        self._position: int | None = None

    def read(self) -> None:
        """All chunks from GPA_MAP to the last page."""
        self.gpa_map()
        self.content()

    def gpa_map(self) -> None:
        """3.6"""
        left = self._left
        while left:
            frame, payload = self.taker.take("GPA_MAP")
            for at, entry in split(MAP_ENTRY, payload):
                count = self.extent_entry(frame, entry, at)
                if count > left:
                    raise bad(frame, "the counts add up to more than "
                              "page_count", at + 8)
                left -= count
        self._next = self.memory.extents[0].gpn
        self._ends = self.region_ends()

    def region_ends(self) -> list[int]:
        """For each extent, the page behind all that follow without a hole.
        """
        ends: list[int] = []
        start = -1                      # of the extent behind this one
        for extent in reversed(self.memory.extents):
            ends.append(ends[-1] if extent.end == start else extent.end)
            start = extent.gpn
        return ends[::-1]

    def extent_entry(self, frame: Frame, entry: bytes, at: int) -> int:
        """One extent of a GPA_MAP; gives its count."""
        values = checked(frame, MAP_ENTRY, entry, at)
        extent = Extent(**values)
        bits = min(self.taker.out.get("COMPAT", "phys_bits"), 64)
        if not extent.count:
            raise bad(frame, "an extent of no pages", at + 8)
        if extent.end << 12 > 1 << bits:
            raise bad(frame, f"pages beyond {bits} bits of address", at)
        if self.memory.extents:
            last = self.memory.extents[-1]
            if extent.gpn < last.end:
                raise bad(frame, "the extents do not ascend", at)
        self.memory.extents.append(extent)
        return extent.count

    def content(self) -> None:
        """3.7 to 3.9"""
        while self._left:
            if self._position != self._next:
                frame, payload = self.taker.take("EXTENT")
            else:
                frame, payload = self.taker.take("EXTENT", "PAGE", "FILL")
            if frame.name == "EXTENT":
                self.extent(frame, payload)
            elif frame.name == "PAGE":
                self.put(Run(self._next, 1, None, frame.start))
            else:
                self.fill(frame, payload)

    def extent(self, frame: Frame, payload: bytes) -> None:
        """3.7"""
        gpn = checked(frame, frame.kind, payload)["gpn"]
        if self._position is not None and gpn <= self._position:
            raise bad(frame, "the position does not grow")
        if gpn != self._next:
            raise bad(frame, f"page {gpn:#x} is not the next of the map, "
                      f"which is {self._next:#x}")
        self._position = gpn

    def fill(self, frame: Frame, payload: bytes) -> None:
        """3.9"""
        values = checked(frame, frame.kind, payload)
        if not values["count"]:
            raise bad(frame, "no pages")
        if values["count"] > self.room():
            raise bad(frame, f"{values['count']} pages where the map has "
                      f"{self.room()}")
        self.put(Run(self._next, values["count"], values["word"]))

    def room(self) -> int:
        """Pages of the map from the position on without a hole."""
        return self._ends[self._extent] - self._next

    def put(self, run: Run) -> None:
        """Note a run of pages and move the position behind it."""
        self.memory.runs.append(run)
        self._left -= run.count
        self._next = self._position = run.end
        extents = self.memory.extents
        while (self._extent < len(extents)
               and extents[self._extent].end <= self._next):
            self._extent += 1
        if self._extent < len(extents):
            self._next = max(self._next, extents[self._extent].gpn)
