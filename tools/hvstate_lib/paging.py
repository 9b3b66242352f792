"""Walks the page tables of a VP: what is mapped where."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .chunks import PAGE_SIZE
from .memory import Memory
from .stream import Vp

# A guest can make tables that point to themselves: there has to be an end.
TABLES_MAX = 16384
FOUND_MAX = 65536
PRESENT, LARGE = 1 << 0, 1 << 7
ADDRESS = (1 << 52) - PAGE_SIZE
CR0_PG, CR4_PSE, CR4_PAE, CR4_LA57 = 1 << 31, 1 << 4, 1 << 5, 1 << 12
EFER_LMA = 1 << 10


@dataclass(frozen=True)
class Mode:
    """A paging mode: shift of the lowest bit each level takes, top first."""

    name: str
    entry: str                          # struct code of an entry
    shifts: tuple[int, ...]
    top_count: int                      # entries of the top table
    large: frozenset[int]               # shifts where bit 7 ends the walk
    sign_bit: int = 0                   # from here on the address is extended


FIVE = Mode("5-level", "Q", (48, 39, 30, 21, 12), 512, frozenset((30, 21)),
            56)
FOUR = Mode("4-level", "Q", (39, 30, 21, 12), 512, frozenset((30, 21)), 47)
PAE = Mode("PAE", "Q", (30, 21, 12), 4, frozenset((21,)))
LEGACY = Mode("32-bit", "I", (22, 12), 1024, frozenset())
LEGACY_PSE = Mode("32-bit", "I", (22, 12), 1024, frozenset((22,)))


@dataclass
class Mapping:
    """A row of bytes: linear address, guest-physical address, length."""

    linear: int
    physical: int
    length: int


def paging_mode(vp: Vp) -> Mode | None:
    """How a VP translates addresses, None when it does not."""
    cr4 = vp.get("VP_CONTROL", "cr4")
    if not vp.get("VP_CONTROL", "cr0") & CR0_PG:
        return None
    if vp.get("VP_CONTROL", "efer") & EFER_LMA:
        return FIVE if cr4 & CR4_LA57 else FOUR
    if cr4 & CR4_PAE:
        return PAE
    return LEGACY_PSE if cr4 & CR4_PSE else LEGACY


def walk(memory: Memory, vp: Vp) -> tuple[list[Mapping], bool]:
    """All mappings by ascending linear address, touching ones merged.

    The second value is false when there were too many tables to see all.
    """
    mode = paging_mode(vp)
    if not mode:
        return [], True
    walker = _Walker(memory, mode)
    cr3 = vp.get("VP_CONTROL", "cr3")
    try:
        walker.table(cr3 & (0xFFFFFFE0 if mode is PAE else ADDRESS), 0, 0)
    except _Enough:
        return walker.found, False
    return walker.found, True


class _Enough(Exception):
    """A bound is reached."""


class _Walker:
    """Depth first, so that addresses come in order."""

    def __init__(self, memory: Memory, mode: Mode) -> None:
        self.memory = memory
        self.mode = mode
        self.found: list[Mapping] = []
        self.tables = 0

    def table(self, base: int, level: int, linear: int) -> None:
        """One table, all that hangs below it."""
        self.tables += 1
        if self.tables > TABLES_MAX or len(self.found) > FOUND_MAX:
            raise _Enough
        page = self.memory.page(base // PAGE_SIZE)
        if page is None or not any(page):
            return
        shift = self.mode.shifts[level]
        count = self.mode.top_count if level == 0 else (
            PAGE_SIZE // struct.calcsize(self.mode.entry))
        entries = struct.unpack_from(f"<{count}{self.mode.entry}", page,
                                     base % PAGE_SIZE)
        for i, entry in enumerate(entries):
            if not entry & PRESENT:
                continue
            at = linear + (i << shift)
            if shift == 12:
                self.leaf(at, entry & ADDRESS, PAGE_SIZE)
            elif entry & LARGE and shift in self.mode.large:
                self.leaf(at, self.large_base(entry, shift), 1 << shift)
            else:
                self.table(entry & ADDRESS, level + 1, at)

    def large_base(self, entry: int, shift: int) -> int:
        """The address in an entry for a large page."""
        base = entry & ADDRESS & -(1 << shift)
        if self.mode.entry == "I":      # PSE-36: bits 20:13 are 39:32
            base |= (entry >> 13 & 0xFF) << 32
        return base

    def leaf(self, linear: int, physical: int, length: int) -> None:
        """A page that is mapped."""
        sign = self.mode.sign_bit
        if sign and linear >> sign & 1:
            linear |= (1 << 64) - (1 << sign + 1)
        if self.found:
            last = self.found[-1]
            if (last.linear + last.length == linear
                    and last.physical + last.length == physical):
                last.length += length
                return
        self.found.append(Mapping(linear, physical, length))
