"""What Stasis costs by KVM's own counts, where it runs on KVM.

The scenario `exits` does the same thing a thousand times; KVM is asked before
and after.  An exit is one to KVM: that of the root, that of the entry back
into it, and one for each instruction of ours that KVM has to carry out.
"""

from __future__ import annotations

import re

import pytest

from boots import Plan, Result
from emulator import choose_emulator
from scenarios import scenarios

BOOTS = [plan for plan, name in scenarios() if name == "exits"][:1]
STEPS = ("begin", "null-call", "cpuid-0", "cpuid-1")
# Exits of each: the root's own, and the entry back; and what we add.
MOST = {"null-call": 3.1, "cpuid-0": 3.1, "cpuid-1": 112.0}


def exits_each(result: Result) -> dict[str, tuple[float, float]]:
    """Exits and entries that each cost, without reads of ports by the wait."""
    times = int(re.findall(r"^TIMES (\d+)", result.section("exits"), re.M)[0])
    found = {}
    for before, after in zip(STEPS, STEPS[1:]):
        old, new = result.counts[before], result.counts[after]
        exits = (new["exits"] - new["io_exits"]
                 - old["exits"] + old["io_exits"])
        found[after] = (exits / times,
                        (new["nested_run"] - old["nested_run"]) / times)
    return found


@pytest.mark.skipif(choose_emulator() != "qemu", reason="here is no KVM to ask")
@pytest.mark.parametrize("job", BOOTS, ids=lambda plan: plan.name)
def test_exits_by_the_counts_of_kvm(outcome: Result, capsys):
    outcome.section("exits")
    if not outcome.counts.get("begin"):
        pytest.skip("KVM's counts can only be read by root")
    found = exits_each(outcome)
    with capsys.disabled():
        for name, (exits, entries) in found.items():
            print(f"KVM {name}: {exits:.2f} exits, {entries:.2f} entries")
    # Each of them left the root once, and came back once.
    assert all(entries >= 1 for _exits, entries in found.values())
    dear = {name: exits for name, (exits, _entries) in found.items()
            if exits > MOST[name]}
    assert not dear


def test_exits_are_told_from_those_of_the_wait():
    result = Result(Plan("some", ()), None, None)
    result.transcript.sections["exits"] = "TIMES 10\n"
    result.counts = {
        name: {"exits": 100 + 30 * at, "io_exits": 5 * at,
               "nested_run": 10 * at} for at, name in enumerate(STEPS)}
    assert exits_each(result) == dict.fromkeys(STEPS[1:], (2.5, 1.0))
