"""What hypercalls cost, as guest programs and the hypervisor's log say.

A guest prints `COST name ticks` for what it measured from outside, and, at the
end of each scenario, the log's `LOG hypercall code: at most n ticks`: the
dearest turn of that call since launch, from VM exit to VM entry.  A tick is one of the
time-stamp counter; some emulators count instructions by that.

The scenario `tally` prints `TALLY name figure, goal bound`: exits to a
hypervisor below, or flushes; `below` prints `BELOW name turns n exits n`, and
asks for KVM's counts before and after.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from boots import BUILD, ROOT, Result
from emulator import Processor, icount

LIMIT = 60_000                          # instructions, of any call
NO_NRIP = 60                            # more, in QEMU's SVM: docs/svm.md, "What a call costs"
SLACK = 0.1                             # of exits: KVM's own business
SLACK_ALWAYS = 20
WORST_FILE = BUILD / "cost.json"        # of the last run of the tests

WORST = re.compile(r"^LOG hypercall ([0-9a-f]+): at most (\d+) ticks\s*$",
                   re.M)
COST = re.compile(r"^COST (\S+) (\d+)\s*$", re.M)
TALLY = re.compile(r"^TALLY (\S+) (\d+), goal (\d+)\s*$", re.M)
BELOW = re.compile(r"^BELOW (\S+) turns (\d+) exits (\d+)\s*$", re.M)
CODE = re.compile(r"^\s*HVCALL_(\w+) = 0x([0-9a-f]+),", re.M)


@dataclass(frozen=True)
class Worst:
    """The dearest turn of one call."""

    code: int
    ticks: int                          # instructions, where they are counted
    model: str
    scenario: str                       # that ended first after it


@dataclass(frozen=True)
class Tally:
    """What one thing costs under another hypervisor, and may cost."""

    name: str
    figure: int
    goal: int


@dataclass(frozen=True)
class Below:
    """What our counters had of something that KVM counted too."""

    name: str
    turns: int                          # from a VM exit to the next entry
    exits: int

    def compare(self, counts: dict[str, dict[str, int]]) -> list[str]:
        """What KVM counted otherwise, given Result.counts."""
        before, after = counts[f"{self.name}-before"], counts[f"{self.name}-after"]
        theirs = {name: after[name] - before[name] for name in before}
        # Of a port: the wait for a key. Each turn began with a guest's exit.
        exits = theirs["exits"] - theirs["io_exits"] - self.turns
        # A tick that waits makes KVM come back at once after each entry.
        most = self.exits * (1 + SLACK) + self.turns + SLACK_ALWAYS
        wrong = []
        # It does not count an entry of a root that halts.
        if theirs["nested_run"] > self.turns + SLACK_ALWAYS:
            wrong.append(f"{self.name}: {theirs['nested_run']} nested entries, "
                         f"we counted {self.turns}")
        if not self.exits <= exits <= most:
            wrong.append(f"{self.name}: KVM counted {exits} exits, we "
                         f"{self.exits}")
        return wrong


def instruction_ticks(processor: Processor) -> int:
    """Ticks of an instruction where the counter counts what is executed, else 0."""
    if processor.emulator == "bochs":
        return 1
    # Of the TSC, which has 1 GHz there (see clock in emulator.py).
    shift = icount() if processor.emulator == "svm" else ""
    return 1 << int(shift) if shift else 0


def call_names() -> dict[int, str]:
    """Names of the calls by code, from the contract; 0: any other code."""
    header = (ROOT / "include/tlfs.h").read_text()
    names = {int(code, 16): name.lower().replace("_", " ")
             for name, code in CODE.findall(header)}
    return {0: "a code that is no call", **names}


def read_costs(section: str) -> dict[str, int]:
    """The COST lines of a scenario's output."""
    return {name: int(ticks) for name, ticks in COST.findall(section)}


def read_tally(section: str) -> list[Tally]:
    """The TALLY lines of a scenario's output."""
    return [Tally(name, int(figure), int(goal))
            for name, figure, goal in TALLY.findall(section)]


def read_below(section: str) -> list[Below]:
    """The BELOW lines of a scenario's output."""
    return [Below(name, int(turns), int(exits))
            for name, turns, exits in BELOW.findall(section)]


def read_worst(result: Result) -> dict[int, Worst]:
    """The dearest turn of each call in a boot."""
    unit = instruction_ticks(result.plan.processor) or 1
    found: dict[int, Worst] = {}
    for scenario, section in result.transcript.sections.items():
        for code, ticks in WORST.findall(section):
            keep_worse(found, Worst(int(code, 16), int(ticks) // unit,
                                    str(result.plan.processor), scenario))
    return found


def keep_worse(found: dict[int, Worst], one: Worst) -> None:
    """Put it in unless there is one as dear."""
    if one.code not in found or one.ticks > found[one.code].ticks:
        found[one.code] = one
