"""What is seen of a stop, and after it: the screen, the reset, the log.

A session is one emulator in which the firmware boots several times, typed to
at the shell's prompt.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import screen
from boots import BUILD, RESET, STOPPED
from disk import Disk
from emulator import BOCHS, Hardware
from machine import Machine, MachineError, last_lines

PROGRAMS = {"stasis.efi": BUILD / "stasis.efi",
            "planted.efi": BUILD / "test/stasis.efi",
            "gop.efi": BUILD / "guest/gop.efi",
            "reset.efi": BUILD / "guest/reset.efi"}

# The ways of tests/guest/root/reset.c by their numbers, and what Stasis says.
# Port 64H, the firmware's warm reset by it, and INIT are for other machines:
# Bochs resets the processor alone, and OVMF does not come up on devices that
# were left as they are.
HYPERCALL = 0
NATIVE = {"cf9": 1, "efi-cold": 3}
CAUGHT = {"triple-fault": (5, "a triple fault")}
WAYS = NATIVE | {name: way for name, (way, _said) in CAUGHT.items()}

SCREEN_LETTERS, SCREEN_LINES = 30, 43   # of gop.c's 180 by 480

BOOT_SECONDS = 240                      # hosts are busy at times
STEP_SECONDS = 90
WAIT_SECONDS = 30                       # from the report to the reset


@dataclass
class Session:
    """A machine at its prompt, and what was seen of it."""

    machine: Machine
    seen: dict[str, str] = field(default_factory=dict)

    def boot(self, start: int = 0) -> None:
        """Wait for the shell, and go to the disk."""
        self.machine.wait_for("UEFI Interactive Shell", BOOT_SECONDS, start)
        self.machine.wait_for(r"Shell> ", BOOT_SECONDS, start)
        self.run("fs0:")

    def run(self, command: str) -> str:
        """What a command says, up to the next prompt."""
        start = self.type(command)
        self.machine.wait_for(r"FS0:\\> ", STEP_SECONDS, start)
        return self.machine.text[start:]

    def type(self, command: str) -> int:
        """Only type it; where the text goes on from there."""
        start = len(self.machine.text)
        self.machine.send(command + "\r")
        return start

    def reset(self, way: int) -> int:
        """Begin a reset: no prompt follows, but another boot."""
        return self.type(f"reset.efi way={way}")


@dataclass(frozen=True)
class Job:
    """A session that the runner starts: see conftest.py."""

    name: str
    act: Callable[[Session], None] = field(compare=False)

    @property
    def key(self) -> tuple[str, ...]:
        """What tells this session from all others."""
        return (self.name,)

    def run(self, work: Path) -> Seen:
        """All of the session, or as far as it came."""
        work.mkdir(parents=True, exist_ok=True)
        disk = Disk.create(work / "disk.img", PROGRAMS)
        machine = Machine(disk, work, Hardware(BOCHS))
        session = Session(machine)
        problem = ""
        try:
            with machine:
                self.act(session)
        except MachineError as error:
            problem = f"{error}\n{last_lines(machine.text)}"
        return Seen(session.seen, problem, machine.text)


@dataclass(frozen=True)
class Seen:
    """What a session has left."""

    parts: dict[str, str]
    problem: str
    text: str

    def part(self, name: str) -> str:
        """One thing that was seen; an AssertionError if it never was."""
        assert name in self.parts, self.problem or f"no {name}"
        return self.parts[name]


def stop_and_log(session: Session) -> None:
    """A planted CHECK; a look at the screen; the log of the next boot."""
    session.boot()
    session.seen["gop"] = session.run("gop.efi")
    session.seen["log before"] = session.run("stasis.efi log")
    session.seen["load"] = session.run(
        f"planted.efi fault=check reset={WAIT_SECONDS}")
    start = session.reset(HYPERCALL)
    session.machine.wait_for(f"{STOPPED}: end of report\n", STEP_SECONDS, start)
    session.seen["report"] = session.machine.text[start:]
    time.sleep(2)                       # emulators show the screen now and then
    picture = screen.look(session.machine.work)
    session.seen["screen"] = "".join(f"{line}\n" for line in picture.text())
    session.boot(start)
    session.seen["log"] = session.run("stasis.efi log")


def reset_every_way(session: Session) -> None:
    """Each way to reset from the root, one after the other."""
    session.boot()
    for name, way in WAYS.items():
        session.seen[f"load {name}"] = session.run("stasis.efi")
        start = session.reset(way)
        session.boot(start)
        session.seen[name] = session.machine.text[start:]
        session.seen[f"log {name}"] = session.run("stasis.efi log")


CHECK = Job("stop-check", stop_and_log)
RESETS = Job("resets", reset_every_way)


def report_lines(text: str) -> list[str]:
    """The lines of a report, from its head to its end."""
    lines = [line.rstrip() for line in text.splitlines()]
    heads = [at for at, line in enumerate(lines) if line.startswith(STOPPED)]
    assert len(heads) == 2, text
    return lines[heads[0]:heads[1] + 1]


@pytest.mark.parametrize("job", [CHECK], ids=["check"])
class TestStop:
    """A CHECK that fails, looked at from all sides."""

    def test_comes_to_its_end(self, outcome: Seen):
        assert not outcome.problem, outcome.problem

    def test_no_report_before(self, outcome: Seen):
        assert "no report of an earlier run" in outcome.part("log before")

    def test_report_says_what_and_when(self, outcome: Seen):
        report = report_lines(outcome.part("report"))
        assert report[0] == (
            f"{STOPPED}: CHECK(fault != PLANTED_CHECK) failed")
        assert f"the machine is reset in {WAIT_SECONDS} seconds" in report

    def test_screen_shows_the_report(self, outcome: Seen):
        assert "SCREEN 180 by 480" in outcome.part("gop")
        shown = outcome.part("screen").splitlines()
        report = [line[at:at + SCREEN_LETTERS].rstrip()
                  for line in report_lines(outcome.part("report"))
                  for at in range(0, len(line), SCREEN_LETTERS)]
        # It does not scroll: what comes first is what stays. Below it nothing
        # is left of what was on the screen before.
        assert len(shown) == SCREEN_LINES
        seen = report[:SCREEN_LINES]
        assert shown == seen + [""] * (SCREEN_LINES - len(seen))

    def test_log_of_the_next_boot_has_the_report(self, outcome: Seen):
        log = outcome.part("log")
        assert report_lines(log) == report_lines(outcome.part("report"))
        assert re.search(r"started 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d, its report",
                         log)
        # What was in the hypervisor's own log before it stopped.
        assert re.search(r"^stasis \d+\.\d+: \d+ MiB reserved at", log, re.M)


@pytest.mark.parametrize("job", [RESETS], ids=["resets"])
class TestResets:
    """The root resets: the firmware boots again, and Stasis is gone."""

    @pytest.mark.parametrize("way", WAYS)
    def test_machine_boots_again(self, outcome: Seen, way: str):
        assert "stasis: running" in outcome.part(f"load {way}")
        assert "nothing happened" not in outcome.part(way)

    @pytest.mark.parametrize("way", NATIVE)
    def test_a_reset_of_its_own_leaves_no_report(self, outcome: Seen,
                                                 way: str):
        assert RESET not in outcome.part(way)
        assert "it left no report" in outcome.part(f"log {way}")

    @pytest.mark.parametrize("way", CAUGHT)
    def test_what_ends_the_processor_is_told(self, outcome: Seen, way: str):
        told = f"{RESET}: the root partition, by {CAUGHT[way][1]}"
        assert told in outcome.part(way)
        assert told in outcome.part(f"log {way}")


# --- without a machine ------------------------------------------------------

def draw(text: list[str], scale: int) -> screen.Picture:
    """What Stasis would draw, by the same font."""
    letters = {letter: cell for cell, letter in screen.font_letters().items()}
    width = 60 * screen.CELL_COLUMNS * scale
    height = (len(text) + 1) * screen.CELL_ROWS * scale
    rows = [[False] * width for _ in range(height)]
    for y, row in enumerate(rows):
        line, inside = divmod(y // scale, screen.CELL_ROWS)
        for x in range(width):
            column, bit = divmod(x // scale, screen.CELL_COLUMNS)
            if (line < len(text) and column < len(text[line])
                    and bit < screen.COLUMNS):
                cell = letters[text[line][column]]
                row[x] = bool(cell[inside] >> (screen.COLUMNS - 1 - bit) & 1)
    return screen.Picture(width, height, rows)


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_reader_knows_every_letter(scale: int):
    letters = [chr(code) for code in range(32, 127)]
    assert len(screen.font_letters()) == len(letters)
    text = ["".join(letters[at:at + 48]).rstrip() for at in (0, 48)]
    assert draw(text, scale).text()[:2] == text
