"""The memory of a saved partition: its map, and its pages as runs."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from .chunks import PAGE_SIZE


@dataclass(frozen=True)
class Extent:
    """Mapped pages with equal rights."""

    gpn: int
    count: int
    rights: int

    @property
    def end(self) -> int:
        """The page behind the last."""
        return self.gpn + self.count


@dataclass(frozen=True)
class Run:
    """Pages of one repeated word, or (word None) one page in the stream."""

    gpn: int
    count: int
    word: int | None
    offset: int = 0                     # of the page's bytes in the stream

    @property
    def end(self) -> int:
        """The page behind the last."""
        return self.gpn + self.count


@dataclass
class Memory:
    """All of it; extents and runs ascend."""

    data: bytes = b""                   # of the stream
    extents: list[Extent] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)

    def regions(self) -> list[tuple[int, int]]:
        """The map without rights: (first page, page behind the last)."""
        merged: list[tuple[int, int]] = []
        for extent in self.extents:
            start = extent.gpn
            if merged and merged[-1][1] == start:
                start = merged.pop()[0]
            merged.append((start, extent.end))
        return merged

    def rights(self, gpn: int) -> int | None:
        """The rights of a page, None where nothing is mapped."""
        at = bisect_right(self.extents, gpn, key=lambda e: e.gpn) - 1
        if at < 0 or gpn >= self.extents[at].end:
            return None
        return self.extents[at].rights

    def run_of(self, gpn: int) -> Run | None:
        """The run that holds a page."""
        at = bisect_right(self.runs, gpn, key=lambda r: r.gpn) - 1
        if at < 0 or gpn >= self.runs[at].end:
            return None
        return self.runs[at]

    def content(self, run: Run) -> bytes:
        """The bytes of each page of a run."""
        if run.word is None:
            return self.data[run.offset:run.offset + PAGE_SIZE]
        return struct.pack("<Q", run.word) * (PAGE_SIZE // 8)

    def page(self, gpn: int) -> bytes | None:
        """The bytes of a page, None when the stream does not have it."""
        run = self.run_of(gpn)
        return self.content(run) if run else None

    def classes(self) -> Iterator[tuple[int, int, str]]:
        """(first page, count, class) of each run, in order.

        A class is 'zero', 'filled' (one word that is not 0), 'repeated' (as
        an earlier page, byte for byte) or 'full'.
        """
        seen: set[bytes] = set()
        for run in self.runs:
            if run.word is not None:
                yield run.gpn, run.count, "filled" if run.word else "zero"
                continue
            content = self.content(run)
            yield run.gpn, 1, "repeated" if content in seen else "full"
            seen.add(content)

    def tally(self) -> dict[str, int]:
        """How many pages each class has."""
        sums = {"zero": 0, "filled": 0, "repeated": 0, "full": 0}
        for _, count, name in self.classes():
            sums[name] += count
        return sums
