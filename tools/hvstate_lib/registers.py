"""The registers of a VP as the rules of section 5 speak of them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .chunks import has_xsave
from .names import SEGMENTS
from .stream import Vp

AMD = 2                                 # a cpu_vendor
FEATURE_7_EBX = 2
RTM = 11
MXCSR_AT = 8                            # in xmm_control_status


class Segment(NamedTuple):
    """A segment register."""

    base: int
    limit: int
    selector: int
    attributes: int

    @property
    def type(self) -> int:
        """3:0"""
        return self.attributes & 15

    @property
    def system(self) -> bool:
        """S is clear."""
        return not self.attributes >> 4 & 1

    @property
    def dpl(self) -> int:
        """6:5"""
        return self.attributes >> 5 & 3

    @property
    def usable(self) -> bool:
        """P"""
        return bool(self.attributes >> 7 & 1)

    @property
    def limit_fits(self) -> bool:
        """Whether G goes with the limit."""
        if self.attributes >> 15 & 1:
            return self.limit & 0xFFF == 0xFFF
        return self.limit >> 20 == 0


class Event(NamedTuple):
    """A pending interruption."""

    pending: bool
    type: int
    has_code: bool
    length: int
    vector: int
    code: int


def event_of(value: int) -> Event:
    """From pending_interruption."""
    return Event(bool(value & 1), value >> 1 & 7, bool(value >> 4 & 1),
                 value >> 5 & 15, value >> 16 & 0xFFFF, value >> 32)


@dataclass(frozen=True)
class Here:
    """What rules want of a machine: it is the one that saved."""

    amd: bool
    phys_bits: int
    linear_bits: int
    rtm: bool
    xcr0: int
    xsave: bool
    mxcsr_mask: int

    @staticmethod
    def of(compat: Mapping[str, Any]) -> Here:
        """From COMPAT."""
        return Here(compat["cpu_vendor"] == AMD,
                    min(compat["phys_bits"], 64),
                    min(max(compat["linear_bits"], 1), 64),
                    bool(compat["features"][FEATURE_7_EBX] >> RTM & 1),
                    compat["xcr0"], has_xsave(compat), compat["mxcsr_mask"])

    def is_address(self, value: int) -> bool:
        """Below the physical width."""
        return value >> self.phys_bits == 0

    def is_canonical(self, value: int) -> bool:
        """All bits from the last of the linear width on are the same."""
        return value >> self.linear_bits - 1 in (
            0, (1 << 65 - self.linear_bits) - 1)


class Registers:
    """All of a VP; `msrs` has those that are in the stream."""

    def __init__(self, vp: Vp, here: Here) -> None:
        self.here = here
        self.msrs = vp.msrs
        self.gp = vp.values["VP_GP"]
        self.control = vp.values["VP_CONTROL"]
        self.debug = vp.values["VP_DEBUG"]
        self.table = vp.values["VP_TABLE"]
        self.events = vp.values["VP_EVENTS"]
        self.apic = vp.values["VP_APIC"]
        self.synic = vp.values["VP_SYNIC"]
        segments = vp.values["VP_SEGMENT"]
        self.segments = {name: Segment(*(
            segments[f"{name}.{part}"] for part in Segment._fields))
            for name in SEGMENTS}
        self.event = event_of(self.events["pending_interruption"])
        self.xcr0 = vp.get("VP_XSAVE_CONTROL", "xcr0")
        self.xstate_bv = vp.get("VP_XSAVE", "xstate_bv")
        self.mxcsr = struct.unpack_from(
            "<I", vp.get("VP_FP", "xmm_control_status"), MXCSR_AT)[0]

    @property
    def rip(self) -> int:
        """VP_GP"""
        return int(self.gp["rip"])

    @property
    def debug_bits(self) -> int:
        """pending_debug"""
        return int(self.events["pending_debug"])

    def rflags(self, bit: int) -> bool:
        """A bit of RFLAGS."""
        return bool(self.gp["rflags"] >> bit & 1)

    def cr0(self, bit: int) -> bool:
        """A bit of CR0."""
        return bool(self.control["cr0"] >> bit & 1)

    def cr4(self, bit: int) -> bool:
        """A bit of CR4."""
        return bool(self.control["cr4"] >> bit & 1)

    def efer(self, bit: int) -> bool:
        """A bit of EFER."""
        return bool(self.control["efer"] >> bit & 1)

    def msr(self, number: int, bit: int) -> bool:
        """A bit of an MSR that is 0 after reset."""
        return bool(self.msrs.get(number, 0) >> bit & 1)
