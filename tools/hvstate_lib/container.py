"""What may lie in front of a stream in a saved file: the states of devices.

docs/stream.md, section 7, has the format. Nothing here knows a device.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .crc import crc32c
from .problem import Problem, Verdict

MAGIC = 0x0A1A584F42534153              # "SASBOX", then 1A 0A
VERSION = 1
ALIGN = 8
PARTS_MAX = 64
HEAD_MAX = 65536
HEADER = struct.Struct("<QIIIIII")
PART = struct.Struct("<IIII")


class ContainerProblem(Problem):
    """What is wrong in front of the stream."""

    def __str__(self) -> str:
        return (f"{self.verdict.value}: byte {self.offset} "
                f"({self.offset:#x}), in front of the stream: {self.text}")


@dataclass(frozen=True)
class Part:
    """The state of one device."""

    kind: int
    payload: bytes


def _bad(offset: int, text: str,
         verdict: Verdict = Verdict.CORRUPT) -> ContainerProblem:
    return ContainerProblem(verdict, text, offset)


def _head_size(data: bytes) -> tuple[int, int]:
    """How many bytes are in front of the stream, and how many parts."""
    _, version, count, size, *reserved, crc = HEADER.unpack_from(data)
    if crc != crc32c(data[:HEADER.size - 4]):
        raise _bad(0, "the first 32 bytes are damaged")
    if version != VERSION:
        raise _bad(8, f"version {version} is not known", Verdict.UNSUPPORTED)
    if (any(reserved) or not 0 < count <= PARTS_MAX or size % ALIGN
            or not HEADER.size <= size <= HEAD_MAX):
        raise _bad(12, "the first 32 bytes hold what nobody writes")
    if size > len(data):
        raise _bad(len(data), f"the stream begins at byte {size}",
                   Verdict.INCOMPLETE)
    return size, count


def _part(head: bytes, at: int) -> tuple[Part, int]:
    """The part at a place, and where the next one begins."""
    if at + PART.size > len(head):
        raise _bad(at, "a part reaches into the stream")
    kind, length, payload_crc, header_crc = PART.unpack_from(head, at)
    if header_crc != crc32c(head[at:at + PART.size - 4]):
        raise _bad(at, "the header of a part is damaged")
    begin = at + PART.size
    end = begin + length
    behind = -(-end // ALIGN) * ALIGN
    if behind > len(head):
        raise _bad(at, "a part reaches into the stream")
    if payload_crc != crc32c(head[begin:end]):
        raise _bad(begin, "the state of a device is damaged")
    if any(head[end:behind]):
        raise _bad(end, "there is something between the parts")
    if not kind:
        raise _bad(at, "a part has no kind")
    return Part(kind, head[begin:end]), behind


def open_file(data: bytes) -> tuple[list[Part], bytes]:
    """The parts in front of the stream, none of a file that is a stream alone,
    and the stream. Raises ContainerProblem."""
    if len(data) < HEADER.size or HEADER.unpack_from(data)[0] != MAGIC:
        return [], data
    size, count = _head_size(data)
    parts: list[Part] = []
    at = HEADER.size
    for _ in range(count):
        part, behind = _part(data[:size], at)
        if part.kind in (p.kind for p in parts):
            raise _bad(at, "two parts are of the same kind")
        parts.append(part)
        at = behind
    if at != size:
        raise _bad(at, "the parts do not reach the stream")
    return parts, data[size:]


def join(parts: list[Part], stream: bytes) -> bytes:
    """A file with these parts in front of a stream."""
    if not parts:
        return stream
    body = b""
    for part in parts:
        head = struct.pack("<III", part.kind, len(part.payload),
                           crc32c(part.payload))
        body += head + struct.pack("<I", crc32c(head)) + part.payload
        body += bytes(-len(body) % ALIGN)
    head = HEADER.pack(MAGIC, VERSION, len(parts), HEADER.size + len(body),
                       0, 0, 0)[:-4]
    return head + struct.pack("<I", crc32c(head)) + body + stream
