"""The dearest hypercall of the whole run: every turn of every call counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

import pytest

import costs
from boots import Plan, Result, Transcript
from costs import LIMIT, Worst, call_names, keep_worse, read_worst
from emulator import BOCHS, KVM, SVM
from scenarios import scenarios

BOOTS = list({plan.key: plan for plan, _name in scenarios()}.values())


@pytest.fixture(scope="module", name="whole_run")
def fixture_whole_run() -> Iterator[dict[str, list[Worst]]]:
    """What the boots said, for a bench to show: written when all are in."""
    boots: dict[str, list[Worst]] = {}
    yield boots
    worst: dict[int, Worst] = {}
    for one in (one for found in boots.values() for one in found):
        keep_worse(worst, one)
    costs.WORST_FILE.write_text(json.dumps({
        "boots": sorted(boots), "worst": [asdict(one) for one in sorted(
            worst.values(), key=lambda one: -one.ticks)]}, indent=1))


@pytest.mark.parametrize("job", BOOTS, ids=lambda plan: "-".join(plan.key))
def test_no_call_takes_long(outcome: Result, job: Plan, whole_run):
    found = read_worst(outcome)
    if not found:
        pytest.fail(outcome.problem or "the log told of no hypercall",
                    pytrace=False)
    if (not costs.instruction_ticks(job.processor)
            or ((job.hosts_clock or job.cpus > 1)
                and job.processor.emulator == "svm")):
        pytest.skip("the time-stamp counter does not count instructions here")
    if job.cpus > 1 and any(step.name == "attack" for step in job.steps):
        pytest.skip("a call waits there while the other processor's goes through the books")
    whole_run["-".join(job.key)] = list(found.values())
    names = call_names()
    dear = [f"{names[one.code]}: {one.ticks} instructions, in {one.scenario}"
            for one in found.values() if one.ticks > LIMIT]
    if dear:
        pytest.fail("\n".join(dear), pytrace=False)


@pytest.mark.parametrize("processor, shift, unit", [
    (BOCHS, "4", 1), (SVM, "4", 16), (SVM, "6", 64)])
def test_the_dearest_of_each_call_is_found(monkeypatch, processor, shift, unit):
    monkeypatch.setenv("ICOUNT", shift)
    plan = Plan("some", (), processor=processor)
    transcript = Transcript(sections={
        "one": f"LOG hypercall 5e: at most {100 * unit} ticks\nDONE one\n",
        "two": f"LOG hypercall 5e: at most {90 * unit} ticks\r\n"
               f"LOG hypercall 7f00: at most {7 * unit} ticks\r\nDONE two\n"})
    result = Result(plan, None, None, transcript=transcript)
    assert read_worst(result) == {
        0x5e: Worst(0x5e, 100, str(plan.processor), "one"),
        0x7f00: Worst(0x7f00, 7, str(plan.processor), "two")}


def test_no_figure_where_nothing_counts_instructions(monkeypatch):
    monkeypatch.setenv("ICOUNT", "")
    assert costs.instruction_ticks(SVM) == costs.instruction_ticks(KVM) == 0


def test_every_call_of_the_log_has_a_name():
    names = call_names()
    assert names[0x5e] == "save partition state"
    assert names[0x7f00] == "stasis read log" and 0 in names
