"""What a rule of section 5 of docs/stream.md is, and on what conditions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .registers import Registers

Test = Callable[[Registers], bool]

PE, NW, CD, PG = 0, 29, 30, 31                          # of CR0
PAE, PCIDE = 5, 17                                      # of CR4
LME, LMA = 8, 10                                        # of EFER
TF, IF, VM = 8, 9, 17                                   # of RFLAGS
INTERRUPT, NMI, EXCEPTION = 0, 2, 3     # types of a pending event
CODE_VECTORS = frozenset((8, *range(10, 15), 17))


@dataclass(frozen=True)
class Rule:
    """What shall hold; chunk and field are where a break is shown."""

    text: str
    chunk: str
    field: str
    holds: Test


def if_(condition: Test, rule: Test) -> Test:
    """A rule that is only there on a condition."""
    return lambda r: not condition(r) or rule(r)


def always(_: Registers) -> bool:
    """No condition."""
    return True


def long_mode(r: Registers) -> bool:
    """EFER.LMA"""
    return r.efer(LMA)


def code64(r: Registers) -> bool:
    """64-bit code"""
    return r.efer(LMA) and bool(r.segments["cs"].attributes >> 13 & 1)


def v86(r: Registers) -> bool:
    """Virtual-8086 mode."""
    return r.rflags(VM)


def not_v86(r: Registers) -> bool:
    """All other modes."""
    return not r.rflags(VM)


def pae(r: Registers) -> bool:
    """PAE paging"""
    return r.cr0(PG) and r.cr4(PAE) and not r.efer(LMA)


def shadow(r: Registers) -> bool:
    """Of STI or MOV SS."""
    return bool(r.events["interrupt_state"] & 1)


def masked(r: Registers) -> bool:
    """NMIs are."""
    return bool(r.events["interrupt_state"] & 2)


def waiting(r: Registers) -> bool:
    """For a SIPI."""
    return bool(r.events["activity"] & 1)


def halted(r: Registers) -> bool:
    """By HLT."""
    return bool(r.events["activity"] & 2)


def pending(kind: int) -> Test:
    """An event of that type is."""
    return lambda r: r.event.pending and r.event.type == kind


def usable(name: str) -> Test:
    """A segment is."""
    return lambda r: r.segments[name].usable
