"""An unmodified Linux in the root, beside the same one on the bare machine.

No option is on its command line but in one boot, whose Linux counts each tick.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from emulator import SVM
from linux_disk import CURRENT, DEBIAN_12
from linux_root import PM_TIMER_HZ, REBOOT, LinuxPlan, LinuxResult

HZ = 250                                # ticks a second of Debian's kernels
DRIFT = 50                              # parts in a million, between two clocks
TICKS_DRIFT = 500                       # of the APIC's timer, as Linux measured it
TICKS_APART = 3                         # of two counts that are not read at once
# What it says of our words and of no bare machine: docs/hypercalls.md, "What the root is
# told, and why".
OURS = ("Hyper-V: CONFIG_MSHV_ROOT not enabled!",
        "Hyper-V: stimer setup failed with error -22")
PERIODIC = "nohz=off highres=off"       # then each tick is an interrupt of the timer


@dataclass(frozen=True)
class Pair:
    """A boot with Stasis, and the same without: a job (conftest.py)."""

    plan: LinuxPlan
    seconds: float = 250

    @property
    def key(self) -> tuple[str, ...]:
        """That of the one with Stasis."""
        return self.plan.key

    def run(self, work: Path) -> tuple[LinuxResult, LinuxResult]:
        """Both, one after the other."""
        bare = replace(self.plan, stasis=False, child=False)
        return self.plan.run(work / "stasis"), bare.run(work / "bare")


PAIRS = tuple(Pair(LinuxPlan(kernel, SVM)) for kernel in (DEBIAN_12, CURRENT))
TICKS = tuple(LinuxPlan(DEBIAN_12, SVM, child=child, options=PERIODIC)
              for child in (False, True))
CHILD = tuple(LinuxPlan(kernel, SVM, child=True)
              for kernel in (DEBIAN_12, CURRENT))


REBOOTS = tuple(LinuxPlan(kernel, SVM, end=REBOOT, clock_seconds=5)
                for kernel in (DEBIAN_12, CURRENT))


def name_of(job: Pair | LinuxPlan) -> str:
    """For the list of tests; pytest has a mark of its own in an empty list."""
    return job.key[0] if hasattr(job, "key") else ""


def check_clock(result: LinuxResult) -> None:
    """Its clock goes as the machine's."""
    assert abs(result.drift()) < DRIFT, result.clock()


@pytest.mark.parametrize("job", PAIRS, ids=name_of)
class TestBesideBare:
    """Debian's kernels, with one processor and no option."""

    def test_powers_off(self, outcome: tuple[LinuxResult, LinuxResult]):
        for result in outcome:
            assert not result.problem, result.problem
            assert result.fact("end") == "poweroff"

    def test_sees_the_hypervisor_and_its_clock(
            self, outcome: tuple[LinuxResult, LinuxResult]):
        assert outcome[0].fact("clocksource") == "hyperv_clocksource_tsc_page"

    def test_works_right(self, outcome: tuple[LinuxResult, LinuxResult]):
        stasis, bare = outcome
        assert stasis.right() == bare.right()
        assert len(bare.right()) == 5

    def test_finds_the_same_devices(
            self, outcome: tuple[LinuxResult, LinuxResult]):
        stasis, bare = outcome
        assert int(bare.fact("pci")) > 0
        assert stasis.fact("pci") == bare.fact("pci")

    def test_warns_of_nothing_more(
            self, outcome: tuple[LinuxResult, LinuxResult]):
        stasis, bare = outcome
        more = [line for line in stasis.warnings()
                if line not in bare.warnings() and line not in OURS]
        assert not more, "\n".join(more)

    def test_its_clock_is_the_machine_s(
            self, outcome: tuple[LinuxResult, LinuxResult]):
        for result in outcome:
            check_clock(result)


@pytest.mark.parametrize("job", TICKS, ids=name_of)
def test_no_tick_is_lost_or_doubled(outcome: LinuxResult):
    assert not outcome.problem, outcome.problem
    clock = outcome.clock()
    ticks = clock["timer"] / PM_TIMER_HZ * HZ
    assert abs(clock["loc"] - clock["jiffies"]) <= TICKS_APART, clock
    assert abs(clock["jiffies"] / ticks - 1) * 1e6 < TICKS_DRIFT, clock
    check_clock(outcome)


@pytest.mark.parametrize("job", CHILD, ids=name_of)
def test_a_child_beside_it_takes_no_time_from_its_clock(outcome: LinuxResult):
    assert not outcome.problem, outcome.problem
    assert len(outcome.right()) == 5
    check_clock(outcome)


@pytest.mark.parametrize("job", REBOOTS, ids=name_of)
def test_reboots_and_stasis_starts_again(outcome: LinuxResult):
    assert not outcome.problem, outcome.problem
    assert outcome.fact("end") == REBOOT
    _linux, _end, second = outcome.text.partition("LINUX end")
    assert "stasis: running" in second


def test_a_reading_is_understood():
    result = LinuxResult(PAIRS[0].plan, (
        "LINUX kernel 6.1\r\nLINUX right abc  -\r\n"
        "LINUX clock ns=1000100000 timer=3579545 loc=3\r\n"
        "<6>[    0.1] fine\r\n<4>[   10.2] bad \r\n<12>[   10.3] of a program\r\n"))
    assert result.fact("kernel") == "6.1" and result.fact("end") == ""
    assert result.right() == ["abc  -"]
    assert result.warnings() == ["bad", "of a program"]
    assert round(result.drift()) == 100
