"""The framing: headers, CRCs, the seed, the number of each chunk.

Nothing of a header is given out before its CRC holds.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .chunks import BY_ID, PAYLOAD_MAX, PAYLOAD_UNIT, Kind
from .crc import crc32c
from .problem import Problem, Verdict

HEADER = struct.Struct("<IIII")
HEADER_FACTS = struct.Struct("<III")    # what header_crc covers
SEED = struct.Struct("<QQ")
NEIGHBOURS = 16                         # how far a diagnosis looks


def header_crc(stream_id: int, number: int, chunk_id: int, length: int,
               payload_crc: int) -> int:
    """The CRC over the seed and the rest of a header."""
    return crc32c(SEED.pack(stream_id, number)
                  + HEADER_FACTS.pack(chunk_id, length, payload_crc))


def payload_crc(stream_id: int, number: int, payload: bytes) -> int:
    """The CRC over the seed and a payload."""
    return crc32c(payload, crc32c(SEED.pack(stream_id, number)))


@dataclass(frozen=True)
class Frame:
    """One chunk whose header was verified."""

    number: int
    offset: int                         # of the header in the stream
    id: int
    length: int
    payload_crc: int

    @property
    def kind(self) -> Kind | None:
        """What the id says, None for an unknown one."""
        return BY_ID.get(self.id)

    @property
    def name(self) -> str:
        """For people."""
        return self.kind.name if self.kind else f"unknown id {self.id:#010x}"

    @property
    def start(self) -> int:
        """Where the payload begins."""
        return self.offset + HEADER.size

    def problem(self, verdict: Verdict, text: str, at: int = 0) -> Problem:
        """A problem in this chunk, `at` bytes behind its header's first."""
        return Problem(verdict, text, self.offset + at, self.number,
                       self.name)


class FrameReader:
    """Takes chunk after chunk from the bytes of a stream."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.offset = 0                 # behind all that was taken
        self.number = 0
        self.stream_id = 0              # the PROLOG is seeded with 0
        self._headers_crc = 0

    def header(self) -> Frame:
        """The next header; its payload is to be taken before the next."""
        raw = self.data[self.offset:self.offset + HEADER.size]
        if len(raw) < HEADER.size:
            raise self._stops(f"{len(raw)} of the {HEADER.size} bytes of a "
                              "header")
        chunk_id, length, its_crc, pay_crc = HEADER.unpack(raw)
        if its_crc != header_crc(self.stream_id, self.number, chunk_id,
                                 length, pay_crc):
            raise Problem(Verdict.CORRUPT, "header_crc does not hold"
                          + self._diagnosis(raw), self.offset, self.number)
        frame = Frame(self.number, self.offset, chunk_id, length, pay_crc)
        if length % PAYLOAD_UNIT or length > PAYLOAD_MAX:
            raise frame.problem(Verdict.CORRUPT, f"the length {length} is "
                                "over 4096 or not a multiple of 16", 4)
        self._last = raw
        return frame

    def payload(self, frame: Frame) -> bytes:
        """The verified payload of the header taken last."""
        data = self.data[frame.start:frame.start + frame.length]
        if len(data) < frame.length:
            raise self._stops(f"{len(data)} of the {frame.length} bytes of "
                              f"the payload of a {frame.name}")
        crc = payload_crc(self.stream_id, self.number, data)
        if crc != frame.payload_crc:
            raise frame.problem(Verdict.CORRUPT, "payload_crc does not hold",
                                HEADER.size)
        self._pass(frame)
        return data

    def end(self, frame: Frame) -> None:
        """Verify the EPILOG, whose header was taken last."""
        if frame.payload_crc != self._headers_crc:
            raise frame.problem(Verdict.CORRUPT, "payload_crc is not the "
                                "CRC of the headers before it", 12)
        self._pass(frame)

    def _pass(self, frame: Frame) -> None:
        self._headers_crc = crc32c(self._last, self._headers_crc)
        self.offset = frame.start + frame.length
        self.number += 1

    def _stops(self, has: str) -> Problem:
        text = f"the stream stops: it has {has}"
        return Problem(Verdict.INCOMPLETE, text, len(self.data), self.number)

    def _diagnosis(self, raw: bytes) -> str:
        """Says it when the header would check in another place."""
        if self.number == 0:
            return ": damaged, or not a saved stream at all"
        chunk_id, length, its_crc, pay_crc = HEADER.unpack(raw)
        for number in range(max(0, self.number - NEIGHBOURS),
                            self.number + NEIGHBOURS):
            seed_id = self.stream_id if number else 0
            if its_crc == header_crc(seed_id, number, chunk_id, length,
                                     pay_crc):
                return (f": it is chunk {number} of this stream; chunks are "
                        "missing, repeated or swapped")
        return ": damaged, or a chunk of another stream"
