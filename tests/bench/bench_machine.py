"""Instructions per hypercall, from one boot of the scenario `cost`; exits to a
hypervisor below, from one of `tally`.

Under Bochs, VT-x, and QEMU, SVM, the first are instructions, exactly; see
tests/guest/root/cost.c.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "vm"))

from boots import Step
from costs import (NO_NRIP, WORST_FILE, call_names, instruction_ticks, read_costs,
                   read_tally, read_worst)
from emulator import BOCHS, SVM, Processor
from scenarios import PLACES, Place, group_plan

BOTH = (BOCHS, SVM)
JUDGED = {"save-full-own", "restore-full-own"}


class MachineRunError(Exception):
    """The boot did not come to its end."""


def measure(processor: Processor, work: Path) -> dict[str, Any]:
    """Figures by name, and the dearest call of this boot."""
    plan = group_plan(Place("bench"), ["cost"], processor)
    result = plan.run(work)
    if not result.finished("cost"):
        raise MachineRunError(result.problem or "the scenario did not end")
    figures = read_costs(result.section("cost"))
    found = read_worst(result)
    if not found or not JUDGED <= figures.keys():
        raise MachineRunError("the scenario did not print its figures")
    worst = max(found.values(), key=lambda one: one.ticks)
    return {"model": str(processor),
            "instructions": bool(instruction_ticks(processor)),
            "figures": figures,
            "worst": {"call": call_names()[worst.code], "ticks": worst.ticks}}


def measure_exits(work: Path) -> list[dict[str, Any]]:
    """What the build with counters counts, each with its goal."""
    plan = group_plan(PLACES["tally"], ["tally"], BOCHS)
    result = plan.run(work)
    if not result.finished("tally"):
        raise MachineRunError(result.problem or "the scenario did not end")
    found = read_tally(result.section("tally"))
    if not found:
        raise MachineRunError("the scenario did not print its figures")
    return [asdict(one) for one in found]


def measure_locks(work: Path) -> dict[str, int]:
    """What two processors at once take, beside one alone, in ticks of Bochs' clock."""
    plan = group_plan(PLACES["pair"], ["pair"], BOCHS)
    # What it says of time is the same after a few rounds.
    plan = replace(plan, steps=(plan.steps[0], Step("pair", "pair.efi rounds=4")))
    result = plan.run(work)
    if not result.finished("pair"):
        raise MachineRunError(result.problem or "the scenario did not end")
    return read_costs(result.section("pair"))


def last_test_run() -> dict[str, Any] | None:
    """The dearest call of the last run of the tests, None without one."""
    try:
        told = json.loads(WORST_FILE.read_text())
    except FileNotFoundError:
        return None
    if not told["worst"]:
        return None
    worst = told["worst"][0]
    return {"boots": len(told["boots"]), "ticks": worst["ticks"],
            "call": call_names()[worst["code"]], "model": worst["model"],
            "scenario": worst["scenario"]}
