"""Reads a stream as docs/stream.md says, and gives the verdict.

Each method of _Walk takes what one paragraph of the page describes; the
order of the chunks is the order of the calls.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .chunks import (BY_NAME, MESSAGE_MAX, MSR_ENTRY, PAGE_SIZE,
                     QUEUE_ENTRY, QUEUE_MAX, TIMER_COUNT, VERSION_MAJOR,
                     VENDORS, VP_MAX, has_xsave, split, xsave_length)
from .container import ContainerProblem, open_file
from .frame import HEADER, Frame
from .memory import Memory
from .memory_reader import MemoryReader
from .names import MSR_NAMES, MSRS
from .problem import Problem, UserError, Verdict
from .registers import Here
from .rule import Rule
from .rules import broken
from .stream import Stream, Vp
from .taker import Taker, bad, checked, refuse_field

VP_PLAIN = ("VP_GP", "VP_FP", "VP_CONTROL", "VP_DEBUG")
MASKED = 1 << 16                        # of a SINT
VECTORS_FROM = 16                       # those below are no interrupts


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
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    try:
        devices, data = open_file(data)
    except ContainerProblem as problem:
        return Stream(data, verdict=problem.verdict, problem=problem)
    stream = read_stream(data)
    stream.devices = devices
    return stream


def load_complete(path: Path) -> Stream:
    """Read a file that shall hold a complete stream."""
    stream = load_stream(path)
    if stream.problem:
        raise UserError(f"{path} is {stream.problem}\n  see hvstate dump")
    return stream


class _Walk(Taker):
    """One pass over a stream; raises the first Problem."""

    def __init__(self, out: Stream) -> None:
        super().__init__(out)
        self._unjudged: Vp | None = None
        self._overlays: dict[int, str] = {}     # enabled pages of the guest

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
        if values["vendor"] not in VENDORS:
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
        for name in ("hypercall", "reference_tsc"):
            if not self.here().is_address(values[name]):
                raise bad(frame, f"{name} is beyond the physical width",
                          BY_NAME["PARTITION"].field(name).offset)
            self.overlay(frame, name, values[name])

    def overlay(self, frame: Frame, name: str, value: int) -> None:
        """An enabled page that covers the guest's memory is one of its own.
        """
        if not value & 1:
            return
        page = value // PAGE_SIZE
        if page in self._overlays:
            raise bad(frame, f"{name} is at page {page:#x}, as "
                      f"{self._overlays[page]}",
                      BY_NAME[frame.name].field(name).offset)
        self._overlays[page] = name

    def here(self) -> Here:
        """The machine that saved."""
        return Here.of(self.out.values["COMPAT"])

    # --- the group of a VP

    def header(self, *names: str) -> Frame:
        """A VP is judged when what comes behind it begins."""
        frame = super().header(*names)
        if frame.name in ("VP", "EPILOG") and self._unjudged:
            vp, self._unjudged = self._unjudged, None
            if rules := broken(vp, self.here()):
                raise broken_rule(vp, rules[0])
            for name in ("simp", "siefp"):
                self.overlay(vp.frames["VP_SYNIC"], name,
                             vp.get("VP_SYNIC", name))
        return frame

    def of_vp(self, vp: Vp, name: str) -> tuple[Frame, dict[str, Any]]:
        """A chunk of a VP, noted."""
        frame, values = self.fields(name)
        vp.frames[name], vp.values[name] = frame, values
        return frame, values

    def vp(self, index: int) -> None:
        """3.10 to 3.26"""
        frame, values = self.fields("VP")
        if values["vp_index"] != index:
            raise bad(frame, f"VP {values['vp_index']} where VP {index} has "
                      "its turn")
        vp = Vp(index)
        self.out.vps.append(vp)
        for name in VP_PLAIN:
            self.of_vp(vp, name)
        self.segment(vp)
        for name in ("VP_TABLE", "VP_XSAVE_CONTROL"):
            self.of_vp(vp, name)
        self.msrs(vp)
        if has_xsave(self.out.values["COMPAT"]):
            self.xsave(vp)
        self.events(vp)
        self._unjudged = vp

    def segment(self, vp: Vp) -> None:
        """3.15"""
        frame, values = self.of_vp(vp, "VP_SEGMENT")
        if values["cpl"] != values["ss.attributes"] >> 5 & 3:
            raise bad(frame, "the CPL is not SS.DPL", 128)

    def msrs(self, vp: Vp) -> None:
        """3.18"""
        frame, payload = self.take("VP_MSRS")
        vp.frames["VP_MSRS"] = frame
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
        vp.frames["VP_XSAVE"] = frame
        vp.values["VP_XSAVE"] = checked(frame, BY_NAME["VP_XSAVE"], payload)
        vp.xsave = payload

    def events(self, vp: Vp) -> None:
        """3.20 to 3.26"""
        frame, events = self.of_vp(vp, "VP_EVENTS")
        if events["has_message"] and not events["intercept_suspend"] & 1:
            raise bad(frame, "a message, but no intercept suspend", 48)
        self.apic(vp)
        self.synic(vp)
        if events["has_message"]:
            message_size(*self.of_vp(vp, "VP_MESSAGE"))

    def apic(self, vp: Vp) -> None:
        """3.21"""
        frame, values = self.of_vp(vp, "VP_APIC")
        for name, at in (("isr", 16), ("tmr", 48), ("irr", 80)):
            if values[name][0] & 0xFFFF:
                raise bad(frame, f"{name} has a vector below 16", at)
        if values["dfr"] & 0xFFFFFFF != 0xFFFFFFF:
            raise bad(frame, "bits 27:0 of dfr are ones", 8)

    def synic(self, vp: Vp) -> None:
        """3.22 to 3.25"""
        frame, values = self.of_vp(vp, "VP_SYNIC")
        for i, sint in enumerate(values["sint"]):
            if not sint & MASKED and sint & 0xFF < VECTORS_FROM:
                raise bad(frame, f"sint {i} has vector {sint & 0xFF}",
                          24 + 8 * i)
        for i in range(TIMER_COUNT):
            self.timer(frame, values, f"timer{i}.")
        if values["queued"] > QUEUE_MAX:
            raise bad(frame, f"{values['queued']} messages are queued", 284)
        for bit, name in enumerate(("VP_SIM", "VP_SIEF")):
            if values["flags"] >> bit & 1:
                self.of_vp(vp, name)
        if values["queued"]:
            self.queue(vp, values["queued"])

    def timer(self, frame: Frame, values: dict[str, Any], name: str) -> None:
        """3.22, the form of a timer."""
        config, count, due, expired = (values[name + part] for part in (
            "config", "count", "due", "expired"))
        at = BY_NAME["VP_SYNIC"].field(name + "config").offset
        enabled, direct = config & 1, config >> 12 & 1
        if direct and config >> 4 & 0xFF < VECTORS_FROM:
            raise bad(frame, f"{name}config has vector "
                      f"{config >> 4 & 0xFF}", at)
        if (enabled or expired) and not direct and not config >> 16 & 15:
            raise bad(frame, f"{name}config has no SINT", at)
        if bool(due) != bool(enabled and count):
            raise bad(frame, f"{name}due is {due:#x} where the timer is "
                      + ("" if enabled and count else "not ") + "armed",
                      at + 16)

    def queue(self, vp: Vp, count: int) -> None:
        """3.25"""
        frame, payload = self.take("VP_QUEUE")
        if frame.length != count * QUEUE_ENTRY.least:
            raise frame.problem(Verdict.CORRUPT, "its length does not go "
                                "with VP_SYNIC.queued", 4)
        noted = vp.values["VP_QUEUE"] = {}
        for at, entry in split(QUEUE_ENTRY, payload):
            values = checked(frame, QUEUE_ENTRY, entry, at)
            if not values["type"] or values["type"] >> 31:
                raise bad(frame, f"type {values['type']:#x}", at)
            if not 1 <= values["sint"] <= 15:
                raise bad(frame, f"sint {values['sint']}", at + 6)
            message_size(frame, values, at)
            noted.update({f"message{at // QUEUE_ENTRY.least}.{name}": value
                          for name, value in values.items()})


def message_size(frame: Frame, values: dict[str, Any], at: int = 0) -> None:
    """Refuse a message whose payload has no room."""
    if values["payload_size"] > MESSAGE_MAX:
        raise bad(frame, f"payload size {values['payload_size']}", at + 4)


def broken_rule(vp: Vp, rule: Rule) -> Problem:
    """The problem, in the place of the register."""
    frame = vp.frames[rule.chunk]
    if rule.chunk == "VP_MSRS":
        at = 16 * list(vp.msrs).index(MSR_NAMES[rule.field])
    else:
        at = BY_NAME[rule.chunk].field(rule.field).offset
    return bad(frame, f"section 5: {rule.text}, and here it is not so", at)
