"""Runs the benchmarks, shows one table with the goals, and writes it as JSON.

bench.py BUILD [MIB [ROUNDS]]: the programs and what is written are in BUILD.
IMAGE in the environment names a file that is one more memory.  What a figure
is, is said in bench_speed.py, bench_qemu.py and bench_machine.py.  The exit code is 0 unless something could not run: whether
the goals are reached is for people to read.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import bench_machine
import bench_speed
from bench_machine import NO_NRIP, SVM, MachineRunError
from bench_qemu import QEMU, QemuError

IN_MEMORY = Path("/dev/shm")
# Instructions besides copy and CRC.
OWN_MAX = {"save-full": 1_500, "restore-full": 1_700}
NULL_MAX = 500                          # of a null call
CALL_MAX = 60_000                       # instructions of any call
AT_ONCE_MAX = {"save": 1.2, "null-calls": None}    # of the time of one alone
STREAM_MAX = 1.005                      # of the bytes that must be carried
BARE_MIN = 0.9                          # of the bare loop's speed
TROUBLE = (OSError, subprocess.CalledProcessError, QemuError, MachineRunError)


@dataclass
class Goal:
    """A figure beside its bound, if it has one."""

    what: str
    figure: float
    bound: float | None
    at_least: bool

    def holds(self) -> bool:
        """Whether the figure is on the right side."""
        if self.bound is None:
            return True
        return (self.figure >= self.bound if self.at_least
                else self.figure <= self.bound)

    def line(self) -> str:
        """For the table."""
        if self.bound is None:
            return f"  {self.what:44}{self.figure:11.3f}"
        side = "at least" if self.at_least else "at most"
        digits = 3 if isinstance(self.bound, float) else 0
        return (f"  {self.what:44}{self.figure:11,.{digits}f}   goal {side} "
                f"{self.bound:,.{digits}f}"
                f"{'' if self.holds() else '   NOT REACHED'}")


def speed_goals(speed: dict[str, Any]) -> list[Goal]:
    """Ratios of speeds, and the sizes of the streams."""
    rows = {(row["memory"], row["what"]): row for row in speed["rows"]}
    goals = []
    for memory in dict.fromkeys(memory for memory, _ in rows):
        for what in ("save", "restore", "dirty"):
            ours = rows[memory, what]
            for other, bound in ((f"{what} bare", BARE_MIN),
                                 (f"{what} limit", None),
                                 (f"QEMU {what}", 1.0)):
                theirs = rows.get((memory, other))
                if theirs:
                    goals.append(Goal(f"{memory}: {what} / {other}",
                                      bench_speed.ratio(ours, theirs), bound,
                                      True))
    return goals + [
        Goal(f"{row['memory']}: stream / non-zero memory and state",
             row["ratio"], STREAM_MAX, False) for row in speed["streams"]]


def machine_goals(machine: dict[str, Any]) -> list[Goal]:
    """Instructions, where the counter counts them."""
    figures, model = machine["figures"], machine["model"]
    own = [(f"{name.replace('-', ' ')} besides copy and CRC",
            figures[f"{name}-own"], bound) for name, bound in OWN_MAX.items()]
    own.append(("null call", figures["null"], NULL_MAX))
    goals = [Goal(f"{model}: {what}", figure, bound, False)
             for what, figure, bound in own]
    if model == SVM.model:
        goals += [Goal(f"{model}, without NRIP: {what}", figure,
                       bound + NO_NRIP, False) for what, figure, bound in own]
    goals.append(Goal(f"{model}: dearest call ({machine['worst']['call']})",
                      machine["worst"]["ticks"], CALL_MAX, False))
    return goals


def test_run_goals(tests: dict[str, Any] | None) -> list[Goal]:
    """The dearest call of the last run of the tests."""
    if not tests:
        return []
    return [Goal(f"in {tests['boots']} boots of the tests ({tests['call']})",
                 tests["ticks"], CALL_MAX, False)]


def exit_goals(exits: list[dict[str, Any]]) -> list[Goal]:
    """Exits to a hypervisor below, and flushes."""
    return [Goal(f"under a hypervisor: {one['name'].replace('-', ' ')}",
                 one["figure"], one["goal"], False) for one in exits]


def lock_goals(locks: dict[str, int]) -> list[Goal]:
    """What one processor waits for another: all of a null call is under the lock."""
    return [Goal(f"time of two processors at once, {name.replace('-', ' ')}",
                 locks[f"{name}-at-once"] / locks[f"{name}-alone"], bound, False)
            for name, bound in AT_ONCE_MAX.items()]


def show_speed(speed: dict[str, Any], mib: int) -> None:
    """Rows of memories and contenders."""
    print(f"{mib} MiB of guest memory, GiB a second of processor time: "
          "median (least to most)")
    for row in speed["rows"]:
        print(f"  {row['memory']:8}{row['what']:14}{row['gib_s']:8.2f}  "
              f"({row['min']:.2f} to {row['max']:.2f})")
    for row in speed["streams"]:
        print(f"  {row['memory']:8}stream{row['stream_bytes']:16,} bytes; "
              f"{row['zero'] / row['pages']:.1%} of the pages zero, "
              f"{row['word'] / row['pages']:.1%} another word")


def show_machine(machine: dict[str, Any]) -> None:
    """Instructions per call."""
    unit = "instructions" if machine["instructions"] else "TSC ticks"
    print(f"{unit} per call, {machine['model']}")
    for name, ticks in machine["figures"].items():
        print(f"  {name.replace('-', ' '):22}{ticks:11,}")


def show_goals(goals: list[Goal]) -> None:
    """Figures with their goals; those without a bound are only shown."""
    print("goals")
    for goal in goals:
        print(goal.line())


def attempt(name: str, part: Callable[[], Any]) -> Any:
    """A part's result; None, and a line, when it could not run."""
    print(f"measuring: {name}", file=sys.stderr, flush=True)
    try:
        return part()
    except TROUBLE as error:
        print(f"bench: {name}: {error}", file=sys.stderr)
        return None


def work_folder(mib: int, build: Path) -> tempfile.TemporaryDirectory[str]:
    """In memory if there is room for five memories and a stream."""
    room = IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free
    where = IN_MEMORY if room > (mib << 20) * 7 else build
    return tempfile.TemporaryDirectory(prefix="stasis-bench-", dir=where)


def main() -> int:
    """See the head of the file."""
    build = Path(sys.argv[1])
    mib = int(sys.argv[2]) if len(sys.argv) > 2 else 512
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 4
    with_qemu = shutil.which(QEMU) is not None
    if not with_qemu:
        print(f"bench: there is no {QEMU}", file=sys.stderr)
    with work_folder(mib, build) as work:
        speed = attempt("host and QEMU, about five minutes",
                        lambda: bench_speed.measure(
                            build / "bench", mib, rounds, Path(work),
                            with_qemu, os.environ.get("IMAGE")))
        machines = [attempt(
            f"machine, {processor}, about a minute",
            lambda at=processor: bench_machine.measure(
                at, Path(work) / f"vm-{at}"))
            for processor in bench_machine.BOTH]
        exits = attempt("exits below, about a minute",
                        lambda: bench_machine.measure_exits(
                            Path(work) / "tally"))
        locks = attempt("locks, about a minute",
                        lambda: bench_machine.measure_locks(Path(work) / "locks"))
    goals: list[Goal] = []
    if speed:
        show_speed(speed, mib)
        goals += speed_goals(speed)
    for machine in filter(None, machines):
        show_machine(machine)
        if machine["instructions"]:
            goals += machine_goals(machine)
    goals += test_run_goals(bench_machine.last_test_run())
    if exits:
        goals += exit_goals(exits)
    if locks:
        goals += lock_goals(locks)
    show_goals(goals)
    out = build / "bench.json"
    out.write_text(json.dumps({
        "mib": mib, "loops": bench_speed.LOOPS, "rounds": rounds,
        "load": os.getloadavg(), "speed": speed, "machines": machines,
        "exits": exits, "locks": locks,
        "goals": [asdict(goal) | {"holds": goal.holds()} for goal in goals
                  if goal.bound is not None]}, indent=1))
    print(f"written to {out}")
    return 0 if speed and all(machines) and exits and locks and with_qemu else 1


if __name__ == "__main__":
    sys.exit(main())
