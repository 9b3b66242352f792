"""The start: what stands in its way, and what is left of one that was refused.
"""

from __future__ import annotations

import re

import pytest

from boots import BUILD, Plan, Result, Step
from machine import last_lines

STASIS = (("stasis.efi", BUILD / "stasis.efi"),)
HVCTL = (("hvctl.efi", BUILD / "hvctl.efi"),)

# The processor refuses the first VM entry: the last moment to go back. The
# firmware must be as it was, ticks and disk and all, and a start go well.
GIVEN_UP = Plan(
    "start-given-up",
    (Step("entry", "stasis.efi fault=entry"), Step("stall", "stall 1000000"),
     Step("copy", "cp stasis.efi copy.efi"),
     Step("load", "copy.efi"), Step("again", "copy.efi"),
     Step("list", "hvctl list")),
    STASIS + HVCTL)


@pytest.mark.parametrize("job", [GIVEN_UP], ids=["given-up"])
class TestGivenUp:
    """One boot with three starts."""

    def test_comes_to_its_end(self, outcome: Result):
        assert not outcome.problem, (
            outcome.problem + "\n" + last_lines(outcome.text))

    def test_a_refused_entry_is_told(self, outcome: Result):
        said = outcome.section("entry")
        assert "the processor refused to enter VMX operation" in said
        assert "detail 0x280000021" in said         # SDM 26.7: guest state
        assert outcome.transcript.statuses["entry"] != 0

    def test_a_start_after_it_goes_well(self, outcome: Result):
        assert "stasis: running" in outcome.section("load")
        assert outcome.transcript.statuses["list"] == 0

    def test_stasis_is_told_from_other_hypervisors(self, outcome: Result):
        assert "Stasis runs already" in outcome.section("again")
        assert outcome.transcript.statuses["again"] != 0


# Firmware that maps nothing but code as executable, and so not what Stasis has
# reserved. Refused in the last moment, then started.
STRICT = Plan(
    "start-strict",
    (Step("strict", "load strict.efi"),
     Step("entry", "stasis.efi fault=entry"), Step("load", "stasis.efi"),
     Step("list", "hvctl list")),
    STASIS + HVCTL + (("strict.efi", BUILD / "firmware/strict.efi"),))


@pytest.mark.parametrize("job", [STRICT], ids=["strict"])
def test_reserved_memory_need_not_be_executable(outcome: Result):
    assert not outcome.problem, (
        outcome.problem + "\n" + last_lines(outcome.text))
    for step in ("entry", "load"):
        runs = re.findall(r"strict: (\d+) pages at \S+ are not executable",
                          outcome.section(step))
        assert max(map(int, runs)) > 4096, runs
    assert "refused to enter VMX" in outcome.section("entry")
    assert "stasis: running" in outcome.section("load")
    assert outcome.transcript.statuses["list"] == 0
