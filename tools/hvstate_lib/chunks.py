"""The chunks of docs/stream.md as tables: ids, lengths, fields, values.

Bytes of a payload that no field covers are reserved.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .names import GENERAL, SEGMENTS

PAGE_SIZE = 4096
PAYLOAD_MAX = 4096
PAYLOAD_UNIT = 16
CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


class Refused(Exception):
    """A payload breaks a rule; offset is that of the field in it."""

    def __init__(self, text: str, offset: int = 0) -> None:
        super().__init__(text)
        self.offset = offset


@dataclass(frozen=True)
class Field:
    """A number, a row of count numbers, or (size 0) a row of count bytes."""

    name: str
    offset: int
    size: int
    count: int = 1
    mask: int | None = None             # the bits that may be set
    values: tuple[int | bytes, ...] = ()

    @property
    def length(self) -> int:
        """Bytes in the payload."""
        return (self.size or 1) * self.count

    def decode(self, payload: bytes) -> Any:
        """The value: an int, a tuple of int, or bytes."""
        if not self.size:
            return bytes(payload[self.offset:self.offset + self.count])
        row = struct.unpack_from(f"<{self.count}{CODES[self.size]}",
                                 payload, self.offset)
        return row if self.count > 1 else row[0]

    def encode(self, value: Any) -> bytes:
        """The bytes of a value; shorter rows are filled up with zeros."""
        if not self.size:
            if len(value) > self.count:
                raise ValueError(f"{self.name}: at most {self.count} bytes")
            return bytes(value).ljust(self.count, b"\0")
        row = list(value) if isinstance(value, (list, tuple)) else [value]
        if len(row) > self.count:
            raise ValueError(f"{self.name}: at most {self.count} values")
        row += [0] * (self.count - len(row))
        try:
            return struct.pack(f"<{self.count}{CODES[self.size]}", *row)
        except struct.error as error:
            raise ValueError(f"{self.name}: {value!r} does not fit into "
                             f"{self.size} bytes") from error

    def check(self, value: Any) -> None:
        """Refused when the value is not one that the page allows."""
        if isinstance(value, tuple):
            for i, item in enumerate(value):
                replace(self, name=f"{self.name}[{i}]", count=1,
                        offset=self.offset + i * self.size).check(item)
            return
        if self.values and value not in self.values:
            raise Refused(f"{self.name} is {show(value)}, not "
                          + " or ".join(show(v) for v in self.values),
                          self.offset)
        if self.mask is not None and value & ~self.mask:
            raise Refused(f"{self.name} is {value:#x}, bits "
                          f"{value & ~self.mask:#x} are reserved",
                          self.offset)


def show(value: Any) -> str:
    """A value for a message."""
    return value.hex(" ") if isinstance(value, bytes) else f"{value:#x}"


@dataclass(frozen=True)
class Kind:
    """One kind of chunk, or (id None) the entries that some consist of."""

    name: str
    id: int | None
    least: int                          # of the length
    most: int
    fields: tuple[Field, ...] = ()

    def decode(self, payload: bytes) -> dict[str, Any]:
        """All fields by name."""
        return {field.name: field.decode(payload) for field in self.fields}

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """A payload of the least length; fields not given are zero."""
        payload = bytearray(self.least)
        for name, value in values.items():
            field = self.field(name)
            payload[field.offset:field.offset + field.length] = \
                field.encode(value)
        return bytes(payload)

    def field(self, name: str) -> Field:
        """A field by its name; ValueError names those there are."""
        for field in self.fields:
            if field.name == name:
                return field
        raise ValueError(f"{self.name} has no field {name!r}; it has "
                         + (" ".join(f.name for f in self.fields) or "none"))

    def reserved(self) -> Iterator[tuple[int, int]]:
        """The gaps between the fields, as (from, to)."""
        at = 0
        for field in sorted(self.fields, key=lambda f: f.offset):
            if field.offset > at:
                yield at, field.offset
            at = field.offset + field.length
        if at < self.least:
            yield at, self.least

    def check_reserved(self, payload: bytes) -> None:
        """Refused when a reserved byte is not zero."""
        for start, end in self.reserved():
            for offset in range(start, end):
                if payload[offset]:
                    raise Refused("a reserved byte is not zero", offset)

    def check(self, payload: bytes) -> dict[str, Any]:
        """The fields of a payload that keeps all rules about single ones."""
        values = self.decode(payload)
        for field in self.fields:
            field.check(values[field.name])
        self.check_reserved(payload)
        return values


def split(kind: Kind, payload: bytes) -> Iterator[tuple[int, bytes]]:
    """The entries of a payload that consists of them, with their offsets."""
    for at in range(0, len(payload), kind.least):
        yield at, payload[at:at + kind.least]


def row(names: tuple[str, ...], size: int = 8) -> tuple[Field, ...]:
    """Fields of one size, one behind the other."""
    return tuple(Field(name, i * size, size) for i, name in enumerate(names))


def segment(name: str, offset: int) -> tuple[Field, ...]:
    """The four fields of a segment register."""
    return (Field(name + ".base", offset, 8),
            Field(name + ".limit", offset + 8, 4),
            Field(name + ".selector", offset + 12, 2),
            Field(name + ".attributes", offset + 14, 2, mask=0xF0FF))


def table(name: str, offset: int) -> tuple[Field, ...]:
    """The two fields of a descriptor-table register."""
    return (Field(name + ".limit", offset + 6, 2),
            Field(name + ".base", offset + 8, 8))


def timer(number: int) -> tuple[Field, ...]:
    """The four fields of a synthetic timer."""
    at = 152 + 32 * number
    return (Field(f"timer{number}.config", at, 8, mask=0xF1FFF),
            Field(f"timer{number}.count", at + 8, 8),
            Field(f"timer{number}.due", at + 16, 8),
            Field(f"timer{number}.expired", at + 24, 8))


def message(end: int) -> tuple[Field, ...]:
    """The fields of a message; those before `end` are not reserved."""
    head = (Field("type", 0, 4), Field("payload_size", 4, 1),
            Field("flags", 5, 1, values=(0,)), Field("sint", 6, 2))
    return (*(field for field in head if field.offset < end),
            Field("sender", 8, 8), Field("payload", 16, 0, MESSAGE_MAX))


OVERLAY = ~0xFFE                        # a page, and whether it is enabled
TIMER_COUNT = 4
MESSAGE_MAX = 240
MESSAGES = (0x80000000, 0x80000001, 0x80000020, 0x80000021, 0x80000022,
            0x80010000, 0x80010001, 0x80010002, 0x80010003)
MAP_ENTRY = Kind("GPA_MAP entry", None, 16, 16, (
    Field("gpn", 0, 8), Field("count", 8, 4),
    Field("rights", 12, 4, values=(0, 1, 3, 5, 7))))
MSR_ENTRY = Kind("VP_MSRS entry", None, 16, 16, (
    Field("name", 0, 4), Field("value", 8, 8)))
QUEUE_ENTRY = Kind("VP_QUEUE entry", None, 256, 256, message(8))

KINDS = (
    Kind("PROLOG", 0x00000000, 4064, 4064, (
        Field("tag", 0, 4, values=(0x50546475,)),
        Field("is_summary", 4, 1, values=(0, 1)),
        Field("vendor", 8, 4),
        Field("magic", 16, 0, 8, values=(b"STASIS\x1a\n",)),
        Field("version_major", 24, 2), Field("version_minor", 26, 2),
        Field("stream_id", 32, 8))),
    Kind("COMPAT", 0x70001000, 256, 256, (
        Field("scope", 0, 4, values=(0, 1)), Field("cpu_vendor", 4, 4),
        Field("hv_major", 8, 4), Field("hv_minor", 12, 4),
        Field("signature", 16, 4), Field("clflush", 20, 4),
        Field("phys_bits", 24, 4), Field("linear_bits", 28, 4),
        Field("features", 32, 4, 16), Field("xcr0", 96, 8),
        Field("xss", 104, 8), Field("xsave_size", 112, 4),
        Field("mxcsr_mask", 116, 4), Field("tsc_hz", 120, 8),
        Field("xsave_offset", 128, 2, 64))),
    Kind("VP_INDICES", 0x30000000, 16, 16, (
        Field("bsp_index", 0, 4), Field("bitmap", 4, 0, 12))),
    Kind("OS_ID", 0x20001000, 16, 16, (Field("os_id", 0, 8),)),
    Kind("PARTITION", 0x70002000, 48, 48, (
        Field("hypercall", 0, 8, mask=~0xFFC),
        Field("reference_time", 8, 8), Field("page_count", 16, 8),
        Field("flags", 24, 8, mask=1),
        Field("reference_tsc", 32, 8, mask=OVERLAY),
        Field("tsc_sequence", 40, 4))),
    Kind("GPA_MAP", 0x70010000, 16, 4064),
    Kind("EXTENT", 0x70011000, 16, 16, (Field("gpn", 0, 8),)),
    Kind("PAGE", 0x70012000, PAGE_SIZE, PAGE_SIZE),
    Kind("FILL", 0x70013000, 16, 16, row(("count", "word"))),
    Kind("VP", 0x30001000, 16, 16, (Field("vp_index", 0, 4),)),
    Kind("VP_GP", 0x30005000, 144, 144, row(GENERAL)),
    Kind("VP_FP", 0x30006000, 416, 416, (
        Field("xmm", 0, 0, 256), Field("fp_mmx", 256, 0, 128),
        Field("fp_control_status", 384, 0, 16),
        Field("xmm_control_status", 400, 0, 16))),
    Kind("VP_CONTROL", 0x30007000, 48, 48,
         row(("cr0", "cr2", "cr3", "cr4", "cr8", "efer"))),
    Kind("VP_DEBUG", 0x30008000, 48, 48,
         row(("dr0", "dr1", "dr2", "dr3", "dr6", "dr7"))),
    Kind("VP_SEGMENT", 0x30009000, 144, 144, tuple(
        field for i, name in enumerate(SEGMENTS)
        for field in segment(name, i * 16)) + (Field("cpl", 128, 1),)),
    Kind("VP_TABLE", 0x3000A000, 32, 32,
         table("idtr", 0) + table("gdtr", 16)),
    Kind("VP_XSAVE_CONTROL", 0x3000D000, 64, 64, (Field("xcr0", 0, 8),)),
    Kind("VP_MSRS", 0x70020000, 16, 4096),
    # Only the head: the components behind it are where COMPAT says.
    Kind("VP_XSAVE", 0x70021000, 64, 3584, (
        Field("xstate_bv", 0, 8), Field("xcomp_bv", 8, 8, values=(0,)))),
    Kind("VP_EVENTS", 0x70022000, 96, 96, (
        Field("explicit_suspend", 0, 8, values=(1,)),
        Field("intercept_suspend", 8, 8, mask=3),
        Field("activity", 16, 8, mask=3),
        Field("interrupt_state", 24, 8, mask=7),
        Field("pending_interruption", 32, 8, mask=0xFFFFFFFF_FFFF01FF),
        Field("pending_debug", 40, 8, mask=0x1500F),
        Field("has_message", 48, 8, values=(0, 1)),
        # Below 2^54: 57 years.
        Field("runtime", 56, 8, mask=(1 << 54) - 1),
        Field("pdpte", 64, 8, 4))),
    Kind("VP_APIC", 0x70024000, 192, 192, (
        Field("tpr", 0, 4, mask=0xFF), Field("ldr", 4, 4, mask=0xFF000000),
        Field("dfr", 8, 4), Field("svr", 12, 4, mask=0x1FF),
        Field("isr", 16, 4, 8), Field("tmr", 48, 4, 8),
        Field("irr", 80, 4, 8), Field("esr", 112, 4, mask=0xE0),
        Field("errors", 116, 4, mask=0xE0),
        Field("icr", 120, 8, mask=0xFFFFFFFF_000CCFFF),
        Field("lvt_timer", 128, 4, mask=0x700FF),
        Field("lvt_thermal", 132, 4, mask=0x107FF),
        Field("lvt_perf", 136, 4, mask=0x107FF),
        Field("lvt_lint0", 140, 4, mask=0x1A7FF),
        Field("lvt_lint1", 144, 4, mask=0x1A7FF),
        Field("lvt_error", 148, 4, mask=0x100FF),
        Field("initial_count", 152, 4), Field("divide", 156, 4, mask=0xB),
        Field("timer_due", 160, 8), Field("assist", 168, 8, mask=OVERLAY),
        Field("events", 176, 4, mask=0xFFFF1F))),
    Kind("VP_SYNIC", 0x70025000, 288, 288, (
        Field("scontrol", 0, 8, mask=1),
        Field("siefp", 8, 8, mask=OVERLAY),
        Field("simp", 16, 8, mask=OVERLAY),
        Field("sint", 24, 8, 16, mask=0x700FF),
        *(field for i in range(TIMER_COUNT) for field in timer(i)),
        Field("flags", 280, 4, mask=3), Field("queued", 284, 4))),
    Kind("VP_SIM", 0x70026000, PAGE_SIZE, PAGE_SIZE, (
        Field("page", 0, 0, PAGE_SIZE),)),
    Kind("VP_SIEF", 0x70027000, PAGE_SIZE, PAGE_SIZE, (
        Field("page", 0, 0, PAGE_SIZE),)),
    Kind("VP_QUEUE", 0x70028000, 256, 4096),
    Kind("VP_MESSAGE", 0x70023000, 256, 256, (
        Field("type", 0, 4, values=MESSAGES), *message(6)[1:])),
    Kind("EPILOG", 0xF0000000, 0, 0),
)
BY_NAME = {kind.name: kind for kind in KINDS}
BY_ID = {kind.id: kind for kind in KINDS}
VERSION_MAJOR = 1
VENDORS = (1, 2)                        # Intel, AMD
EXTENT_COUNT_MAX = (1 << 32) - 1        # when an extent's count is full
QUEUE_MAX = 16
VP_MAX = 64                             # VP_INDICES: bits from here are zero


def is_optional(chunk_id: int) -> bool:
    """Whether a reader that does not know the id skips the chunk."""
    return chunk_id >> 28 == 7 and bool(chunk_id & 1 << 27)


def has_xsave(compat: Mapping[str, Any]) -> bool:
    """Whether each VP has a VP_XSAVE."""
    return 576 <= compat["xsave_size"] <= 4096


def xsave_length(compat: Mapping[str, Any]) -> int:
    """The length of VP_XSAVE: the area without its first 512 bytes."""
    return -(-(compat["xsave_size"] - 512) // PAYLOAD_UNIT) * PAYLOAD_UNIT
