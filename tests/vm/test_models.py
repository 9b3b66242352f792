"""A child travels between processors: it goes on, or is refused with a reason.

A child is saved under one processor model of Bochs and offered to another. What
its processor had and the target has not decides the result (docs/hypercalls.md).
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from boots import BUILD, Plan, Step
from machine import choose_emulator

ARRANDALE = "corei5_arrandale_m520"
SANDY = "corei7_sandy_bridge_2600k"
IVY = "corei7_ivy_bridge_3770k"
HASWELL = "corei7_haswell_4770"
BROADWELL = "broadwell_ult"
SKYLAKE = "corei7_skylake_x"
CANNON = "corei3_cnl"

PROGRAMS = (("stasis.efi", BUILD / "stasis.efi"),
            ("hvctl.efi", BUILD / "hvctl.efi"))

COMPLETE = 0
# Offered to, saved on, result.
JOURNEYS = (
    (ARRANDALE, SANDY, 29),         # XSAVE
    (ARRANDALE, HASWELL, 22),       # LZCNT
    (ARRANDALE, SKYLAKE, 22),
    (SANDY, ARRANDALE, COMPLETE),   # from FXSAVE alone to XSAVE
    (SANDY, IVY, 39),               # F16C
    (HASWELL, BROADWELL, 5),        # RDSEED and ADX have no result of their own
    (HASWELL, SKYLAKE, 33),         # AVX-512 state
    (HASWELL, IVY, COMPLETE),
    (SKYLAKE, CANNON, 33),          # PKRU
    (SKYLAKE, HASWELL, COMPLETE),
)


@dataclass(frozen=True)
class ModelsJob:
    """All saves, then all offers, two boots at a time."""

    key: tuple[str, str] = ("models", "journeys")

    def run(self, work: Path) -> dict[tuple[str, str], str]:
        """What hvctl said, by target and source."""
        with ThreadPoolExecutor(2) as pool:
            sources = sorted({source for _, source, _ in JOURNEYS})
            files = dict(zip(sources, pool.map(
                lambda model: save(model, work), sources)))
            targets = sorted({target for target, _, _ in JOURNEYS})
            answers = pool.map(lambda model: offer(model, files, work),
                               targets)
            return {key: said for answer in answers
                    for key, said in answer.items()}


def save(model: str, work: Path) -> bytes:
    """The pi child, stopped in the middle on this model."""
    plan = Plan(
        f"save-{model}",
        (Step("load", "stasis.efi"), Step("create", "hvctl create pi.img"),
         Step("run", "hvctl run 2 for=50"),
         Step("save", "hvctl save 2 pi.sav")),
        PROGRAMS + (("pi.img", BUILD / "child/pi.img"),), model=model)
    return plan.run(work / plan.name).disk.read("pi.sav")


def offer(model: str, files: dict[str, bytes],
          work: Path) -> dict[tuple[str, str], str]:
    """All streams that are for this model; those that fit run on."""
    wanted = [source for target, source, _ in JOURNEYS if target == model]
    steps = [Step("load", "stasis.efi")]
    for i, source in enumerate(wanted):
        steps.append(Step(f"restore{i}", f"hvctl restore {i}.sav"))
        steps.append(Step(f"run{i}", f"hvctl run {i + 2} for=20"))
    plan = Plan(f"offer-{model}", tuple(steps), PROGRAMS + tuple(
        (f"{i}.sav", files[source]) for i, source in enumerate(wanted)),
        model=model)
    result = plan.run(work / plan.name)
    return {(model, source): result.section(f"restore{i}")
            + result.section(f"run{i}") for i, source in enumerate(wanted)}


@pytest.mark.skipif(choose_emulator() != "bochs",
                    reason="QEMU/KVM has the one processor of the host")
@pytest.mark.parametrize("target, source, result", JOURNEYS)
@pytest.mark.parametrize("job", [ModelsJob()], ids=["models"])
def test_a_child_travels(outcome: dict[tuple[str, str], str], target: str,
                         source: str, result: int):
    said = outcome[target, source]
    if result != COMPLETE:
        assert re.search(rf"HvState\w+ \({result}\)", said), said
        return
    assert re.search(r"(^|\r)restored: ", said, re.M), said
    # The digits behind the first 50 characters.
    assert "10582097494459230781" in said, said
