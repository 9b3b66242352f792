"""Builds streams from a description, right ones and wrong ones.

A stream is built as drafts (id and payload). "edit" changes them before
numbers and CRCs are given, so that what is wrong is behind good CRCs;
"damage" changes the bytes after that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import state
from .chunks import BY_NAME, EXTENT_COUNT_MAX, MAP_ENTRY, PAGE_SIZE
from .crc import crc32c
from .frame import HEADER, header_crc, payload_crc
from .memory import Extent
from .problem import UserError
from .reader import load_complete
from .stream import Stream
from .units import parse_number

Description = Mapping[str, Any]
ENTRIES_MAX = 4064 // MAP_ENTRY.least
VP_ORDER = ("VP_GP", "VP_FP", "VP_CONTROL", "VP_DEBUG", "VP_SEGMENT",
            "VP_TABLE", "VP_XSAVE_CONTROL", "VP_MSRS", "VP_XSAVE",
            "VP_EVENTS", "VP_APIC", "VP_SYNIC", "VP_SIM", "VP_SIEF",
            "VP_QUEUE", "VP_MESSAGE")
SOMETIMES = ("VP_SIM", "VP_SIEF", "VP_MESSAGE")
TOP = {"from", "stream_id", "summary", "prolog", "compat", "vp_indices",
       "os_id", "partition", "memory", "vps", "edit", "damage"}
MEMORY = {"gpn", "count", "rights", "word", "hex", "file", "words"}


@dataclass
class Draft:
    """A chunk before it has a number and CRCs."""

    id: int
    payload: bytes
    number: int | None = None           # for the seed, instead of its own
    stream_id: int | None = None        # likewise
    length: int | None = None           # in the header, instead of the real


def draft(name: str, values: Description | None = None) -> Draft:
    """A chunk of named fields."""
    kind = BY_NAME[name]
    assert kind.id is not None
    return Draft(kind.id, kind.encode(state.numbers(kind, values or {})))


def check_names(what: str, given: Mapping[str, Any], known: set[str]) -> None:
    """UserError for a member that nothing would look at."""
    for name in given:
        if name not in known:
            raise UserError(f"{what}: {name!r} is not known; there is "
                            + " ".join(sorted(known)))


# --- the parts of a stream


def build(description: Description, folder: Path) -> list[Draft]:
    """The drafts; paths in the description are relative to folder."""
    check_names("the description", description, TOP)
    if "from" in description:
        alone = {"from", "stream_id", "edit", "damage"}
        check_names("a description with 'from'", description, alone)
        return drafts_of(load_complete(folder / description["from"]),
                         description.get("stream_id"))
    summary = bool(description.get("summary"))
    compat = state.COMPAT | description.get("compat", {})
    if summary and "compat" not in description:
        compat["scope"] = 0
    vps = description.get("vps", [{}])
    drafts = [draft("PROLOG", state.PROLOG | {
        "is_summary": int(summary),
        "stream_id": description.get("stream_id", 1)}
        | description.get("prolog", {})), draft("COMPAT", compat)]
    if not summary or parse_number(compat["scope"]):
        drafts.append(draft("VP_INDICES", {"bitmap": bitmap(vps)}
                            | description.get("vp_indices", {})))
    if not summary:
        drafts += full_part(description, compat, vps, folder)
    return drafts + [Draft(0xF0000000, b"")]


def full_part(description: Description, compat: Description,
              vps: list[Description], folder: Path) -> list[Draft]:
    """What a full stream has between VP_INDICES and EPILOG."""
    memory = memory_drafts(description.get("memory", [{}]), folder)
    pages, drafts = memory
    first = [draft("OS_ID", description.get("os_id", {})),
             draft("PARTITION", {"page_count": pages, "flags": 1}
                   | description.get("partition", {}))]
    for position, vp in enumerate(vps):
        drafts += vp_drafts(vp, position, compat)
    return first + drafts


def bitmap(vps: list[Description]) -> bytes:
    """VP_INDICES.bitmap of these VPs."""
    bits = 0
    for position, vp in enumerate(vps):
        bits |= 1 << parse_number(vp.get("index", position))
    return bits.to_bytes(12, "little")


def vp_drafts(vp: Description, position: int, compat: Description) \
        -> list[Draft]:
    """The group of one VP."""
    mode = vp.get("mode", "reset")
    if mode not in state.MODES:
        raise UserError(f"the mode {mode!r} is not known; there is "
                        + " ".join(state.MODES))
    check_names("a VP", vp, {"index", "mode"}
                | {name.lower() for name in VP_ORDER})
    drafts = [draft("VP", {"vp_index": vp.get("index", position)})]
    for name in VP_ORDER:
        given = vp.get(name.lower(), {})
        values = state.MODES[mode].get(name, {}) | dict(
            given if name != "VP_QUEUE" else ())
        if name == "VP_MSRS":
            drafts.append(Draft(BY_NAME[name].id or 0, state.msrs(given)))
        elif name == "VP_XSAVE":
            if payload := state.xsave(given, compat):
                drafts.append(Draft(BY_NAME[name].id or 0, payload))
        elif name == "VP_EVENTS":
            if "vp_message" in vp:
                values = {"has_message": 1, "intercept_suspend": 1} | values
            drafts.append(draft(name, values))
        elif name == "VP_SYNIC":
            drafts.append(draft(name, announced(vp) | synic(values)))
        elif name == "VP_QUEUE":
            if given:
                drafts.append(Draft(BY_NAME[name].id or 0,
                                    state.queue(given)))
        elif name not in SOMETIMES or given:
            drafts.append(draft(name, values))
    return drafts


def announced(vp: Description) -> dict[str, int]:
    """What VP_SYNIC says of the chunks behind it."""
    return {"flags": ("vp_sim" in vp) | ("vp_sief" in vp) << 1,
            "queued": len(vp.get("vp_queue", ()))}


def synic(values: Description) -> Description:
    """SINTs given by number leave the others masked."""
    given = values.get("sint")
    if not isinstance(given, Mapping):
        return values
    row = {str(i): 0x10000 for i in range(16)} | dict(given)
    return {**values, "sint": row}


def memory_drafts(pieces: list[Description], folder: Path) \
        -> tuple[int, list[Draft]]:
    """Pages in all, and the chunks from GPA_MAP to the last page."""
    extents: list[Extent] = []
    content: list[Draft] = []
    position = None
    for piece in sorted(pieces, key=lambda p: parse_number(p.get("gpn", 0))):
        check_names("a piece of memory", piece, MEMORY)
        gpn = parse_number(piece.get("gpn", 0))
        pages = piece_pages(piece, folder)
        count = parse_number(piece.get("count", len(pages) or 16))
        if gpn != position:
            content.append(draft("EXTENT", {"gpn": gpn}))
        content += [Draft(0x70012000, page) for page in pages[:count]]
        if count > len(pages):
            content.append(draft("FILL", {
                "count": count - len(pages),
                "word": 0 if pages else piece.get("word", 0)}))
        position = gpn + count
        add_extent(extents, Extent(gpn, count,
                                   rights_of(piece.get("rights", "rwx"))))
    return sum(e.count for e in extents), map_drafts(extents) + content


def add_extent(extents: list[Extent], new: Extent) -> None:
    """Append an extent, joined to the last where the page wants it."""
    last = extents[-1] if extents else None
    if (last and last.end == new.gpn and last.rights == new.rights
            and last.count + new.count <= EXTENT_COUNT_MAX):
        extents[-1] = Extent(last.gpn, last.count + new.count, last.rights)
    else:
        extents.append(new)


def map_drafts(extents: list[Extent]) -> list[Draft]:
    """The GPA_MAP chunks."""
    entries = [MAP_ENTRY.encode(vars(extent)) for extent in extents]
    return [Draft(0x70010000, b"".join(entries[at:at + ENTRIES_MAX]))
            for at in range(0, len(entries), ENTRIES_MAX)]


def piece_pages(piece: Description, folder: Path) -> list[bytes]:
    """The pages with own content of a piece of memory."""
    data = b""
    if "hex" in piece:
        data = bytes.fromhex(piece["hex"])
    elif "file" in piece:
        data = (folder / piece["file"]).read_bytes()
    elif "words" in piece:              # {byte offset: 64-bit word}
        data = state.words(piece["words"])
    data += bytes(-len(data) % PAGE_SIZE)
    return [data[at:at + PAGE_SIZE] for at in range(0, len(data), PAGE_SIZE)]


def rights_of(rights: Any) -> int:
    """A number, or letters of rwx."""
    if isinstance(rights, str) and not rights[:1].isdigit():
        return sum({"r": 1, "w": 2, "x": 4}.get(c, 0) for c in rights)
    return parse_number(rights)


def drafts_of(stream: Stream, stream_id: Any) -> list[Draft]:
    """The drafts of a stream that exists, under a new id if one is given."""
    drafts = [Draft(frame.id, stream.payload(frame))
              for frame in stream.frames]
    if stream_id is not None:
        set_field(drafts[0], "PROLOG", "stream_id", stream_id)
    return drafts


def set_field(target: Draft, name: str, field_name: str, value: Any) -> None:
    """Change one field of a payload."""
    kind = BY_NAME[name]
    field = kind.field(field_name)
    raw = field.encode(state.numbers(kind, {field_name: value})[field_name])
    target.payload = (target.payload[:field.offset] + raw
                      + target.payload[field.offset + field.length:])


# --- drafts to bytes


def seal(drafts: list[Draft]) -> list[bytes]:
    """Number the chunks and give them their CRCs."""
    sealed: list[bytes] = []
    headers = 0
    stream_id = 0
    for position, item in enumerate(drafts):
        number = position if item.number is None else item.number
        seed_id = stream_id if item.stream_id is None else item.stream_id
        length = len(item.payload) if item.length is None else item.length
        crc = (headers if item.id == BY_NAME["EPILOG"].id
               else payload_crc(seed_id, number, item.payload))
        header = HEADER.pack(
            item.id, length, header_crc(seed_id, number, item.id, length,
                                        crc), crc)
        headers = crc32c(header, headers)
        sealed.append(header + item.payload)
        if position == 0 and len(item.payload) >= 40:
            stream_id = int.from_bytes(item.payload[32:40], "little")
    return sealed
