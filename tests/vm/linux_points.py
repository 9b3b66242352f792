"""A Linux that is saved and restored at random points of its life.

linux_points.py [POINTS [SEED]] goes through as many as are asked for, several in each
life: from the kernel's first instruction to the end of the stress. At each the child is
saved in one of three ways, and goes on: in a new child of this machine, in another
machine, or in the same child, with its memory left in place and the state alone in the
stream. In the end all checksums have to be right, the kernel may complain of nothing
that it does not complain of on bare QEMU, and no character of the console may be
missing.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from boots import Result, Step, run_plan
from demo import DemoError, MachineError, judge_boot
from disk import DiskError
from emulator import Processor, choose_processor
from linux_bare import BareJob
from linux_child import ABSENT, STATE, Child, plan, printed
from linux_said import Said, parse, problems
from packages import PackageError

FIRST_ID = 2                            # of a machine's children; the root is 1
IN_A_LIFE = 10
POINTS = 200
WAYS = ("again", "away", "state")


@dataclass(frozen=True)
class Point:
    """Where a child is stopped, and how it goes on."""

    ms: int                             # that it has run since the last one
    way: str


@dataclass
class Machines:
    """The commands of one life, a list for each machine."""

    child: Child
    plans: list[list[Step]] = field(default_factory=list)
    runs: int = 0
    ident: int = FIRST_ID

    def life(self, points: list[Point]) -> list[list[Step]]:
        """From creation through all points to power-off."""
        self.plans = [[self.child.create()]]
        for point in points:
            self._run(f" ms={point.ms}")
            self._move(point.way)
        self._run("")
        return self.plans

    def _add(self, name: str, command: str) -> None:
        self.plans[-1].append(Step(f"{name}{self.runs}", f"hvctl {command}"))

    def _run(self, limit: str) -> None:
        self._add("run", f"run {self.ident}{limit} log=run{self.runs}.log quiet")

    def _move(self, way: str) -> None:
        """Save and restore; the next run has the next number."""
        alone = " state" if way == "state" else ""
        self._add("save", f"save {self.ident} {STATE}{alone}")
        if way == "state":
            self._add("restore", f"restore {STATE} into={self.ident}")
        else:
            self._add("delete", f"delete {self.ident}")
            if way == "away":
                self.plans.append([])
                self.ident = FIRST_ID
            else:
                self.ident += 1
            self._add("restore", f"restore {STATE}")
        self.runs += 1


@dataclass(frozen=True)
class LifeJob:
    """One life of a child, in as many machines as its points want."""

    name: str
    points: tuple[Point, ...]
    child: Child = Child(words="stasis=stress")
    processor: Processor = field(default_factory=choose_processor)
    seconds: float = 75                 # of the host's processor, about

    @property
    def key(self) -> tuple[str, ...]:
        """What tells this one from all others."""
        return ("linux-life", self.name, self.child.kernel,
                str(self.child.vps), str(self.processor))

    def run(self, work: Path) -> Said:
        """Live it; DemoError if a command failed."""
        work.mkdir(parents=True, exist_ok=True)
        disk = self.child.disk(work / "disk.img")
        text = ""
        for number, steps in enumerate(Machines(self.child).life(
                list(self.points))):
            one = plan(f"machine{number}", *steps)
            result = run_plan(replace(one, processor=self.processor),
                              work / one.name, disk)
            judge_commands(result)
            text += "".join(printed(result, step.name) for step in steps
                            if step.name.startswith("run"))
        (work / "console.txt").write_text(text)
        return parse(text)


def judge_commands(result: Result) -> None:
    """DemoError unless the machine came to its end and each command was good."""
    judge_boot(result)
    for step in result.plan.steps:
        if result.transcript.statuses.get(step.name) != 0:
            raise DemoError(f"{result.plan.name}: '{step.command}':\n"
                            + result.section(step.name)[-600:])


def uptime_ms(said: Said) -> int:
    """When the kernel switched itself off."""
    head = said.text.rpartition("] reboot: Power down")[0].rpartition("[")[2]
    return int(float(head) * 1000)


def choose(points: int, length_ms: int, chance: random.Random) -> tuple[Point, ...]:
    """Random points of a life, in their order, the way of each at random."""
    times = sorted(chance.randrange(length_ms) for _ in range(points))
    return tuple(Point(max(1, now - before), chance.choice(WAYS))
                 for before, now in zip([0, *times], times, strict=False))


def lives(points: int, seed: int, length_ms: int) -> Iterator[LifeJob]:
    """Enough of them for so many points."""
    for number in range(-(-points // IN_A_LIFE)):
        chance = random.Random(f"{seed} {number}")
        count = min(IN_A_LIFE, points - number * IN_A_LIFE)
        yield LifeJob(f"{seed}-{number}", choose(count, length_ms, chance))


def live(job: LifeJob, bare: set[str], work: Path) -> list[str]:
    """What is wrong with a life; its files are kept if anything is."""
    folder = work / "-".join(job.key)
    try:
        wrong = problems(job.run(folder), bare, job.child.vps)
    except (DemoError, MachineError, DiskError, AssertionError) as error:
        wrong = [str(error)]
    where = ", ".join(f"+{point.ms} ms {point.way}" for point in job.points)
    print(f"{job.name}: {where}: {'right' if not wrong else 'WRONG'}",
          flush=True)
    for line in wrong:
        print(f"    {line}", flush=True)
    if not wrong:
        shutil.rmtree(folder)
    return wrong


def main() -> int:
    """See the head of the file."""
    words = [int(word) for word in sys.argv[1:]]
    points, seed = (words + [POINTS, 1][len(words):])[:2]
    work = Path(tempfile.mkdtemp(prefix="stasis-linux-points-"))
    try:
        bare = BareJob(Child.kernel).run(work / "bare").complaints | ABSENT
        whole = LifeJob("whole", ()).run(work / "whole")
    except (DemoError, MachineError, DiskError, PackageError,
            AssertionError) as error:
        print(f"FAILED: without a point: {error}", file=sys.stderr)
        return 1
    wrong = problems(whole, bare)
    print("without a point:", ", ".join(wrong) or
          f"right, {uptime_ms(whole)} ms", flush=True)
    for job in lives(points, seed, uptime_ms(whole)):
        wrong += live(job, bare, work)
    if wrong:
        print(f"FAILED; kept: {work}")
        return 1
    shutil.rmtree(work)
    print(f"{points} points, all right")
    return 0


if __name__ == "__main__":
    sys.exit(main())
