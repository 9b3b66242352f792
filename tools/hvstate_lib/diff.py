"""What differs between two streams: facts, registers, map, pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .chunks import PAGE_SIZE
from .memory import Memory
from .names import FEATURES, bit_names, msr_name, rights_text
from .stream import Stream, Vp
from .show import components, field_text

ABSENT = "-"
OVERLAYS = {"VP_SIM": "message slot", "VP_SIEF": "event flags of SINT"}
SLOT = 256                              # bytes of a page for each SINT
IGNORED = {"stream_id"}                 # differs between any two streams


def diff(one: Stream, two: Stream) -> Iterator[str]:
    """A line for each difference."""
    for name in dict.fromkeys([*one.values, *two.values]):
        yield from diff_values(name, one.values.get(name, {}),
                               two.values.get(name, {}))
    first = {vp.index: vp for vp in one.vps}
    second = {vp.index: vp for vp in two.vps}
    for index in sorted(first | second):
        if index not in first or index not in second:
            where = "first" if index in first else "second"
            yield f"VP {index}: only in the {where}"
            continue
        yield from diff_vp(first[index], second[index])
        yield from diff_xsave(one, first[index], two, second[index])
    yield from diff_map(one.memory, two.memory)
    yield from diff_pages(one.memory, two.memory)


def diff_values(title: str, one: Mapping[str, Any], two: Mapping[str, Any]) \
        -> Iterator[str]:
    """The fields of one chunk."""
    for name in dict.fromkeys([*one, *two]):
        if one.get(name) == two.get(name) or name in IGNORED:
            continue
        if isinstance(one.get(name), tuple) and isinstance(two.get(name),
                                                           tuple):
            yield from diff_row(f"{title} {name}", one[name], two[name])
        else:
            yield (f"{title} {name}: {value_text(one, name)} -> "
                   f"{value_text(two, name)}")


def diff_row(title: str, one: tuple[int, ...], two: tuple[int, ...]) \
        -> Iterator[str]:
    """The items of a row that differ."""
    for i, (left, right) in enumerate(zip(one, two)):
        if left != right:
            feature = i < len(FEATURES) and title.endswith("features")
            label = FEATURES[i] if feature else str(i)
            yield f"{title}[{label}]: {left:#x} -> {right:#x}"


def value_text(values: Mapping[str, Any], name: str) -> str:
    """A field of one side."""
    return field_text(name, values[name]) if name in values else ABSENT


def diff_vp(one: Vp, two: Vp) -> Iterator[str]:
    """The registers of a VP."""
    title = f"VP {one.index}"
    for name in dict.fromkeys([*one.values, *two.values]):
        left, right = one.values.get(name, {}), two.values.get(name, {})
        if name == "VP_FP" and left and right:
            yield from diff_fp(title, left, right)
        elif name in OVERLAYS:
            yield from diff_overlay(f"{title} {OVERLAYS[name]}", left, right)
        else:
            yield from diff_values(title, left, right)
    for number in sorted(one.msrs | two.msrs):
        values = [f"{vp.msrs[number]:#x}" if number in vp.msrs else ABSENT
                  for vp in (one, two)]
        if values[0] != values[1]:
            yield f"{title} {msr_name(number)}: {values[0]} -> {values[1]}"


def diff_overlay(title: str, one: Mapping[str, bytes],
                 two: Mapping[str, bytes]) -> Iterator[str]:
    """The slots of a page of the SynIC; without a chunk they are zero."""
    zero = bytes(PAGE_SIZE)
    left, right = one.get("page", zero), two.get("page", zero)
    for i in range(PAGE_SIZE // SLOT):
        if left[SLOT * i:SLOT * (i + 1)] != right[SLOT * i:SLOT * (i + 1)]:
            yield f"{title} {i} differs"


def diff_fp(title: str, one: Mapping[str, bytes], two: Mapping[str, bytes]) \
        -> Iterator[str]:
    """XMM and ST registers one by one."""
    for name, label in (("xmm", "xmm"), ("fp_mmx", "st")):
        for at in range(0, len(one[name]), 16):
            left, right = one[name][at:at + 16], two[name][at:at + 16]
            if left != right:
                yield (f"{title} {label}{at // 16}: "
                       f"0x{left[::-1].hex()} -> 0x{right[::-1].hex()}")
    for name in ("fp_control_status", "xmm_control_status"):
        if one[name] != two[name]:
            yield (f"{title} {name}: {one[name].hex(' ')} -> "
                   f"{two[name].hex(' ')}")


def diff_xsave(one: Stream, left: Vp, two: Stream, right: Vp) \
        -> Iterator[str]:
    """The components of the XSAVE area."""
    first = dict(components(one, left.xsave)) if left.xsave else {}
    second = dict(components(two, right.xsave)) if right.xsave else {}
    for bit in sorted(first | second):
        if first.get(bit) != second.get(bit):
            name = bit_names("xcr0", 1 << bit) or "unnamed"
            yield f"VP {left.index} XSAVE component {bit} ({name}) differs"


def diff_map(one: Memory, two: Memory) -> Iterator[str]:
    """Pages that are mapped, or with rights, in one stream only."""
    cuts = sorted({gpn for memory in (one, two) for extent in memory.extents
                   for gpn in (extent.gpn, extent.end)})
    for start, end in zip(cuts, cuts[1:]):
        rights = [memory.rights(start) for memory in (one, two)]
        if rights[0] != rights[1]:
            texts = ["unmapped" if r is None else rights_text(r)
                     for r in rights]
            yield f"map {span(start, end)}: {texts[0]} -> {texts[1]}"


def diff_pages(one: Memory, two: Memory) -> Iterator[str]:
    """Pages that are in both and differ, as rows of pages."""
    start = end = None
    for low, high in differing(one, two):
        if end == low:
            end = high
            continue
        if start is not None and end is not None:
            yield f"pages {span(start, end)} differ"
        start, end = low, high
    if start is not None and end is not None:
        yield f"pages {span(start, end)} differ"


def differing(one: Memory, two: Memory) -> Iterator[tuple[int, int]]:
    """Rows of pages (from, to) in both that differ, ascending."""
    i = j = 0
    while i < len(one.runs) and j < len(two.runs):
        left, right = one.runs[i], two.runs[j]
        low, high = max(left.gpn, right.gpn), min(left.end, right.end)
        if low < high and (left.word is None or left.word != right.word):
            if one.content(left) != two.content(right):
                yield low, high
        if left.end <= right.end:
            i += 1
        if right.end <= left.end:
            j += 1


def span(start: int, end: int) -> str:
    """Pages as a person looks for them."""
    return (f"{start:#x}..{end - 1:#x} ({end - start} at "
            f"{start * PAGE_SIZE:#x})")
