"""Takes the chunks of a stream in turn, each checked before it is used."""

from __future__ import annotations

from typing import Any

from .chunks import BY_NAME, Kind, Refused, is_optional
from .frame import HEADER, Frame, FrameReader
from .problem import Problem, Verdict
from .stream import Stream


class Taker:
    """What is taken is noted in the stream `out`; raises Problem."""

    def __init__(self, out: Stream) -> None:
        self.out = out
        self.source = FrameReader(out.data)

    def header(self, *names: str) -> Frame:
        """The header of the next chunk that is to be known; one of names."""
        frame = self.source.header()
        while frame.kind is None and self.source.number:
            if not is_optional(frame.id):
                raise frame.problem(Verdict.UNSUPPORTED, "this chunk is not "
                                    "known and shall not be skipped")
            self.source.payload(frame)
            self.out.frames.append(frame)
            frame = self.source.header()
        if frame.kind is None or frame.name not in names:
            raise frame.problem(Verdict.CORRUPT, "out of order: "
                                + " or ".join(names) + " has its turn")
        if not frame.kind.least <= frame.length <= frame.kind.most:
            raise frame.problem(Verdict.CORRUPT, f"its length is "
                                f"{frame.length}", 4)
        return frame

    def take(self, *names: str) -> tuple[Frame, bytes]:
        """The next chunk, verified by its CRCs."""
        frame = self.header(*names)
        payload = self.source.payload(frame)
        self.out.frames.append(frame)
        return frame, payload

    def fields(self, name: str) -> tuple[Frame, dict[str, Any]]:
        """The next chunk with its fields checked one by one."""
        frame, payload = self.take(name)
        return frame, checked(frame, BY_NAME[name], payload)

    def single(self, name: str) -> tuple[Frame, dict[str, Any]]:
        """A chunk that comes once in a stream."""
        frame, values = self.fields(name)
        self.out.values[name] = values
        return frame, values


def bad(frame: Frame, text: str, at: int = 0) -> Problem:
    """Corrupt, `at` bytes into the payload."""
    return frame.problem(Verdict.CORRUPT, text, HEADER.size + at)


def checked(frame: Frame, kind: Kind, payload: bytes,
            at: int = 0) -> dict[str, Any]:
    """The fields of a payload (or of an entry `at` bytes into it)."""
    try:
        return kind.check(payload)
    except Refused as error:
        raise bad(frame, str(error), at + error.offset) from error


def refuse_field(frame: Frame, kind: Kind, values: dict[str, Any],
                 name: str) -> None:
    """Corrupt when this one field is not as it shall be."""
    try:
        kind.field(name).check(values[name])
    except Refused as error:
        raise bad(frame, str(error), error.offset) from error
