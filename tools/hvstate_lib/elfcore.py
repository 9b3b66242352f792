"""Writes an ELF64 core file that gdb opens: a thread for each VP.

Memory is in the file once; segments at linear addresses point to the same
bytes as those at guest-physical ones.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from .chunks import PAGE_SIZE, has_xsave
from .memory import Memory
from .paging import Mapping, walk
from .problem import UserError
from .stream import Stream, Vp

# From the System V ABI, ELF chapter, and the x86-64 Linux core layout.
EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
PHDR = struct.Struct("<IIQQQQQQ")
NHDR = struct.Struct("<III")
IDENT = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
ET_CORE, EM_X86_64 = 4, 62
PT_LOAD, PT_NOTE = 1, 4
PF_X, PF_W, PF_R = 1, 2, 4
NT_PRSTATUS, NT_FPREGSET, NT_X86_XSTATE = 1, 2, 0x202
PRSTATUS_SIZE, PRSTATUS_PID, PRSTATUS_REGS = 336, 32, 112
PRSTATUS_FPVALID = 328
SEGMENTS_MAX = 60000                    # e_phnum has 16 bits
LINEAR_MAX = 1 << 18                    # parts of mappings that are looked at
BLOCK_PAGES = 256                       # that are written at once
# Where gdb looks for XCR0, and where it takes the components to be.
XSAVE_XCR0 = 464
XSAVE_OFFSETS = {2: 576, 3: 960, 4: 1024, 5: 1088, 6: 1152, 7: 1664, 9: 2688}
XSAVE_LEAST = 576
# FXSAVE images of processors after FNINIT: FCW, then all zero.
INIT_FP = struct.pack("<H", 0x37F).ljust(16, b"\0")


@dataclass(frozen=True)
class Segment:
    """Bytes of the core as gdb will see them."""

    address: int
    physical: int
    length: int
    flags: int


def registers(vp: Vp) -> bytes:
    """user_regs_struct."""
    def segment(name: str) -> int:
        return int(vp.get("VP_SEGMENT", name))

    gp = vp.values["VP_GP"]
    return struct.pack(
        "<27Q", *(gp[n] for n in ("r15", "r14", "r13", "r12", "rbp", "rbx",
                                  "r11", "r10", "r9", "r8", "rax", "rcx",
                                  "rdx", "rsi", "rdi")),
        (1 << 64) - 1,                  # orig_rax: not in a system call
        gp["rip"], segment("cs.selector"), gp["rflags"], gp["rsp"],
        segment("ss.selector"), segment("fs.base"), segment("gs.base"),
        *(segment(n + ".selector") for n in ("ds", "es", "fs", "gs")))


def prstatus(vp: Vp) -> bytes:
    """elf_prstatus; the thread id is the VP's index plus 1."""
    note = bytearray(PRSTATUS_SIZE)
    struct.pack_into("<I", note, PRSTATUS_PID, vp.index + 1)
    regs = registers(vp)
    note[PRSTATUS_REGS:PRSTATUS_REGS + len(regs)] = regs
    struct.pack_into("<I", note, PRSTATUS_FPVALID, 1)
    return bytes(note)


def fxsave(vp: Vp) -> bytes:
    """The FXSAVE image: components in their initial state are made so."""
    fp = vp.values["VP_FP"]
    live = vp.get("VP_XSAVE", "xstate_bv") if vp.xsave else 3
    x87, sse = live & 1, live & 2
    return (
        (fp["fp_control_status"] if x87 else INIT_FP)
        + (b"" if x87 else bytes(8)) + fp["xmm_control_status"][
            0 if x87 else 8:]
        + (fp["fp_mmx"] if x87 else bytes(128))
        + (fp["xmm"] if sse else bytes(256))).ljust(512, b"\0")


def xstate(stream: Stream, vp: Vp) -> bytes:
    """The XSAVE area, b'' where gdb would take it for something else."""
    compat = stream.values["COMPAT"]
    xcr0 = compat["xcr0"]
    known = all(bit in XSAVE_OFFSETS
                and compat["xsave_offset"][bit] == XSAVE_OFFSETS[bit]
                for bit in range(2, 64) if xcr0 >> bit & 1)
    if not has_xsave(compat) or xcr0 & 3 != 3 or not known:
        return b""
    area = bytearray(fxsave(vp) + vp.xsave)
    struct.pack_into("<Q", area, XSAVE_XCR0, xcr0)
    return bytes(area[:max(compat["xsave_size"], XSAVE_LEAST)])


def note(owner: bytes, kind: int, data: bytes) -> bytes:
    """One note, its parts filled up to multiples of 4."""
    owner += b"\0"
    parts = NHDR.pack(len(owner), len(data), kind)
    for part in (owner, data):
        parts += part + bytes(-len(part) % 4)
    return parts


def notes(stream: Stream) -> bytes:
    """The notes of all VPs; a NT_PRSTATUS begins a thread."""
    made = b""
    for vp in stream.vps:
        made += note(b"CORE", NT_PRSTATUS, prstatus(vp))
        made += note(b"CORE", NT_FPREGSET, fxsave(vp))
        if area := xstate(stream, vp):
            made += note(b"LINUX", NT_X86_XSTATE, area)
    return made


def physical_segments(memory: Memory) -> list[Segment]:
    """One for each region of the map, the address the guest-physical one."""
    return [Segment(start * PAGE_SIZE, start * PAGE_SIZE,
                    (end - start) * PAGE_SIZE, PF_R | PF_W | PF_X)
            for start, end in memory.regions()]


def linear_segments(memory: Memory, mappings: list[Mapping]) \
        -> Iterator[Segment]:
    """The parts of the mappings that have memory in the stream.

    Page tables can map the same regions over and over: who takes the parts
    takes a bounded number.
    """
    regions = physical_segments(memory)
    for mapping in mappings:
        end = mapping.physical + mapping.length
        at = bisect_right(regions, mapping.physical, key=lambda r: r.physical)
        for i in range(max(at - 1, 0), len(regions)):
            region = regions[i]
            if region.physical >= end:
                break
            low = max(mapping.physical, region.physical)
            high = min(end, region.physical + region.length)
            if low < high:
                yield Segment(mapping.linear + low - mapping.physical,
                              low, high - low, region.flags)


def without_overlap(taken: list[Segment], more: Iterable[Segment]) \
        -> Iterator[Segment]:
    """The parts of more at addresses that taken, ascending, leaves free."""
    starts = [t.address for t in taken]
    for segment in more:
        at, end = segment.address, segment.address + segment.length
        for i in range(max(bisect_left(starts, at) - 1, 0), len(taken)):
            busy = taken[i]
            if busy.address >= end:
                break
            if busy.address > at:
                yield part(segment, at, busy.address)
            at = max(at, busy.address + busy.length)
        if at < end:
            yield part(segment, at, end)


def part(segment: Segment, start: int, end: int) -> Segment:
    """A segment cut to the addresses start to end."""
    return Segment(start, segment.physical + start - segment.address,
                   end - start, segment.flags)


def plan_segments(stream: Stream, linear_of: int | None) \
        -> tuple[list[Segment], list[str]]:
    """The segments, and what the user should know about them."""
    memory = stream.memory
    remarks = []
    physical = physical_segments(memory)
    index = linear_of if linear_of is not None else 0
    vp = next((v for v in stream.vps if v.index == index), None)
    if linear_of is not None and vp is None:
        raise UserError(f"there is no VP {linear_of}; see hvstate info")
    mappings, all_seen = walk(memory, vp) if vp else ([], True)
    if linear_of is not None and not mappings:
        raise UserError(f"VP {linear_of} has no page tables that map "
                        "anything: do without --linear")
    if not all_seen:
        remarks.append(f"the page tables of VP {index} are endless: not all "
                       "linear addresses are there")
    linear = linear_segments(memory, mappings)
    parts: Iterator[Segment] = islice(linear, LINEAR_MAX)
    if linear_of is None:
        parts = chain(physical, without_overlap(physical, parts))
    chosen = list(islice(parts, SEGMENTS_MAX))
    if next(parts, None) or next(linear, None):
        remarks.append(f"too many linear addresses: the first {len(chosen)} "
                       "segments are there")
    return chosen, remarks


@dataclass(frozen=True)
class Sizes:
    """Bytes of a core's memory: a small stream can declare any of them."""

    declared: int                       # all of it
    written: int                        # the rest are holes of the file

    @staticmethod
    def of(memory: Memory) -> Sizes:
        """What a stream's memory takes."""
        return Sizes(
            sum(extent.count for extent in memory.extents) * PAGE_SIZE,
            sum(run.count for run in memory.runs if run.word != 0)
            * PAGE_SIZE)


def write_core(stream: Stream, path: Path, linear_of: int | None = None) \
        -> list[str]:
    """Write the core; gives remarks for the user."""
    if stream.is_summary:
        raise UserError("a summary has no state to make a core of")
    segments, remarks = plan_segments(stream, linear_of)
    all_notes = notes(stream)
    notes_at = EHDR.size + PHDR.size * (len(segments) + 1)
    data_at = -(-(notes_at + len(all_notes)) // PAGE_SIZE) * PAGE_SIZE
    places, end = [], data_at
    for start, stop in stream.memory.regions():
        places.append((start, end))
        end += (stop - start) * PAGE_SIZE
    with open(path, "wb") as out:
        out.write(EHDR.pack(IDENT, ET_CORE, EM_X86_64, 1, 0, EHDR.size, 0, 0,
                            EHDR.size, PHDR.size, len(segments) + 1,
                            0, 0, 0))
        out.write(PHDR.pack(PT_NOTE, 0, notes_at, 0, 0, len(all_notes), 0, 4))
        for segment in segments:
            out.write(program_header(
                segment, file_offset(places, segment.physical)))
        out.write(all_notes)
        write_memory(out, stream.memory, places)
        out.truncate(end)
    return remarks


def file_offset(places: list[tuple[int, int]], address: int) -> int:
    """Where in the file the byte of a guest-physical address is.

    places has (first page, offset in the file) of each region.
    """
    gpn = address // PAGE_SIZE
    start, offset = places[bisect_right(places, gpn, key=lambda p: p[0]) - 1]
    return offset + address - start * PAGE_SIZE


def program_header(segment: Segment, offset: int) -> bytes:
    """The header of a segment with memory."""
    return PHDR.pack(PT_LOAD, segment.flags, offset, segment.address,
                     segment.physical, segment.length, segment.length,
                     PAGE_SIZE)


def write_memory(out: BinaryIO, memory: Memory,
                 places: list[tuple[int, int]]) -> None:
    """The pages; those that are zero are left as holes of the file."""
    for run in memory.runs:
        if run.word == 0:
            continue
        # A run may go over the end of an extent, never of a region.
        out.seek(file_offset(places, run.gpn * PAGE_SIZE))
        block = memory.content(run) * min(run.count, BLOCK_PAGES)
        for _ in range(run.count // BLOCK_PAGES):
            out.write(block)
        out.write(block[:run.count % BLOCK_PAGES * PAGE_SIZE])
