#!/usr/bin/python3
"""The long storm: tests/guest/root/storm.c for as many rounds as one likes.

The tests of every day run it too, with fewer rounds and the same seeds each
time; here each model and seed is a boot of its own.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from boots import BUILD, Plan, Result, Step
from machine import last_lines
from scenarios import judge_scenario, models

SECONDS_A_ROUND = 0.1                   # on a busy host
SAID = re.compile(r"^(?:STORM|LOG .*entry failed|TEST) ?.*$", re.M)


def plan(model: str, rounds: int, seed: int) -> Plan:
    """One boot."""
    return Plan("storm", (
        Step("load", "stasis.efi"),
        Step("storm", f"storm.efi rounds={rounds} seed={seed}")),
        (("stasis.efi", BUILD / "stasis.efi"),
         ("storm.efi", BUILD / "guest/storm.efi")),
        model=model, timeout=300 + rounds * SECONDS_A_ROUND)


def judge(result: Result) -> list[str]:
    """What is wrong with a boot; nothing if all is well."""
    if not result.finished("storm"):
        return [result.problem + "\n" + last_lines(result.text, 20)]
    return judge_scenario("storm", result.section("storm"))


def weather(model: str, rounds: int, seed: int, work: Path) -> bool:
    """Run one boot and say what came of it."""
    print(f"=== {model}, {rounds} rounds, seed {seed}", flush=True)
    result = plan(model, rounds, seed).run(work)
    said = result.transcript.sections.get("storm", "")
    print("\n".join(line.rstrip() for line in SAID.findall(said)))
    wrong = judge(result)
    for line in wrong:
        print(f"FAILED: {line}")
    print(f"took {result.seconds:.0f} s", flush=True)
    return not wrong


def main() -> int:
    """All models, all seeds; the exit code says whether all went well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", type=int, help="restores in a boot")
    parser.add_argument("seeds", type=int, nargs="+")
    args = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="stasis-storm-"))
    good = True
    for model in models():
        for seed in args.seeds:
            good &= weather(model, args.rounds, seed, work / f"{model}-{seed}")
    if good and not os.environ.get("KEEP"):
        shutil.rmtree(work, ignore_errors=True)
    else:
        print(f"kept: {work}")
    print(f"{'passed' if good else 'FAILED'} "
          f"{time.strftime('%H:%M:%S')}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
