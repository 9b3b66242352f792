"""Scripted boots: a list of shell commands run once, and what came of each.

A plan is turned into a startup.nsh that announces every command and its exit
status on the console, so that the transcript can be cut into one section a
command.  The boot ends with power-off, or with what kept it from that.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from disk import Disk
from emulator import (NOT_NESTED, Hardware, Processor, choose_processor, qemu_binary,
                      version_of)
from machine import Machine, MachineError, MachineTimeout

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
STOPPED = "STASIS STOPPED"              # heads the hypervisor's crash report
RESET = "STASIS RESET"                  # the root has reset the machine
QEMUS_END = f"{RESET}: the root partition, by a triple fault"
REPORT_SECONDS = 5                      # silence that ends a crash report

STEP = re.compile(r"^=== step (\S+)$")
STATUS = re.compile(r"^=== status (\S+)$")
COUNTS = re.compile(r"^COUNTS (\S+)$") # tests/guest/lib/counts.h


@dataclass(frozen=True)
class Step:
    """One shell command and the name of its section in the transcript."""

    name: str
    command: str


@dataclass(frozen=True)
class Plan:
    """One boot: what is on the disk, what the shell runs, on which machine."""

    name: str
    steps: tuple[Step, ...]
    files: tuple[tuple[str, Path | bytes], ...] = field(
        default=(), repr=False)
    processor: Processor = field(default_factory=choose_processor)
    cpus: int = 1
    memory_mib: int = 512
    board: str = "pc"                   # QEMU's: pc or q35
    hosts_clock: bool = False           # its time is not made of instructions
    cpu_flags: str = ""                 # QEMU's, behind the model
    seconds: float = 15                 # of a host's processor, about: for the order
    timeout: float = 900                # even of one that goes on
    silence: float = 120
    power_off: bool = True              # else the shell stays at its prompt
    typing: tuple[tuple[str, str], ...] = ()    # (when this shows, type that)

    @property
    def key(self) -> tuple[str, str]:
        """What tells this boot from all others of a session."""
        return self.name, str(self.processor)

    def run(self, work: Path) -> Result:
        """Make the boot: once more where it was QEMU that ended it."""
        result = run_plan(self, work)
        if not may_be_qemus(result) or version_of(qemu_binary()) != "7.2":
            return result
        warnings.warn(f"{self.name} on {self.processor} ended by a defect of QEMU 7.2 "
                      "(docs/svm.md), and was run again", stacklevel=2)
        return run_plan(self, work / "again")

    def script(self) -> bytes:
        """The startup.nsh."""
        lines = ["echo -off", "fs0:"]
        for step in self.steps:
            lines += [f"echo === step {step.name}", step.command,
                      "echo === status %lasterror%"]
        lines += ["echo === step end"]
        if self.power_off:
            lines += ["reset -s"]
        return "".join(line + "\r\n" for line in lines).encode("ascii")


@dataclass
class Transcript:
    """The console's text cut into sections, whole or while it grows."""

    sections: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    current: str = ""
    counts_due: list[str] = field(default_factory=list)  # asked for by a guest
    _line: str = ""                     # the unfinished line
    _shown: int = 0                     # how much of it was shown

    def feed(self, text: str) -> str:
        """Take in more text; the part of it that a person should see."""
        shown = ""
        for char in text:
            self._line += char
            if char == "\n":
                shown += self._end_line()
        return shown + self._show_unfinished()

    def _end_line(self) -> str:
        line, self._line = self._line, ""
        text = line.rstrip()
        if found := STEP.match(text):
            self.current = found[1]
            self.sections[self.current] = ""
            self._shown = 0
            return ""
        if found := STATUS.match(text):
            self.statuses[self.current] = int(found[1], 0)
            return ""
        if found := COUNTS.match(text):
            self.counts_due.append(found[1])
        return self._take(line)

    def _take(self, line: str) -> str:
        """A line's text belongs to its section; show what was not yet."""
        if not self.current:
            return ""
        self.sections[self.current] += line
        shown, self._shown = line[self._shown:], 0
        return shown

    def _show_unfinished(self) -> str:
        """Digits must appear one by one, but a marker never."""
        if not self.current or self._line[:3] == "==="[:len(self._line)]:
            return ""
        fresh = self._line[self._shown:]
        self._shown = len(self._line)
        return fresh


@dataclass
class Result:
    """What a boot left behind."""

    plan: Plan
    disk: Disk
    work: Path
    text: str = ""
    transcript: Transcript = field(default_factory=Transcript)
    problem: str = ""                   # why it did not end with power-off
    crashed: bool = False               # the hypervisor stopped itself
    seconds: float = 0.0
    # What KVM had counted when a guest said COUNTS name, and in the end ("").
    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    def section(self, name: str) -> str:
        """What one step printed; an AssertionError when it never began."""
        assert name in self.transcript.sections, (
            f"step {name} was not reached: {self.problem or 'no reason'}")
        return self.transcript.sections[name]

    def finished(self, name: str) -> bool:
        """Whether the step came to its end."""
        return name in self.transcript.statuses


Watcher = Callable[[Machine, Transcript, str], None]


def ignore(_machine: Machine, _transcript: Transcript, _shown: str) -> None:
    """The watcher of a boot that nobody watches."""


class Verdicts:
    """Shows what a boot's programs say of themselves, as it comes."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._line = ""

    def watch(self, _machine: Machine, _transcript: Transcript,
              shown: str) -> None:
        """See Watcher."""
        *whole, self._line = (self._line + shown).split("\n")
        for line in whole:
            if re.match(f"TEST |DONE |{STOPPED}", line):
                print(f"{self._name}: {line.rstrip()}", file=sys.stderr,
                      flush=True)


def default_watcher(plan: Plan) -> Watcher:
    """$STASIS_WATCH shows verdicts at once: some boots take long."""
    watching = os.environ.get("STASIS_WATCH")
    return Verdicts(plan.name).watch if watching else ignore


def may_be_qemus(result: Result) -> bool:
    """Whether a boot ended as QEMU 7.2 at times ends one of several processors. Nothing that is
    seen from outside tells this from a fault of ours: one that comes twice is held to be that."""
    return (result.plan.processor.emulator == "svm" and result.plan.cpus > 1
            and QEMUS_END in result.text)


def run_plan(plan: Plan, work: Path, disk: Disk | None = None,
             watch: Watcher | None = None) -> Result:
    """Boot, run all steps, power off.

    watch is called with every piece of text that a person should see; it may
    type, and may raise MachineError to end the boot.
    """
    work.mkdir(parents=True, exist_ok=True)
    files = dict(plan.files) | {"startup.nsh": plan.script()}
    if disk is None:
        disk = Disk.create(work / "disk.img", files)
    else:
        for name, content in files.items():
            disk.write(name, content)
    result = Result(plan, disk, work)
    machine = Machine(disk, work, Hardware(
        plan.processor, plan.memory_mib, plan.cpus, plan.board,
        plan.cpu_flags + (NOT_NESTED if plan.processor.nested else ""),
        hosts_clock=plan.hosts_clock))
    try:
        with machine:
            follow(machine, result, watch or default_watcher(plan))
    except MachineError as error:
        result.problem = str(error)
    result.text = machine.text
    result.seconds = machine.seconds
    (work / "console.txt").write_text(machine.text)
    return result


def follow(machine: Machine, result: Result, watch: Watcher) -> None:
    """Read to the end of the boot, or to the end of a crash report."""
    plan = result.plan
    typing = list(plan.typing)
    for piece in machine.stream(plan.timeout, plan.silence):
        take(machine, result, piece, watch)
        answer_counts(machine, result)
        if typing and typing[0][0] in machine.text:
            machine.send(typing.pop(0)[1])
        fresh = machine.text[-len(piece) - len(STOPPED):]
        if STOPPED in fresh:
            result.crashed = True
            finish_report(machine, result, watch)
        if RESET in fresh:
            read_report(machine, result, watch)
            raise MachineError("the root partition reset the machine")
    result.counts[""] = machine.counts()
    if "end" not in result.transcript.sections:
        raise MachineError("the machine went off before the script's end")


def answer_counts(machine: Machine, result: Result) -> None:
    """A guest that asked for KVM's counts waits for a key meanwhile."""
    due = result.transcript.counts_due
    while due:
        result.counts[due.pop(0)] = machine.counts()
        machine.send("\r")


def take(machine: Machine, result: Result, piece: str,
         watch: Watcher) -> None:
    """Pass text on line by line: the watcher misses no step or status."""
    for line in piece.splitlines(keepends=True):
        shown = result.transcript.feed(line)
        watch(machine, result.transcript, shown)


def read_report(machine: Machine, result: Result, watch: Watcher) -> None:
    """Nothing but the rest of a report comes now."""
    try:
        for piece in machine.stream(60, REPORT_SECONDS):
            take(machine, result, piece, watch)
    except MachineTimeout:
        pass


def finish_report(machine: Machine, result: Result, watch: Watcher) -> None:
    """The rest of the crash report; then the machine is dead."""
    read_report(machine, result, watch)
    raise MachineError("the hypervisor stopped itself; its report is above")
