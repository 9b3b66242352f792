"""Default values for hvstate make: a state that any processor can take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .chunks import MSR_ENTRY, QUEUE_ENTRY, Kind, has_xsave, xsave_length
from .names import FEATURES, MSR_NAMES
from .units import parse_number

Values = dict[str, Any]

PROLOG: Values = {"tag": 0x50546475, "vendor": 1, "magic": b"STASIS\x1a\n",
                  "version_major": 1, "version_minor": 0}
COMPAT: Values = {"scope": 1, "cpu_vendor": 1, "clflush": 64,
                  "phys_bits": 36, "linear_bits": 48, "mxcsr_mask": 0xFFBF}

FP: Values = {"fp_control_status": bytes.fromhex("7f03"),
              "xmm_control_status": bytes(8) + bytes.fromhex("801f0000"
                                                             "bfff0000")}
COMMON: dict[str, Values] = {
    "VP_GP": {"rflags": 2},
    "VP_FP": FP,
    "VP_DEBUG": {"dr6": 0xFFFF0FF0, "dr7": 0x400},
    "VP_XSAVE_CONTROL": {"xcr0": 1},
    "VP_EVENTS": {"explicit_suspend": 1},
    "VP_APIC": {"dfr": 0xFFFFFFFF, "svr": 0xFF,
                **{f"lvt_{name}": 0x10000
                   for name in ("timer", "thermal", "perf", "lint0", "lint1",
                                "error")}},
    "VP_SYNIC": {"sint": [0x10000] * 16},
}
# SDM volume 3, "Processor State After Reset"; RIP is that of the reset
# vector.
RESET = COMMON | {
    "VP_GP": {"rflags": 2, "rip": 0xFFF0},
    "VP_CONTROL": {"cr0": 0x60000010},
    "VP_SEGMENT": {
        **{f"{name}.limit": 0xFFFF
           for name in ("es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr")},
        **{f"{name}.attributes": 0x93
           for name in ("es", "ss", "ds", "fs", "gs")},
        "cs.base": 0xFFFF0000, "cs.selector": 0xF000,
        "cs.attributes": 0x9B, "ldtr.attributes": 0x82,
        "tr.attributes": 0x8B},
    "VP_TABLE": {"idtr.limit": 0xFFFF, "gdtr.limit": 0xFFFF},
}


def flat(names: tuple[str, ...], attributes: int, **more: int) -> Values:
    """Segments of all the address space."""
    parts = {"limit": 0xFFFFFFFF, "attributes": attributes} | more
    return {f"{name}.{part}": value for name in names
            for part, value in parts.items()}


DATA = flat(("es", "ss", "ds", "fs", "gs"), 0xC093, selector=0x10)
BUSY_TSS = {"tr.limit": 0x67, "tr.attributes": 0x8B, "tr.selector": 0x18}
# Flat, without paging.
PROTECTED = COMMON | {
    "VP_CONTROL": {"cr0": 0x33},
    "VP_SEGMENT": DATA | flat(("cs",), 0xC09B, selector=8) | BUSY_TSS,
}
# A task of CPL 3 at 0x10000, IOPL 3, without paging.
V86 = COMMON | {
    "VP_GP": {"rflags": 0x23002},
    "VP_CONTROL": {"cr0": 0x33, "cr4": 1},
    "VP_SEGMENT": {"cpl": 3} | BUSY_TSS | {
        f"{name}.{part}": value
        for name in ("es", "cs", "ss", "ds", "fs", "gs")
        for part, value in (("base", 0x10000), ("selector", 0x1000),
                            ("limit", 0xFFFF), ("attributes", 0xF3))},
}
# PAE paging; CR3 and the entries are the description's to give.
PAE = PROTECTED | {"VP_CONTROL": {"cr0": 0x80010033, "cr4": 0x620}}
# 64-bit mode, flat; CR3 and the tables are the description's to give.
LONG = COMMON | {
    "VP_CONTROL": {"cr0": 0x80010033, "cr4": 0x620, "efer": 0x500},
    "VP_SEGMENT": DATA | flat(("cs",), 0xA09B, selector=8) | BUSY_TSS,
}
MODES = {"reset": RESET, "protected": PROTECTED, "v86": V86, "pae": PAE,
         "long": LONG}


def numbers(kind: Kind, values: Mapping[str, Any]) -> Values:
    """Texts of a description as what the fields of a chunk want.

    Rows of bytes are hex digits, or 64-bit words by byte offset; the feature
    words may be given by name.
    """
    made: Values = {}
    for name, value in values.items():
        field = kind.field(name)
        if not field.size:
            made[name] = row_of_bytes(value)
        elif isinstance(value, Mapping):
            made[name] = numbered_row(value, field.count)
        elif isinstance(value, (list, tuple)):
            made[name] = [parse_number(item) for item in value]
        else:
            made[name] = parse_number(value)
    return made


def row_of_bytes(value: Any) -> bytes:
    """Hex digits, words by byte offset, or bytes already."""
    if isinstance(value, Mapping):
        return words(value)
    return bytes.fromhex(value) if isinstance(value, str) else bytes(value)


def words(given: Mapping[str, Any]) -> bytes:
    """{byte offset: 64-bit word}, zeroes between them."""
    values = {parse_number(at): parse_number(word)
              for at, word in given.items()}
    room = bytearray(max(values, default=0) + 8)
    for at, word in values.items():
        room[at:at + 8] = word.to_bytes(8, "little")
    return bytes(room)


def queue(messages: list[Mapping[str, Any]]) -> bytes:
    """The payload of VP_QUEUE; a message waits for SINT 2 if nothing is said.
    """
    return b"".join(QUEUE_ENTRY.encode(numbers(
        QUEUE_ENTRY, {"type": 1, "sint": 2} | dict(message)))
        for message in messages)


def numbered_row(given: Mapping[str, Any], count: int) -> list[int]:
    """{"2": value} or {"CPUID.1:EDX": value} as a row."""
    made = [0] * count
    for key, value in given.items():
        at = FEATURES.index(key) if key in FEATURES else parse_number(key)
        if not 0 <= at < count:
            raise ValueError(f"{key} is not below {count}")
        made[at] = parse_number(value)
    return made


def msrs(given: Mapping[str, Any]) -> bytes:
    """The payload of VP_MSRS; names or numbers as keys."""
    values = {"TSC": 0} | given
    entries = sorted((MSR_NAMES[key] if key in MSR_NAMES
                      else parse_number(key), parse_number(value))
                     for key, value in values.items())
    return b"".join(MSR_ENTRY.encode({"name": name, "value": value})
                    for name, value in entries)


def xsave(given: Mapping[str, Any], compat: Mapping[str, Any]) -> bytes:
    """The payload of VP_XSAVE, b'' where there is none.

    given: xstate_bv, and {"components": {"2": "hex digits"}}.
    """
    facts = {"xsave_size": parse_number(compat.get("xsave_size", 0))}
    if not has_xsave(facts):
        return b""
    area = bytearray(512 + xsave_length(facts))
    area[512:520] = parse_number(given.get("xstate_bv", 3)).to_bytes(
        8, "little")
    offsets = numbered_row(compat["xsave_offset"], 64) if isinstance(
        compat.get("xsave_offset"), Mapping) else list(
            compat.get("xsave_offset", ())) + [0] * 64
    for key, digits in given.get("components", {}).items():
        at, raw = offsets[int(key)], bytes.fromhex(digits)
        if at < 576 or at + len(raw) > len(area):
            raise ValueError(f"component {key} has no place of that size "
                             "in compat.xsave_offset")
        area[at:at + len(raw)] = raw
    return bytes(area[512:])
