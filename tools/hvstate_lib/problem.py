"""The verdicts on a stream, and the error that carries one to its place."""

from __future__ import annotations

from enum import Enum


class Verdict(Enum):
    """What a reader says of a stream; the value is for people."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    CORRUPT = "corrupt"
    UNSUPPORTED = "unsupported version"
    INCOMPATIBLE = "incompatible processor"


ADVICE = {
    Verdict.COMPLETE: "",
    Verdict.INCOMPLETE: "fetch the rest of the file, or save again",
    Verdict.CORRUPT: "the bytes are not those that were saved: take another "
                     "copy, or save again",
    Verdict.UNSUPPORTED: "read it with a build that knows this version",
    Verdict.INCOMPATIBLE: "read it with a build that knows this processor",
}


class Problem(Exception):
    """Why a stream is not complete: the verdict, the place and the reason."""

    def __init__(self, verdict: Verdict, text: str, offset: int = 0,
                 number: int = 0, name: str = "") -> None:
        super().__init__(text)
        self.verdict = verdict
        self.text = text
        self.offset = offset
        self.number = number
        self.name = name

    def __str__(self) -> str:
        chunk = f"chunk {self.number}" + (f" ({self.name})"
                                          if self.name else "")
        return (f"{self.verdict.value}: byte {self.offset} "
                f"({self.offset:#x}), {chunk}: {self.text}")


class UserError(Exception):
    """The command cannot do what was asked; the text says what to do."""
