"""Exits to a hypervisor below, as a build with counters counts them.

The bounds are the scenario's own (tests/guest/root/tally.c); here is seen to it
that none is left out.
"""

from __future__ import annotations

import re

import pytest

from boots import ROOT, Result
from costs import Tally, read_tally
from scenarios import scenarios

BOOTS = [plan for plan, name in scenarios() if name == "tally"]
ROW = re.compile(r'^\t\[\w+\] = \{ "([a-z0-9-]+)", \d+, \d+ \},', re.M)


def rows() -> list[str]:
    """The names in the scenario's table of bounds."""
    return ROW.findall((ROOT / "tests/guest/root/tally.c").read_text())


@pytest.mark.parametrize("job", BOOTS, ids=lambda plan: plan.model)
def test_every_bound_is_looked_at(outcome: Result):
    found = [one.name for one in read_tally(outcome.section("tally"))]
    assert sorted(found) == sorted(rows())


def test_tallies_are_found():
    assert read_tally("TALLY null-call 2, goal 1\r\nTALLY broken 2\n"
                      "TALLY cpuid-0 2, goal 2\n") == [
        Tally("null-call", 2, 1), Tally("cpuid-0", 2, 2)]
    assert "null-call" in rows()
