"""Exits to a hypervisor below, as a build with counters counts them.

The bounds are the scenario's own (tests/guest/root/tally.c); here is seen to it
that none is left out, and that KVM counts the same where it can be asked.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from boots import BUILD, ROOT, Result
from costs import Below, Tally, read_below, read_tally
from scenarios import scenarios

BOOTS = [plan for plan, name in scenarios() if name == "tally"]
NAMES = [str(plan.processor) for plan in BOOTS]
ROW = re.compile(r'^\t\[\w+\] = \{ "([a-z0-9-]+)", \d+, \d+ \},', re.M)


def rows() -> list[str]:
    """The names in the scenario's table of bounds."""
    return ROW.findall((ROOT / "tests/guest/root/tally.c").read_text())


@pytest.mark.parametrize("job", BOOTS, ids=NAMES)
def test_every_bound_is_looked_at(outcome: Result):
    found = [one.name for one in read_tally(outcome.section("tally"))]
    assert sorted(found) == sorted(rows())


@pytest.mark.parametrize("job", BOOTS, ids=NAMES)
def test_kvm_counts_the_same(outcome: Result):
    found = read_below(outcome.section("below"))
    assert found, "the scenario below compared nothing"
    if not outcome.counts.get(f"{found[0].name}-before"):
        pytest.skip("there is no KVM to be asked")
    wrong = [line for one in found for line in one.compare(outcome.counts)]
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def test_other_counts_are_noticed():
    one, = read_below("BELOW null-call turns 1000 exits 2000\r\n")
    assert one == Below("null-call", 1000, 2000)
    before = {"exits": 500, "io_exits": 100, "nested_run": 7}

    def compare(exits: int, runs: int) -> list[str]:
        after = {"exits": 500 + exits + 30, "io_exits": 130,
                 "nested_run": 7 + runs}
        return one.compare({"null-call-before": before,
                            "null-call-after": after})

    assert compare(3000, 1000) == [] and compare(4200, 1001) == []
    assert "3300 exits" in compare(4300, 1000)[0]
    assert "1999 exits" in compare(2999, 1000)[0]
    assert "2000 nested entries" in compare(3000, 2000)[0]


TESTS = re.compile(r"tally|planted|overflow_stack|^held_|^holds_")
OPTION = "fault=".encode("utf-16-le")


def of_tests(image: Path) -> set[str]:
    """The symbols of the image that only one for tests should have."""
    symbols = subprocess.run(["nm", "-f", "posix", image], check=True,
                             capture_output=True, text=True).stdout
    names = [line.split()[0] for line in symbols.splitlines()]
    assert "vm_exit" in names
    return set(filter(TESTS.search, names))


def test_the_product_has_no_counters_and_no_planted_faults():
    assert not of_tests(BUILD / "stasis.elf")
    assert OPTION not in (BUILD / "stasis.efi").read_bytes()
    # And would be found if it had them.
    assert of_tests(BUILD / "test/stasis.elf") >= {
        "tally_call", "tally_vmread", "planted_call"}
    assert OPTION in (BUILD / "test/stasis.efi").read_bytes()


def test_tallies_are_found():
    assert read_tally("TALLY null-call 2, goal 1\r\nTALLY broken 2\n"
                      "TALLY cpuid-0 2, goal 2\n") == [
        Tally("null-call", 2, 1), Tally("cpuid-0", 2, 2)]
    assert "null-call" in rows()
