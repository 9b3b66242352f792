"""What a Linux in a child costs: its exits, and its share of the processor.

linux_figures.py prints them as docs/linux.md has them. Each instruction of QEMU's takes
the same time here (emulator.clock), whoever executes it: what the child lacks of the
speed of the bare machine was somebody else's.
"""

from __future__ import annotations

import re
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import archive
import linux_parts
from boots import BUILD, Step, run_plan
from emulator import SVM, Processor
from linux_bare import BareJob
from linux_child import ID, Child, plan, printed
from linux_points import judge_commands
from linux_root import read_exits

SPINS = 100_000_000                     # what a program of two seconds is made of
READS = 1_000_000                       # of the clock
RATE = re.compile(r"LINUX rate (\w+)=(\d+) ns=(\d+) good=1\s")
EXITS = re.compile(r"LINUX exits (.*?)\s*$", re.M)
FROM_CHILD = 128                        # of a turn's number: tests/guest/lib/tally.h
REASONS = 128


@dataclass
class Figures:
    """What it said."""

    text: str
    ns: dict[str, int] = field(init=False)          # of the whole, by word
    counts: list[dict[int, int]] = field(init=False)

    def __post_init__(self) -> None:
        self.ns = {word: int(ns) for word, _count, ns in RATE.findall(self.text)}
        self.counts = [read_exits(line) for line in EXITS.findall(self.text)]

    def exits(self, part: int) -> dict[int, int]:
        """Of the child, by reason, while a part of the work was done."""
        before, after = self.counts[part:part + 2]
        found: dict[int, int] = {}
        for turn, count in after.items():
            if turn & FROM_CHILD and count > before.get(turn, 0):
                reason = turn % REASONS
                found[reason] = found.get(reason, 0) + count - before.get(turn, 0)
        return found


@dataclass(frozen=True)
class FiguresJob:
    """A child of the image for tests, which counts its exits: a job (conftest.py)."""

    processor: Processor = SVM
    child: Child = Child(words="stasis=counted")
    seconds: float = 60                 # of the host's processor, about

    @property
    def key(self) -> tuple[str, ...]:
        """What tells this one from all others."""
        return "linux-figures", self.child.kernel, str(self.processor)

    def run(self, work: Path) -> Figures:
        """The boot; DemoError if a command failed."""
        work.mkdir(parents=True, exist_ok=True)
        disk = self.child.disk(work / "disk.img")
        disk.write("stasis.efi", (BUILD / "test/stasis.efi").read_bytes())
        disk.write("initrd.gz", archive.packed(linux_parts.content() | {
            "bin/exits": linux_parts.program("exits")}))
        one = plan("figures", self.child.create(),
                   Step("run", f"hvctl run {ID} quiet log=run.log"))
        result = run_plan(replace(one, processor=self.processor),
                          work / one.name, disk)
        judge_commands(result)
        return Figures(printed(result, "run"))


BARE = BareJob(Child.kernel, task="rate")


def main() -> int:
    """See the head of the file."""
    with tempfile.TemporaryDirectory(prefix="stasis-linux-figures-") as work:
        bare = Figures(BARE.run(Path(work) / "bare").text)
        child = FiguresJob().run(Path(work) / "child")
    for part, (word, count) in enumerate((("clock", READS), ("spin", SPINS))):
        reasons = ", ".join(f"{count} of {reason:02X}H" for reason, count
                            in sorted(child.exits(part).items()))
        print(f"{word}: {count} in {child.ns[word] / 1e6:.1f} ms, bare "
              f"{bare.ns[word] / 1e6:.1f} ms; exits: {reasons}")
    print(f"share: {100 * bare.ns['spin'] / child.ns['spin']:.1f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
