"""A child travels between processors: it goes on, or is refused with a reason.

A child is saved under one processor model of Bochs and offered to another. What
its processor had and the target has not decides the result; so do the VPs and
the memory of the target, and what became of the stream on its way
(docs/hypercalls.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

import altered
from boots import BUILD, Plan, Result, Step
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
PI = ("pi.img", BUILD / "child/pi.img")

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

# Lines of the target's log, after its journeys.
LOGGED = (
    (ARRANDALE, "result 29: XSAVE (CPUID 1 ECX bit 26) is not here"),
    (ARRANDALE, "result 22: LZCNT (CPUID 80000001 ECX bit 5) is not here"),
    (ARRANDALE, "result 32: XSAVE component 2 (XCR0) is not here"),
    (ARRANDALE, "result 5: CPUID 7.0 EBX bits not here: 28"),  # AVX512CD
    (SANDY, "result 39: F16C (CPUID 1 ECX bit 29) is not here"),
    (SANDY, "result 43: enhanced REP MOVSB (CPUID 7.0 EBX bit 9) is not here"),
    (HASWELL, "result 5: CPUID 7.0 EBX bits not here: 18 19"),   # RDSEED, ADX
    (HASWELL, "result 33: XSAVE component 6 (XCR0) is not here"),
    (SKYLAKE, "result 33: XSAVE component 9 (XCR0) is not here"),
)


@dataclass(frozen=True)
class Trial:
    """A child of HASWELL is offered on SKYLAKE, where all features are."""

    name: str
    result: int
    command: str                        # {file}: the stream
    change: Callable[[bytes], bytes] = altered.unchanged


# Child 2 is like the saved one; 3 has two VPs, 4 a quarter of the memory.
TARGETS = ("hvctl create pi.img", "hvctl create pi.img vps=2",
           "hvctl create pi.img mem=1")
CHECK, RESTORE = "hvctl check {file}", "hvctl restore {file}"
TRIALS = (
    Trial("the machine can take it", 2, CHECK),
    Trial("a child can take it", 2, CHECK + " 2"),
    Trial("damage is not looked for in a check", 2, CHECK + " 2",
          altered.damaged),
    Trial("it stops in the middle", 1, RESTORE, altered.cut),
    Trial("it was damaged", 3, RESTORE, altered.damaged),
    Trial("a later version", 4, CHECK, altered.later_version),
    Trial("two VPs wait for one", 7, CHECK + " 3"),
    Trial("another VP boots", 8, CHECK + " 2", altered.other_boot_vp),
    Trial("its VP has another index", 9, CHECK + " 2", altered.other_vp),
    Trial("too little memory", 10, RESTORE + " into=4"),
    Trial("another vendor's", 11, CHECK, altered.other_vendor),
    Trial("into a child that fits", COMPLETE, RESTORE + " into=2"),
)


def after_trials() -> tuple[Step, ...]:
    """A child whose restore never began can run, so can the restored one."""
    return (Step("fresh", "hvctl run 4 for=20"),
            Step("into", "hvctl run 2 for=20"))


@dataclass
class Answers:
    """What hvctl said."""

    journeys: dict[tuple[str, str], str]    # by target and source
    logs: dict[str, str]                    # by target
    trials: Result
    features: Result


@dataclass(frozen=True)
class ModelsJob:
    """All saves, then all offers, two boots at a time."""

    key: tuple[str, str] = ("models", "journeys")

    def run(self, work: Path) -> Answers:
        """The boots."""
        with ThreadPoolExecutor(2) as pool:
            sources = sorted({source for _, source, _ in JOURNEYS})
            files = dict(zip(sources, pool.map(
                lambda model: save(model, work), sources)))
            targets = sorted({target for target, _, _ in JOURNEYS})
            results = dict(zip(targets, pool.map(
                lambda model: offer(model, files, work), targets)))
        journeys = {(model, source): said
                    for model, result in results.items()
                    for source, said in answers(model, result).items()}
        logs = {model: result.section("log").replace("\r", "")
                for model, result in results.items()}
        return Answers(journeys, logs, results[SKYLAKE], results[ARRANDALE])


def save(model: str, work: Path) -> bytes:
    """The pi child, stopped in the middle on this model."""
    plan = Plan(
        f"save-{model}",
        (Step("load", "stasis.efi"), Step("create", "hvctl create pi.img"),
         Step("run", "hvctl run 2 for=50"),
         Step("save", "hvctl save 2 pi.sav")),
        PROGRAMS + (PI,), model=model)
    return plan.run(work / plan.name).disk.read("pi.sav")


def sources_of(model: str) -> list[str]:
    """Whose children are offered to a model."""
    return [source for target, source, _ in JOURNEYS if target == model]


def answers(model: str, result: Result) -> dict[str, str]:
    """What came of each of them."""
    return {source: result.section(f"restore{i}") + result.section(f"run{i}")
            for i, source in enumerate(sources_of(model))}


def offer(model: str, files: dict[str, bytes], work: Path) -> Result:
    """All streams that are for this model; those that fit run on."""
    disk = [(f"{i}.sav", files[source])
            for i, source in enumerate(sources_of(model))]
    steps = [Step("load", "stasis.efi")]
    if model == SKYLAKE:
        steps += [Step(f"target{i}", command)
                  for i, command in enumerate(TARGETS)]
        steps += [Step(f"trial{i}", trial.command.format(file=f"t{i}.sav"))
                  for i, trial in enumerate(TRIALS)]
        steps += after_trials()
        disk += [PI] + [(f"t{i}.sav", trial.change(files[HASWELL]))
                        for i, trial in enumerate(TRIALS)]
    first = 2 + (len(TARGETS) + 2 if model == SKYLAKE else 0)
    for i in range(len(sources_of(model))):
        steps.append(Step(f"restore{i}", f"hvctl restore {i}.sav"))
        steps.append(Step(f"run{i}", f"hvctl run {first + i} for=20"))
    steps.append(Step("log", "hvctl log"))
    if model == ARRANDALE:
        steps += [Step(f"feature{number}", f"hvctl check f{number}.sav")
                  for number in altered.FEATURES]
        disk += [(f"f{number}.sav", altered.one_feature(number))
                 for number in altered.FEATURES]
    plan = Plan(f"offer-{model}", tuple(steps), PROGRAMS + tuple(disk),
                model=model)
    return plan.run(work / plan.name)


def says(result: int) -> str:
    """What hvctl says of a restore that is not Complete."""
    if result == 1:
        return r"the stream ends too early"
    return rf"HvState\w+ \({result}\)"


pytestmark = [
    pytest.mark.skipif(choose_emulator() != "bochs",
                       reason="QEMU/KVM has the one processor of the host"),
    pytest.mark.parametrize("job", [ModelsJob()], ids=["models"])]


@pytest.mark.parametrize("target, source, result", JOURNEYS)
def test_a_child_travels(outcome: Answers, target: str, source: str,
                         result: int):
    said = outcome.journeys[target, source]
    if result != COMPLETE:
        assert re.search(says(result), said), said
        return
    assert re.search(r"(^|\r)restored: ", said, re.M), said
    # The digits behind the first 50 characters.
    assert "10582097494459230781" in said, said


def tells(said: str, line: str) -> bool:
    """Is it this line? One with a list of bits may name more of them."""
    what, among, bits = f"restore: {line}".partition(" bits not here:")
    said_what, said_among, said_bits = said.partition(" bits not here:")
    return ((what, among) == (said_what, said_among)
            and set(bits.split()) <= set(said_bits.split()))


@pytest.mark.parametrize("target, line", LOGGED)
def test_the_log_names_what_is_missing(outcome: Answers, target: str,
                                       line: str):
    log = outcome.logs[target]
    assert any(tells(said, line) for said in log.splitlines()), log


@pytest.mark.parametrize("number", range(len(TRIALS)),
                         ids=[f"{t.result} {t.name}" for t in TRIALS])
def test_a_child_of_another_model_is_offered(outcome: Answers, number: int):
    trial = TRIALS[number]
    said = outcome.trials.section(f"trial{number}")
    status = outcome.trials.transcript.statuses[f"trial{number}"]
    assert (status == 0) == (trial.result in (0, 2)), said
    if trial.result == COMPLETE:
        assert re.search(r"(^|\r)restored: ", said, re.M), said
    else:
        assert re.search(says(trial.result), said), said


def test_d22_a_refused_target_can_run(outcome: Answers):
    assert "3.14159265358979" in outcome.trials.section("fresh")


def test_restored_into_a_child_that_was_there(outcome: Answers):
    assert "10582097494459230781" in outcome.trials.section("into")


def test_at_least_eight_results_are_of_another_model(outcome: Answers):
    said = [*outcome.journeys.values(),
            *(outcome.trials.section(f"trial{i}")
              for i in range(len(TRIALS)))]
    found = {number for text in said
             for number in re.findall(r"HvState\w+ \((\d+)\)", text)}
    assert len(found) >= 8, found


@pytest.mark.parametrize("number", altered.FEATURES)
def test_a_feature_that_the_machine_lacks(outcome: Answers, number: int):
    said = outcome.features.section(f"feature{number}")
    assert re.search(says(number), said), said
