#!/usr/bin/python3
"""A scenario of random numbers for as long as one likes.

The tests of every day run it too, for a short while and with the same seeds each
time; here each model and seed is a boot of its own.

    long.py storm 20000 1 2 3       rounds, seeds
    long.py wild 50000 1 2 3        exits, seeds
    long.py attack 50000 1 2 3      hypercalls, seeds

STASIS_CPUS=2 gives each boot two processors, which attack at once.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from boots import BUILD, Plan, Result, Step
from emulator import SVM_ICOUNT, Processor
from machine import at_once, last_lines
from scenarios import Place, command, cpus_of, judge_scenario, processors

SHARE = re.compile(r"^WILD share least (\d+) of 1000", re.M)
EXITS = re.compile(r"^WILD seed \d+ exits (\d+)", re.M)


@dataclass(frozen=True)
class Long:
    """A scenario that takes a seed, and how long it goes on."""

    name: str
    argument: str                       # its name for how long
    seconds: float                      # for one of these
    said: str                           # lines to be shown, a pattern
    stasis: str = "stasis.efi"
    icount: str = ""                    # $ICOUNT, if nobody says it (emulator.py)

    def plan(self, processor: Processor, count: int, seed: int) -> Plan:
        """One boot."""
        program = f"{self.name}.efi"
        # What the emulator cannot do is left out here too.
        words = [word for word in command(self.name, processor).split()
                 if word.partition("=")[0] not in (self.argument, "seed")]
        line = " ".join([*words, f"{self.argument}={count}", f"seed={seed}"])
        cpus = cpus_of(Place(self.name))
        return Plan(self.name, (
            Step("load", "stasis.efi"), Step(self.name, line)),
            (("stasis.efi", BUILD / self.stasis),
             (program, BUILD / "guest" / program)),
            processor=processor, cpus=cpus,
            # QEMU 7.2 starves the second one with a clock made of instructions.
            hosts_clock=cpus > 1,
            timeout=900 + 4 * count * self.seconds)

    def lines(self, said: str) -> list[str]:
        """Of what it said, the lines to be shown."""
        return re.findall(rf"^(?:{self.said}) ?.*$", said, re.M)

    def judge(self, result: Result) -> list[str]:
        """What is wrong with a boot; nothing if all is well."""
        if not result.finished(self.name):
            return [result.problem + "\n" + last_lines(result.text, 20)]
        return judge_scenario(self.name, result.section(self.name),
                              result.plan.processor)


ALL = {one.name: one for one in (
    Long("storm", "rounds", 0.1, r"STORM|LOG .*entry failed|TEST",
         icount=SVM_ICOUNT),
    # Children whose instructions all fault, at which that clock of QEMU's stands still.
    Long("wild", "exits", 0.05, r"WILD|TEST", "test/stasis.efi"),
    Long("attack", "calls", 0.05, r"ATTACK(?! era)|TEST|STASIS STOPPED", "test/stasis.efi"),
)}


@dataclass(frozen=True)
class Outcome:
    """What came of a boot."""

    wrong: list[str]                    # nothing if all is well
    exits: int                          # that were counted
    share: int | None                   # the root's least, of a thousand


def outcome(what: Long, result: Result) -> Outcome:
    """What a boot has said."""
    said = result.transcript.sections.get(what.name, "")
    share = SHARE.search(said)
    return Outcome(what.judge(result), sum(map(int, EXITS.findall(said))),
                   int(share[1]) if share else None)


def run(what: Long, processor: Processor, count: int, seed: int,
        work: Path) -> Outcome:
    """Run one boot and say what came of it, in one piece."""
    result = what.plan(processor, count, seed).run(work)
    said = result.transcript.sections.get(what.name, "")
    came = outcome(what, result)
    print("\n".join([
        f"=== {processor}, {what.argument} {count}, seed {seed}",
        *(line.rstrip() for line in what.lines(said)),
        *(f"FAILED: {line}" for line in came.wrong),
        f"took {result.seconds:.0f} s"]), flush=True)
    return came


def summary(outcomes: list[Outcome], seconds: float) -> str:
    """All boots together."""
    line = (f"{sum(not one.wrong for one in outcomes)} of {len(outcomes)} boots "
            f"passed in {seconds:.0f} s")
    shares = [one.share for one in outcomes if one.share is not None]
    if shares:
        line += (f"; {sum(one.exits for one in outcomes)} exits, the root's "
                 f"least share {min(shares) / 1000:.3f}")
    return line


def main() -> int:
    """All models, all seeds; the exit code says whether all went well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", choices=sorted(ALL))
    parser.add_argument("count", type=int, help="rounds or exits in a boot")
    parser.add_argument("seeds", type=int, nargs="+")
    args = parser.parse_args()
    what = ALL[args.scenario]
    os.environ.setdefault("ICOUNT", what.icount)
    work = Path(tempfile.mkdtemp(prefix=f"stasis-{what.name}-"))
    begin = time.monotonic()
    with ThreadPoolExecutor(at_once()) as pool:
        outcomes = list(pool.map(
            lambda job: run(what, job[0], args.count, job[1],
                            work / f"{job[0]}-{job[1]}"),
            [(processor, seed) for processor in processors()
             for seed in args.seeds]))
    good = all(not one.wrong for one in outcomes)
    if good and not os.environ.get("KEEP"):
        shutil.rmtree(work, ignore_errors=True)
    else:
        print(f"kept: {work}")
    print(summary(outcomes, time.monotonic() - begin))
    print(f"{'passed' if good else 'FAILED'} "
          f"{time.strftime('%H:%M:%S')}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
