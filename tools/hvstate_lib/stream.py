"""A stream as it was read: chunks, fields, memory, VPs, the verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .container import Part
from .frame import Frame
from .memory import Memory
from .problem import Problem, Verdict


@dataclass
class Vp:
    """The chunks of one VP: their fields, by the name of the chunk."""

    index: int
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    msrs: dict[int, int] = field(default_factory=dict)
    xsave: bytes = b""                  # the payload of VP_XSAVE
    frames: dict[str, Frame] = field(default_factory=dict)

    def get(self, chunk: str, name: str) -> Any:
        """One field; 0 when the stream stopped before it."""
        return self.values.get(chunk, {}).get(name, 0)


@dataclass
class Stream:
    """What was read up to the end or the first problem."""

    data: bytes
    frames: list[Frame] = field(default_factory=list)
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    vps: list[Vp] = field(default_factory=list)
    verdict: Verdict = Verdict.COMPLETE
    problem: Problem | None = None
    end: int = 0                        # behind the last good chunk
    devices: list[Part] = field(default_factory=list)   # in front of it

    @property
    def is_summary(self) -> bool:
        """A summary has no state."""
        return bool(self.get("PROLOG", "is_summary"))

    def get(self, chunk: str, name: str) -> Any:
        """One field of a chunk that comes once; 0 when it did not come."""
        return self.values.get(chunk, {}).get(name, 0)

    def payload(self, frame: Frame) -> bytes:
        """The bytes of a chunk."""
        return self.data[frame.start:frame.start + frame.length]
