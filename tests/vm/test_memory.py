"""Memory as firmwares have it: little, much, in bins, reserved for a while.

In one boot of each kind hvctl makes a child, saves it in the middle, deletes
it, restores it and lets it go on; in another a scenario makes children.
"""

from __future__ import annotations

import re

import pytest

from boots import BUILD, Plan, Result, Step
from machine import last_lines
from pi import extract_digits, pi_digits
from scenarios import judge_scenario, one_of_each

CHARS = 60                              # of each of the child's two lives
PROGRAMS = {name.rpartition("/")[2]: BUILD / name for name in (
    "stasis.efi", "hvctl.efi", "child/pi.img", "guest/memory.efi",
    "guest/modes.efi", "firmware/bins.efi", "firmware/lend.efi")}

LIFE = (
    Step("create", "hvctl create pi.img"),
    Step("run", f"hvctl run 2 for={CHARS}"),
    Step("save", "hvctl save 2 pi.sav"),
    Step("delete", "hvctl delete 2"),
    Step("restore", "hvctl restore pi.sav"),
    Step("go-on", f"hvctl run 3 for={CHARS}"),
    Step("delete-again", "hvctl delete 3"),
    Step("list", "hvctl list"),
)

LOAD = (Step("load", "stasis.efi"),)
# As OVMF is under QEMU.
BINS = (Step("bins", "load bins.efi"), *LOAD)
# What was reserved when Stasis started is free, and the first to be had.
LENT = (Step("take", "lend.efi take"), *LOAD, Step("give", "lend.efi give"))


def memory_plan(name: str, start: tuple[Step, ...], work: tuple[Step, ...],
                memory_mib: int = 512) -> tuple[Plan, ...]:
    """Boots that begin in some way and then make children.

    How much memory there is matters to no vendor: one has other sizes.
    """
    return tuple(Plan(name, start + work, tuple(PROGRAMS.items()), processor,
                      memory_mib=memory_mib)
                 for processor in one_of_each()[:None if memory_mib == 512 else 1])


def scenario(name: str) -> tuple[Step, ...]:
    """The one step that runs a scenario."""
    return (Step(name, f"{name}.efi"),)


WITH_BINS = memory_plan("hvctl-bins", BINS, LIFE)
LIVES = (
    *memory_plan("hvctl-128", LOAD, LIFE, 128),
    *memory_plan("hvctl-1024", LOAD, LIFE, 1024),
    *WITH_BINS,
    *memory_plan("hvctl-lent", LENT, LIFE),
)
SCENARIOS = (
    *memory_plan("memory-128", LOAD, scenario("memory"), 128),
    *memory_plan("memory-bins", BINS, scenario("memory")),
    # Some cases of others deposit just any page, and stop if it is refused.
    *memory_plan("modes-lent", LENT, scenario("modes")),
)


def named(plan: Plan) -> str:
    """For the list of tests."""
    return "-".join(plan.key)


def check_end(outcome: Result) -> None:
    """The boot came to its end, and each command said that it went well."""
    assert not outcome.problem, (
        outcome.problem + "\n" + last_lines(outcome.text))
    assert set(outcome.transcript.statuses.values()) == {0}, (
        f"{outcome.transcript.statuses}\n" + last_lines(outcome.text, 40))


@pytest.mark.parametrize("job", LIVES, ids=named)
class TestLife:
    """What hvctl did in one boot, looked at from several sides."""

    def test_all_commands_do(self, outcome: Result):
        check_end(outcome)

    def test_child_goes_on_where_it_was(self, outcome: Result):
        lives = [extract_digits(outcome.section(name))
                 for name in ("run", "go-on")]
        assert min(len(life) for life in lives) > CHARS * 3 // 4, lives
        assert pi_digits().startswith("".join(lives)), lives

    def test_nothing_is_left(self, outcome: Result):
        said = outcome.section("list")
        assert re.findall(r"^ +(\d+) +(\w+)", said, re.M) == [("1", "root")]


@pytest.mark.parametrize("job", SCENARIOS, ids=named)
def test_scenario(outcome: Result):
    check_end(outcome)
    name = outcome.plan.steps[-1].name
    assert not judge_scenario(name, outcome.section(name),
                              outcome.plan.processor)


@pytest.mark.parametrize("job", WITH_BINS, ids=named)
def test_firmware_really_has_bins(outcome: Result):
    said = outcome.section("bins")
    assert "bins: 128 pages of type 0 at" in said, said
