"""Reads a stream as docs/stream.md says, and gives the verdict.

Each method of _Walk takes what one paragraph of the page describes; the
order of the chunks is the order of the calls.
"""

from __future__ import annotations

from pathlib import Path

from .chunks import (BY_NAME, INTEL, MESSAGE_MAX, MSR_ENTRY, VERSION_MAJOR,
                     VP_MAX, has_xsave, split, xsave_length)
from .frame import HEADER
from .memory import Memory
from .memory_reader import MemoryReader
from .names import APIC_BASE, MSRS
from .problem import Problem, UserError, Verdict
from .stream import Stream, Vp
from .taker import Taker, bad, checked, refuse_field

X2APIC = 1 << 10
VP_PLAIN = ("VP_GP", "VP_FP", "VP_CONTROL", "VP_DEBUG")


def read_stream(data: bytes) -> Stream:
    """Read; never raises for what is in the bytes."""
    stream = Stream(data, memory=Memory(data))
    walk = _Walk(stream)
    try:
        walk.stream()
    except Problem as problem:
        stream.problem = problem
        stream.verdict = problem.verdict
    stream.end = walk.source.offset
    return stream


def load_stream(path: Path) -> Stream:
    """Read a file; UserError when that cannot be done."""
    try:
        return read_stream(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error


def load_complete(path: Path) -> Stream:
    """Read a file that shall hold a complete stream."""
    stream = load_stream(path)
    if stream.problem:
        raise UserError(f"{path} is {stream.problem}\n  see hvstate dump")
    return stream


class _Walk(Taker):
    """One pass over a stream; raises the first Problem."""

    # --- section 2

    def stream(self) -> None:
        """The whole."""
        self.prolog()
        self.compat()
        if self.out.is_summary:
            if self.out.get("COMPAT", "scope"):
                self.vp_indices()
        else:
            self.vp_indices()
            self.single("OS_ID")
            self.partition()
            if pages := self.out.get("PARTITION", "page_count"):
                MemoryReader(self, pages).read()
            for index in self.indices():
                self.vp(index)
        frame = self.header("EPILOG")
        self.source.end(frame)
        self.out.frames.append(frame)

    # --- section 3

    def prolog(self) -> None:
        """3.1; the version comes before anything behind it."""
        frame, payload = self.take("PROLOG")
        kind = BY_NAME["PROLOG"]
        values = kind.decode(payload)
        for name in ("tag", "magic"):
            refuse_field(frame, kind, values, name)
        if values["version_major"] != VERSION_MAJOR:
            raise frame.problem(
                Verdict.UNSUPPORTED, f"version {values['version_major']}."
                f"{values['version_minor']}", HEADER.size
                + kind.field("version_major").offset)
        self.out.values["PROLOG"] = checked(frame, kind, payload)
        self.source.stream_id = values["stream_id"]
        if values["vendor"] != INTEL:
            raise frame.problem(Verdict.INCOMPATIBLE, "saved on processors "
                                f"of vendor {values['vendor']}",
                                HEADER.size + kind.field("vendor").offset)

    def compat(self) -> None:
        """3.2"""
        frame, values = self.single("COMPAT")
        kind = BY_NAME["COMPAT"]
        if values["cpu_vendor"] != self.out.get("PROLOG", "vendor"):
            raise bad(frame, "cpu_vendor is not that of the PROLOG",
                      kind.field("cpu_vendor").offset)
        if not self.out.is_summary and values["scope"] != 1:
            raise bad(frame, "a full stream has scope 1")
        for word in range(10, 16):
            if values["features"][word]:
                raise bad(frame, f"feature word {word} is not zero",
                          kind.field("features").offset + 4 * word)

    def vp_indices(self) -> None:
        """3.3"""
        frame, values = self.single("VP_INDICES")
        if any(values["bitmap"][VP_MAX // 8:]):
            raise bad(frame, f"a VP index of {VP_MAX} or more", 12)
        if values["bsp_index"] not in (0, *self.indices()):
            raise bad(frame, f"bsp_index is {values['bsp_index']}, and there "
                      "is no such VP")

    def indices(self) -> list[int]:
        """The VPs that there shall be."""
        bitmap = int.from_bytes(self.out.get("VP_INDICES", "bitmap"),
                                "little")
        return [i for i in range(VP_MAX) if bitmap >> i & 1]

    def partition(self) -> None:
        """3.5"""
        frame, values = self.single("PARTITION")
        if values["hypercall"] & 1 and not self.out.get("OS_ID", "os_id"):
            raise bad(frame, "hypercall is enabled, but os_id is 0")
        if values["page_count"] and not values["flags"] & 1:
            raise bad(frame, "pages, though the stream carries no memory",
                      16)

    # --- the group of a VP

    def vp(self, index: int) -> None:
        """3.10 to 3.21"""
        frame, values = self.fields("VP")
        if values["vp_index"] != index:
            raise bad(frame, f"VP {values['vp_index']} where VP {index} has "
                      "its turn")
        vp = Vp(index)
        self.out.vps.append(vp)
        for name in VP_PLAIN:
            vp.values[name] = self.fields(name)[1]
        self.segment(vp)
        for name in ("VP_TABLE", "VP_XSAVE_CONTROL"):
            vp.values[name] = self.fields(name)[1]
        self.msrs(vp)
        if has_xsave(self.out.values["COMPAT"]):
            self.xsave(vp)
        self.events(vp)

    def segment(self, vp: Vp) -> None:
        """3.15"""
        frame, values = self.fields("VP_SEGMENT")
        if values["cpl"] != values["ss.attributes"] >> 5 & 3:
            raise bad(frame, "the CPL is not SS.DPL", 128)
        vp.values["VP_SEGMENT"] = values

    def msrs(self, vp: Vp) -> None:
        """3.18"""
        frame, payload = self.take("VP_MSRS")
        unknown = None
        for at, entry in split(MSR_ENTRY, payload):
            values = checked(frame, MSR_ENTRY, entry, at)
            if vp.msrs and values["name"] <= max(vp.msrs):
                raise bad(frame, "the names do not ascend", at)
            vp.msrs[values["name"]] = values["value"]
            if values["name"] not in MSRS:
                unknown = at if unknown is None else unknown
        if unknown is not None:
            raise frame.problem(Verdict.INCOMPATIBLE, "a register that is "
                                "not known", HEADER.size + unknown)

    def xsave(self, vp: Vp) -> None:
        """3.19"""
        frame, payload = self.take("VP_XSAVE")
        if frame.length != xsave_length(self.out.values["COMPAT"]):
            raise frame.problem(Verdict.CORRUPT, "its length does not go "
                                "with COMPAT.xsave_size", 4)
        vp.values["VP_XSAVE"] = checked(frame, frame.kind, payload)
        vp.xsave = payload

    def events(self, vp: Vp) -> None:
        """3.20 to 3.22"""
        frame, values = self.fields("VP_EVENTS")
        vp.values["VP_EVENTS"] = values
        if self.out.get("PROLOG", "version_minor"):
            self.apic(vp)
        if not values["has_message"]:
            return
        if not values["intercept_suspend"] & 1:
            raise bad(frame, "a message, but no intercept suspend", 48)
        frame, values = self.fields("VP_MESSAGE")
        if values["payload_size"] > MESSAGE_MAX:
            raise bad(frame, f"payload size {values['payload_size']}", 4)
        vp.values["VP_MESSAGE"] = values

    def apic(self, vp: Vp) -> None:
        """3.21"""
        frame, values = self.fields("VP_APIC")
        vp.values["VP_APIC"] = values
        for name, at in (("isr", 16), ("tmr", 48), ("irr", 80)):
            if values[name][0] & 0xFFFF:
                raise bad(frame, f"{name} has a vector below 16", at)
        if values["dfr"] & 0xFFFFFFF != 0xFFFFFFF:
            raise bad(frame, "bits 27:0 of dfr are ones", 8)
        if values["tpr"] >> 4 != vp.get("VP_CONTROL", "cr8"):
            raise bad(frame, "tpr and CR8 do not agree")
        if values["ldr"] and vp.msrs.get(APIC_BASE, 0) & X2APIC:
            raise bad(frame, "an ldr in x2APIC mode", 4)
