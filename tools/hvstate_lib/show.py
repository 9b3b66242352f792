"""Streams as text: the summary, the dump, the differences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import devices
from .chunks import (MAP_ENTRY, MSR_ENTRY, PAGE_SIZE, QUEUE_ENTRY,
                     TIMER_COUNT, Kind, split)
from .frame import Frame
from .names import (APIC_BASE, APIC_BASE_RESET, FEATURES, TSC, bit_names,
                    msr_name, rights_text)
from .paging import paging_mode
from .problem import ADVICE, Verdict
from .stream import Stream, Vp
from .units import size_text

DECIMAL = {"version_major", "version_minor", "hv_major", "hv_minor",
           "phys_bits", "linear_bits", "clflush", "xsave_size", "tsc_hz",
           "reference_time", "page_count", "count", "vp_index", "bsp_index",
           "payload_size", "cpl", "scope", "is_summary", "has_message",
           "explicit_suspend", "runtime", "tsc_sequence", "queued", "sint"}
TICKS_PER_SECOND = 10_000_000
INDENT = "      "


# --- info


def info(stream: Stream, title: str) -> Iterator[str]:
    """One screen."""
    yield f"{title}: {verdict_line(stream)}"
    if stream.problem:
        yield f"  at        {stream.problem}"
        yield f"  advice    {ADVICE[stream.verdict]}"
    for part in stream.devices:
        yield f"  device    {devices.summary(part)}"
    if "PROLOG" not in stream.values:
        return
    prolog = stream.values["PROLOG"]
    yield (f"  stream    version {prolog['version_major']}."
           f"{prolog['version_minor']}, id {prolog['stream_id']:#018x}, "
           + ("summary" if prolog["is_summary"] else "full state"))
    yield f"  size      {stream.end} bytes in {len(stream.frames)} chunks"
    if stream.verdict is Verdict.COMPLETE and stream.end < len(stream.data):
        yield (f"            {len(stream.data) - stream.end} bytes behind "
               "the EPILOG are not part of it")
    if compat := stream.values.get("COMPAT"):
        yield (f"  saved by  Stasis {compat['hv_major']}."
               f"{compat['hv_minor']} on a processor of signature "
               f"{compat['signature']:#x}, TSC "
               f"{compat['tsc_hz'] / 1e6:.1f} MHz")
        yield (f"  addresses {compat['phys_bits']} bits physical, "
               f"{compat['linear_bits']} linear; XSAVE "
               f"{bit_names('xcr0', compat['xcr0']) or 'none'} "
               f"({compat['xsave_size']} bytes)")
    if partition := stream.values.get("PARTITION"):
        yield (f"  partition os id {stream.get('OS_ID', 'os_id'):#x}, "
               f"hypercall MSR {partition['hypercall']:#x}, reference time "
               f"{partition['reference_time'] / TICKS_PER_SECOND:.3f} s")
        yield from memory_info(stream)
    for vp in stream.vps:
        yield from vp_info(vp)


def verdict_line(stream: Stream) -> str:
    """The verdict, with what it is a verdict on."""
    if stream.verdict is Verdict.COMPLETE and stream.is_summary:
        return "complete (a summary: compatibility facts only)"
    return stream.verdict.value


def memory_info(stream: Stream) -> Iterator[str]:
    """The line about memory."""
    memory = stream.memory
    pages = sum(extent.count for extent in memory.extents)
    if not stream.get("PARTITION", "flags") & 1:
        yield "  memory    not in this stream"
        return
    tally = memory.tally()
    yield (f"  memory    {pages} pages ({size_text(pages * PAGE_SIZE)}) in "
           f"{len(memory.extents)} extents: "
           + ", ".join(f"{count} {name}" for name, count in tally.items()))


def vp_info(vp: Vp) -> Iterator[str]:
    """The lines about a VP; it may have been cut off."""
    if "VP_EVENTS" not in vp.values:
        yield f"  VP {vp.index}      cut off"
        return
    gp, control = vp.values["VP_GP"], vp.values["VP_CONTROL"]
    events = vp.values["VP_EVENTS"]
    doing = bit_names("activity", events["activity"]) or "running"
    if events["intercept_suspend"] & 1:
        doing += ", intercept-suspended"
    if events["has_message"]:
        message = vp.get("VP_MESSAGE", "type")
        doing += f", message {message:#x} waits"
    if events["pending_interruption"] & 1:
        doing += (", interruption "
                  f"{events['pending_interruption'] >> 16 & 0xFFFF:#x} "
                  "pending")
    mode = paging_mode(vp)
    yield (f"  VP {vp.index:<6} {processor_mode(vp)}, CPL "
           f"{vp.get('VP_SEGMENT', 'cpl')}, {doing}")
    yield (f"            rip {gp['rip']:#x} rsp {gp['rsp']:#x} rflags "
           f"{gp['rflags']:#x} ({bit_names('rflags', gp['rflags'])})")
    yield (f"            cr0 {control['cr0']:#x} cr3 {control['cr3']:#x} "
           f"cr4 {control['cr4']:#x} efer {control['efer']:#x}, paging "
           + (mode.name if mode else "off"))
    if "VP_APIC" in vp.values:
        yield from apic_info(vp)
    if "VP_SYNIC" in vp.values:
        yield from synic_info(vp)


def apic_info(vp: Vp) -> Iterator[str]:
    """The line about a local APIC."""
    apic = vp.values["VP_APIC"]
    base = vp.msrs.get(APIC_BASE, APIC_BASE_RESET)
    mode = ("off" if not base >> 11 & 1
            else "x2APIC" if base >> 10 & 1 else "xAPIC")
    parts = [f"{name} {' '.join(f'{v:#x}' for v in vectors)}"
             for name in ("irr", "isr")
             if (vectors := vector_list(apic[name]))]
    if apic["timer_due"]:
        left = apic["timer_due"] - vp.msrs.get(TSC, 0)
        parts.append(f"timer due in {left} ticks")
    if apic["events"]:
        parts.append(bit_names("events", apic["events"]))
    yield "            apic " + ", ".join([mode] + parts)


def synic_info(vp: Vp) -> Iterator[str]:
    """The line about the SynIC and its timers, if they are in use."""
    synic = vp.values["VP_SYNIC"]
    parts = ["on"] if synic["scontrol"] & 1 else []
    parts += [f"{name} at {synic[name] & -PAGE_SIZE:#x}"
              for name in ("simp", "siefp") if synic[name] & 1]
    for i in range(TIMER_COUNT):
        if synic[f"timer{i}.due"]:
            due = synic[f"timer{i}.due"] / TICKS_PER_SECOND
            parts.append(f"timer {i} due at {due:.3f} s")
        if synic[f"timer{i}.expired"]:
            parts.append(f"timer {i} expired")
    if synic["queued"]:
        parts.append(f"{synic['queued']} messages wait")
    if parts:
        yield "            synic " + ", ".join(parts)


def vector_list(words: tuple[int, ...]) -> list[int]:
    """The vectors of a set, lowest first."""
    return [32 * i + bit for i, word in enumerate(words)
            for bit in range(32) if word >> bit & 1]


def processor_mode(vp: Vp) -> str:
    """What the SDM calls the mode that the VP is in."""
    attributes = vp.get("VP_SEGMENT", "cs.attributes")
    if not vp.get("VP_CONTROL", "cr0") & 1:
        return "real mode"
    if vp.get("VP_CONTROL", "efer") & 1 << 10:
        return ("64-bit mode" if attributes & 1 << 13
                else "compatibility mode")
    if vp.get("VP_GP", "rflags") & 1 << 17:
        return "virtual-8086 mode"
    return "protected mode"


# --- dump


def dump(stream: Stream, pages: bool) -> Iterator[str]:
    """Every chunk that was read, then the verdict."""
    position = 0
    for part in stream.devices:
        yield f"device {devices.summary(part)}"
        yield from (INDENT + line for line in devices.lines(part))
    for frame in stream.frames:
        yield (f"{frame.offset:#010x} #{frame.number} {frame.name}, "
               f"{frame.length} bytes")
        if frame.name == "EXTENT":
            position = int.from_bytes(stream.payload(frame)[:8], "little")
        if frame.name in ("PAGE", "FILL"):
            run = stream.memory.run_of(position)
            yield f"{INDENT}gpn {position:#x}"
            position += run.count if run else 1
        yield from dump_chunk(stream, frame, pages)
    yield f"verdict: {verdict_line(stream)}"
    if stream.problem:
        yield f"{INDENT}{stream.problem}"


def dump_chunk(stream: Stream, frame: Frame, pages: bool) -> Iterator[str]:
    """The payload of one chunk."""
    payload = stream.payload(frame)
    if frame.name == "GPA_MAP":
        for _, raw in split(MAP_ENTRY, payload):
            entry = MAP_ENTRY.decode(raw)
            yield (f"{INDENT}gpn {entry['gpn']:#x} count {entry['count']} "
                   f"{rights_text(entry['rights'])}")
    elif frame.name == "VP_MSRS":
        for _, raw in split(MSR_ENTRY, payload):
            entry = MSR_ENTRY.decode(raw)
            yield (f"{INDENT}{entry['name']:#x} "
                   f"{msr_name(entry['name']):18} {entry['value']:#x}")
    elif frame.name == "VP_QUEUE":
        for at, raw in split(QUEUE_ENTRY, payload):
            yield f"{INDENT}message {at // QUEUE_ENTRY.least}"
            yield from dump_fields(QUEUE_ENTRY, raw)
    elif frame.name == "PAGE":
        if pages:
            yield from hexdump(payload)
    elif frame.kind is None:
        yield from hexdump(payload)
    else:
        yield from dump_fields(frame.kind, payload)
        if frame.name == "VP_XSAVE":
            yield from dump_xsave(stream, payload)


def dump_fields(kind: Kind, payload: bytes) -> Iterator[str]:
    """Field by field."""
    for name, value in kind.decode(payload).items():
        if name == "features":
            for feature, word in zip(FEATURES, value):
                yield f"{INDENT}{feature:20} {word:#010x}"
        elif name == "xsave_offset":
            offsets = {bit: at for bit, at in enumerate(value) if at}
            yield f"{INDENT}{name:20} " + (" ".join(
                f"{bit}:{at}" for bit, at in offsets.items()) or "none")
        elif name in ("xmm", "fp_mmx"):
            for i in range(0, len(value), 16):
                label = f"{'xmm' if name == 'xmm' else 'st'}{i // 16}"
                number = int.from_bytes(value[i:i + 16], "little")
                yield f"{INDENT}{label:20} {number:#034x}"
        elif isinstance(value, bytes) and len(value) > 16:
            yield f"{INDENT}{name}"
            yield from hexdump(value)
        else:
            yield f"{INDENT}{name:20} {field_text(name, value)}"


def field_text(name: str, value: Any) -> str:
    """One value, with the names of its bits."""
    if isinstance(value, bytes):
        return value.hex(" ")
    if isinstance(value, tuple):
        return " ".join(f"{item:#x}" for item in value)
    last = name.rpartition(".")[2]
    if last in DECIMAL:
        return str(value)
    if last == "attributes":
        return (f"{value:#06x} type {value & 15:#x} DPL {value >> 5 & 3} "
                + bit_names("attributes", value))
    said = bit_names(last, value)
    return f"{value:#x}" + (f" ({said})" if said else "")


def components(stream: Stream, payload: bytes) \
        -> Iterator[tuple[int, bytes]]:
    """The components of a VP_XSAVE that are not in their initial state."""
    compat = stream.values["COMPAT"]
    offsets = compat["xsave_offset"]
    ends = sorted({at for at in offsets if at} | {compat["xsave_size"]})
    live = int.from_bytes(payload[:8], "little")
    for bit in range(2, 64):
        at = offsets[bit]
        if live >> bit & 1 and at >= 576:
            end = min((e for e in ends if e > at), default=at)
            yield bit, payload[at - 512:end - 512]


def dump_xsave(stream: Stream, payload: bytes) -> Iterator[str]:
    """The components of a VP_XSAVE."""
    for bit, content in components(stream, payload):
        name = bit_names("xcr0", 1 << bit) or "unnamed"
        yield f"{INDENT}component {bit} ({name})"
        yield from hexdump(content)


def hexdump(data: bytes) -> Iterator[str]:
    """16 bytes a line; a * stands for lines as the one before."""
    last, skipping = None, False
    for at in range(0, len(data), 16):
        line = data[at:at + 16]
        if line == last and at + 16 < len(data):
            if not skipping:
                yield f"{INDENT}  *"
            skipping = True
            continue
        last, skipping = line, False
        text = "".join(chr(b) if 32 <= b < 127 else "." for b in line)
        yield f"{INDENT}  {at:04x}  {line.hex(' '):47}  {text}"
