"""A child travels between processors: it goes on, or is refused with a reason.

A child is saved on one processor model of Bochs or QEMU and offered to another. The
vendors must be the same. What its processor had and the target has not decides the
result; so do the VPs and the memory of the target, and what became of the stream on
its way (docs/hypercalls.md).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import altered
from boots import BUILD, Plan, Result, Step
from emulator import processor_of
from scenarios import EVERYTHING, processors

ARRANDALE = "corei5_arrandale_m520"
SANDY = "corei7_sandy_bridge_2600k"
IVY = "corei7_ivy_bridge_3770k"
HASWELL = "corei7_haswell_4770"
BROADWELL = "broadwell_ult"
SKYLAKE = "corei7_skylake_x"
CANNON = "corei3_cnl"
EPYC, ROME, MILAN = "EPYC", "EPYC-Rome", "EPYC-Milan"

PROGRAMS = (("stasis.efi", BUILD / "stasis.efi"),
            ("hvctl.efi", BUILD / "hvctl.efi"))
PI = ("pi.img", BUILD / "child/pi.img")

COMPLETE = 0
VENDOR = 11
# Offered to, saved on, result.
QUICK = (
    (ARRANDALE, HASWELL, 22),       # LZCNT
    (ARRANDALE, SKYLAKE, 22),
    (HASWELL, SKYLAKE, 33),         # AVX-512 state
    (SKYLAKE, ARRANDALE, COMPLETE),     # from FXSAVE alone to XSAVE
    (SKYLAKE, HASWELL, COMPLETE),
    (EPYC, ROME, 5),                # CLWB, UMIP have no result of their own
    (EPYC, MILAN, 33),              # PKRU
    (MILAN, EPYC, COMPLETE),
    (EPYC, SKYLAKE, VENDOR),
    (SKYLAKE, EPYC, VENDOR),
)
# Of a whole boot for one pair: only where everything is wanted.
MORE = (
    (ARRANDALE, SANDY, 29),         # XSAVE
    (SANDY, ARRANDALE, COMPLETE),
    (SANDY, IVY, 39),               # F16C
    (HASWELL, BROADWELL, 5),        # RDSEED and ADX likewise
    (HASWELL, IVY, COMPLETE),
    (SKYLAKE, CANNON, 33),          # PKRU
    (ROME, EPYC, COMPLETE),
    (ROME, MILAN, 33),
    (MILAN, ROME, COMPLETE),
    (ARRANDALE, EPYC, VENDOR),
    (MILAN, HASWELL, VENDOR),
)
# The least of each vendor: results of the features that it lacks.
LEAST = {
    ARRANDALE: frozenset(altered.FEATURES) - {14, 15, 16, 35, 36},
    EPYC: frozenset({17, 18, 21, 23, 24, 25, 26, 37, 38, 43, 48, 49}),
}
RUN_BY = {processor.emulator for processor in processors()}


def runs(*models: str) -> bool:
    """Whether all of these are to be run."""
    return RUN_BY >= {processor_of(model).emulator for model in models}


JOURNEYS = tuple(one for one in QUICK + (MORE if EVERYTHING else ())
                 if runs(*one[:2]))
# Lines of the target's log, after its journeys; the first that was saved on others.
LOGGED = tuple(one for one in (
    (ARRANDALE, HASWELL,
     "result 22: LZCNT (CPUID 80000001 ECX bit 5) is not here"),
    (ARRANDALE, HASWELL,
     "result 29: XSAVE (CPUID 1 ECX bit 26) is not here"),
    (ARRANDALE, SKYLAKE, "result 32: XSAVE component 2 (XCR0) is not here"),
    (ARRANDALE, SKYLAKE,
     "result 5: CPUID 7.0 EBX bits not here: 28"),      # AVX512CD
    (SANDY, IVY, "result 39: F16C (CPUID 1 ECX bit 29) is not here"),
    (SANDY, IVY,
     "result 43: enhanced REP MOVSB (CPUID 7.0 EBX bit 9) is not here"),
    (HASWELL, BROADWELL,
     "result 5: CPUID 7.0 EBX bits not here: 18 19"),   # RDSEED, ADX
    (HASWELL, SKYLAKE, "result 33: XSAVE component 6 (XCR0) is not here"),
    (SKYLAKE, CANNON, "result 33: XSAVE component 9 (XCR0) is not here"),
    (EPYC, ROME, "result 5: CPUID 7.0 EBX bits not here: 24"),      # CLWB
    (EPYC, ROME, "result 5: CPUID 7.0 ECX bits not here: 2"),       # UMIP
    (EPYC, MILAN,
     "result 43: enhanced REP MOVSB (CPUID 7.0 EBX bit 9) is not here"),
    (EPYC, MILAN, "result 5: CPUID 7.0 ECX bits not here: 3"),      # PKU
    (EPYC, MILAN, "result 33: XSAVE component 9 (XCR0) is not here"),
    (ROME, MILAN,
     "result 43: enhanced REP MOVSB (CPUID 7.0 EBX bit 9) is not here"),
    (EPYC, SKYLAKE, "result 11: vendor: 1 saved, 2 here"),
    (MILAN, HASWELL, "result 11: vendor: 1 saved, 2 here"),
    (SKYLAKE, EPYC, "result 11: vendor: 2 saved, 1 here"),
    (ARRANDALE, EPYC, "result 11: vendor: 2 saved, 1 here"),
) if one[:2] in {journey[:2] for journey in JOURNEYS})


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
    """What was saved on each model, and what hvctl said on each target."""

    streams: dict[str, bytes]
    targets: dict[str, Result]

    def journey(self, target: str, source: str) -> str:
        """What came of one."""
        at = sources_of(target).index(source)
        result = self.targets[target]
        return result.section(f"restore{at}") + result.section(f"run{at}")


@dataclass(frozen=True)
class ModelsJob:
    """All saves, then all offers, one boot after the other."""

    key: tuple[str, str] = ("models", "journeys")
    seconds: float = 150

    def run(self, work: Path) -> Answers:
        """The boots."""
        targets = {target for target, _, _ in JOURNEYS}
        sources = {source for _, source, _ in JOURNEYS}
        files = {one: save(one, work) for one in sorted(sources | targets)}
        return Answers(files, {target: offer(target, files, work)
                               for target in sorted(targets)})


def save(model: str, work: Path) -> bytes:
    """The pi child, stopped in the middle on this model."""
    plan = Plan(
        f"save-{model}",
        (Step("load", "stasis.efi"), Step("create", "hvctl create pi.img"),
         Step("run", "hvctl run 2 for=50"),
         Step("save", "hvctl save 2 pi.sav")),
        PROGRAMS + (PI,), processor_of(model))
    return plan.run(work / plan.name).disk.read("pi.sav")


def sources_of(model: str) -> list[str]:
    """Whose children are offered to a model."""
    return [source for target, source, _ in JOURNEYS if target == model]


def strangers_of(model: str) -> list[int]:
    """Of these, which are of another vendor."""
    return [at for at, (_, _, result) in enumerate(
        one for one in JOURNEYS if one[0] == model) if result == VENDOR]


@dataclass
class Offers:
    """The steps of a boot in which streams are offered, and its files."""

    steps: list[Step]
    files: list[tuple[str, Path | bytes]]
    children: int = 1                   # the last one's id; the root is 1

    def offer(self, at: int, stream: bytes) -> None:
        """A child of its own; if it fits it runs on."""
        self.children += 1
        self.files.append((f"{at}.sav", stream))
        self.steps += [Step(f"restore{at}", f"hvctl restore {at}.sav"),
                       Step(f"run{at}", f"hvctl run {self.children} for=20")]

    def offer_to_one_that_is_there(self, at: int) -> None:
        """It is saved before and after."""
        self.children += 1
        child = self.children
        self.steps += [
            Step(f"there{at}", "hvctl create pi.img"),
            Step(f"before{at}", f"hvctl save {child} before{at}.sav"),
            Step(f"into{at}", f"hvctl restore {at}.sav into={child}"),
            Step(f"after{at}", f"hvctl save {child} after{at}.sav")]

    def try_all(self, stream: bytes) -> None:
        """The trials, and children for them; that which is refused runs."""
        self.steps += [Step(f"target{i}", command)
                       for i, command in enumerate(TARGETS)]
        self.steps += [Step(f"trial{i}", trial.command.format(file=f"t{i}.sav"))
                       for i, trial in enumerate(TRIALS)]
        self.steps += after_trials()
        # Trials with a child of their own use up an id as well.
        self.children += len(TARGETS) + 2
        self.files += [(f"t{i}.sav", trial.change(stream))
                       for i, trial in enumerate(TRIALS)]

    def check_features(self, model: str) -> None:
        """One stream for each feature that the least processor lacks."""
        vendor = 2 if processor_of(model).emulator == "svm" else 1
        for number in sorted(LEAST[model]):
            name = f"f{number}.sav"
            self.steps.append(Step(f"feature{number}", f"hvctl check {name}"))
            self.files.append((name, altered.one_feature(number, vendor)))


def offer(model: str, streams: dict[str, bytes], work: Path) -> Result:
    """All streams that are for this model; those that fit run on."""
    offers = Offers([Step("load", "stasis.efi")], [PI])
    if model == SKYLAKE:
        offers.try_all(streams[HASWELL])
    for at, source in enumerate(sources_of(model)):
        offers.offer(at, streams[source])
    for at in strangers_of(model):
        offers.offer_to_one_that_is_there(at)
    offers.steps.append(Step("log", "hvctl log"))
    if model in LEAST:
        offers.check_features(model)
    plan = Plan(f"offer-{model}", tuple(offers.steps),
                PROGRAMS + tuple(offers.files), processor_of(model))
    return plan.run(work / plan.name)


def says(result: int) -> str:
    """What hvctl says of a restore that is not Complete."""
    if result == 1:
        return r"the stream ends too early"
    return rf"HvState\w+ \({result}\)"


def where(*models: str) -> Any:
    """Parametrizes with the job if these are to be run, else with nothing."""
    jobs = [ModelsJob()] if JOURNEYS and runs(*models) else []
    return pytest.mark.parametrize("job", jobs, ids=["models"] * len(jobs))


@where()
@pytest.mark.parametrize("target, source, result", JOURNEYS)
def test_a_child_travels(outcome: Answers, target: str, source: str,
                         result: int):
    said = outcome.journey(target, source)
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


@where()
@pytest.mark.parametrize("target, source, line", LOGGED)
def test_the_log_names_what_is_missing(outcome: Answers, target: str,
                                       source: str, line: str):
    log = outcome.targets[target].section("log").replace("\r", "")
    assert any(tells(said, line) for said in log.splitlines()), log


@where()
@pytest.mark.parametrize("target, source", [
    (target, source) for target, source, result in JOURNEYS
    if result == VENDOR])
def test_nothing_is_written_of_another_vendors(
        outcome: Answers, target: str, source: str, tmp_path: Path):
    result, at = outcome.targets[target], sources_of(target).index(source)
    assert re.search(says(VENDOR), result.section(f"into{at}"))
    before, after = tmp_path / "before", tmp_path / "after"
    before.write_bytes(result.disk.read(f"before{at}.sav"))
    after.write_bytes(result.disk.read(f"after{at}.sav"))
    said = subprocess.run([altered.HVSTATE, "diff", before, after], text=True,
                          capture_output=True, check=False, timeout=60)
    assert said.returncode in (0, 1), said.stderr
    # Time goes on in the child, and nothing else.
    other = [line for line in said.stdout.splitlines()
             if not re.match(r"PARTITION reference_time:|VP 0 TSC:", line)]
    assert not other, said.stdout


@where(SKYLAKE)
@pytest.mark.parametrize("number", range(len(TRIALS)),
                         ids=[f"{t.result} {t.name}" for t in TRIALS])
def test_a_child_of_another_model_is_offered(outcome: Answers, number: int):
    trial, target = TRIALS[number], outcome.targets[SKYLAKE]
    said = target.section(f"trial{number}")
    status = target.transcript.statuses[f"trial{number}"]
    assert (status == 0) == (trial.result in (0, 2)), said
    if trial.result == COMPLETE:
        assert re.search(r"(^|\r)restored: ", said, re.M), said
    else:
        assert re.search(says(trial.result), said), said


@where(SKYLAKE)
def test_d22_a_refused_target_can_run(outcome: Answers):
    assert "3.14159265358979" in outcome.targets[SKYLAKE].section("fresh")


@where(SKYLAKE)
def test_restored_into_a_child_that_was_there(outcome: Answers):
    assert "10582097494459230781" in outcome.targets[SKYLAKE].section("into")


@where(SKYLAKE)
def test_at_least_eight_results_are_of_another_model(outcome: Answers):
    said = [outcome.journey(*journey[:2]) for journey in JOURNEYS]
    said += [outcome.targets[SKYLAKE].section(f"trial{i}")
             for i in range(len(TRIALS))]
    found = {number for text in said
             for number in re.findall(r"HvState\w+ \((\d+)\)", text)}
    assert len(found) >= 8, found


@where()
@pytest.mark.parametrize("model, number", [
    (model, number) for model in LEAST if runs(model)
    for number in sorted(LEAST[model])])
def test_a_feature_that_the_machine_lacks(outcome: Answers, model: str,
                                          number: int):
    said = outcome.targets[model].section(f"feature{number}")
    assert re.search(says(number), said), said


def named(log: str) -> set[tuple[str, int]]:
    """The features that a log says are not here: words and bits."""
    found = re.findall(
        r"result \d+: .*\(CPUID (\S+) (\S+) bit (\d+)\) is not here", log)
    for leaf, register, bits in re.findall(
            r"result 5: CPUID (\S+) (\S+) bits not here:([ \d]+)", log):
        found += [(leaf, register, bit) for bit in bits.split()]
    return {(f"CPUID.{leaf}:{register}", int(bit))
            for leaf, register, bit in found}


@where()
@pytest.mark.parametrize("target", sorted({one[0] for one in JOURNEYS}))
def test_the_log_names_all_that_is_missing_and_no_more(outcome: Answers,
                                                       target: str):
    saved = {model: altered.features(stream)
             for model, stream in outcome.streams.items()}
    missing = set().union(*(saved[source] - saved[target]
                            for at, source in enumerate(sources_of(target))
                            if at not in strangers_of(target)))
    assert named(outcome.targets[target].section("log")) == missing
