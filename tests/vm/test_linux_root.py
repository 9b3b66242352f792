"""An unmodified Linux in the root, beside the same one on the bare machine: on QEMU's SVM,
and on VT-x under Bochs.

No option is on its command line but in one boot, whose Linux counts each tick.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from conftest import first_and_long
from emulator import SVM, Processor, processor_of
from linux_parts import KERNELS
from linux_root import PM_TIMER_HZ, REBOOT, LinuxPlan, LinuxResult
from linux_said import TESTS
from scenarios import wanted

OLDEST, NEWEST = KERNELS
HZ = 250                                # ticks a second of Debian's kernels
DRIFT = 50                              # parts in a million, between two clocks
TICKS_DRIFT = 500                       # of the APIC's timer, as Linux measured it
TICKS_APART = 3                         # of two counts that are not read at once
# What it says of our words and of no bare machine: docs/hypercalls.md, "What the root is
# told, and why".
OURS = ("Hyper-V: CONFIG_MSHV_ROOT not enabled!",
        "Hyper-V: stimer setup failed with error -22")
NUMBER = re.compile("[0-9a-f]{8,}")     # of a kernel that is elsewhere in each boot
MORE = 1.05                             # times what the bare machine takes, at most
CLOCK_TICK = 0.01                       # s: /proc/uptime is rounded
PERIODIC = "nohz=off highres=off"       # then each tick is an interrupt of the timer


@dataclass(frozen=True)
class Pair:
    """A boot with Stasis, and the same without: a job (conftest.py)."""

    plan: LinuxPlan
    seconds: float = 20                 # see Plan

    @property
    def processor(self) -> Processor:
        """On which both run."""
        return self.plan.processor

    @property
    def key(self) -> tuple[str, ...]:
        """That of the one with Stasis."""
        return self.plan.key

    def run(self, work: Path) -> tuple[LinuxResult, LinuxResult]:
        """Both, one after the other."""
        bare = replace(self.plan, stasis=False, child=False)
        return self.plan.run(work / "stasis"), bare.run(work / "bare")


PAIRS = wanted(*(Pair(LinuxPlan(kernel, SVM)) for kernel in KERNELS))
TICKS = wanted(*(LinuxPlan(OLDEST, SVM, child=child, clock_seconds=30,
                           options=PERIODIC)
                 for child in (False, True)))
CHILD = wanted(LinuxPlan(NEWEST, SVM, child=True, clock_seconds=10))
REBOOTS = wanted(*(LinuxPlan(OLDEST, SVM, end=REBOOT, clock_seconds=5, cpus=cpus)
                   for cpus in (1, 2)))
COUNTED = wanted(LinuxPlan(NEWEST, SVM, counted=True, clock_seconds=20))
# Its CPUID has no frequency of the TSC; that of newer models is not Bochs' own, and a
# bare Linux sleeps 70 times too long by it.
HASWELL = processor_of("corei7_haswell_4770")
SEVERAL = wanted(*(LinuxPlan(kernel, processor, cpus=cpus, clock_seconds=5)
                   for processor, cpus in ((SVM, 2), (SVM, 4), (HASWELL, 2), (HASWELL, 4))
                   for kernel in KERNELS))
VTX = wanted(*(Pair(LinuxPlan(kernel, HASWELL, clock_seconds=5), seconds=150)
               for kernel in KERNELS))
# Of SVM: an interrupt that comes while it runs, the window for one, and its HLT.
IDLE_EXITS = {0x60, 0x64, 0x78}
CPUID_EXIT = 0x72                       # libc asks when a program starts
PROGRAM_STARTS = 400


def name_of(job: Pair | LinuxPlan) -> str:
    """For the list of tests; pytest has a mark of its own in an empty list."""
    return "-".join(job.key) if hasattr(job, "key") else ""


def check_clock(result: LinuxResult) -> None:
    """Its clock goes as the machine's."""
    assert abs(result.drift()) < DRIFT, result.clock()


def check_stress(result: LinuxResult) -> None:
    """All its tests are right, by checksums that are no machine's own."""
    *tests, last = result.stress() or [""]
    assert re.fullmatch(r"end: \d+ right, 0 wrong", last), last
    assert len(tests) >= TESTS
    assert not [line for line in tests if not line.endswith(" right")]


def warns_of_more(stasis: LinuxResult, bare: LinuxResult) -> list[str]:
    """What it does not say on the bare machine, whatever addresses are in it."""
    known = [NUMBER.sub("", line) for line in bare.warnings()]
    return [line for line in stasis.warnings()
            if NUMBER.sub("", line) not in known and line not in OURS
            and not line.startswith("Code: ")]


def check_work(*outcome: LinuxResult) -> None:
    """Up to user space, and in the stress, it takes no more than it may. The clock of these
    boots is made of instructions; in what is idle time there are none."""
    before = [0.0, 0.0]
    for name in ("started", "worked"):
        until = [float(result.fact(name)) - float(result.fact(name + "_idle"))
                 for result in outcome]
        took, bare = (b - a for a, b in zip(before, until, strict=True))
        print(f"{name} in {took:.2f} s of work, bare {bare:.2f} s: {took / bare:.3f}")
        assert took <= MORE * bare + CLOCK_TICK, name
        before = until


@pytest.mark.parametrize("job", first_and_long(PAIRS), ids=name_of)
class TestBesideBare:
    """Debian's kernels, with one processor and no option."""

    def test_powers_off(self, outcome: tuple[LinuxResult, LinuxResult]):
        for result in outcome:
            assert not result.problem, result.problem
            assert result.fact("end") == "poweroff"

    def test_sees_the_hypervisor_and_its_clock(
            self, outcome: tuple[LinuxResult, LinuxResult]):
        assert outcome[0].fact("clocksource") == "hyperv_clocksource_tsc_page"

    def test_takes_no_more_instructions(
            self, outcome: tuple[LinuxResult, LinuxResult]):
        check_work(*outcome)

    def test_works_right(self, outcome: tuple[LinuxResult, LinuxResult]):
        for result in outcome:
            check_stress(result)

    def test_finds_the_same_devices(
            self, outcome: tuple[LinuxResult, LinuxResult]):
        stasis, bare = outcome
        assert int(bare.fact("pci")) > 0
        assert stasis.fact("pci") == bare.fact("pci")

    def test_warns_of_nothing_more(
            self, outcome: tuple[LinuxResult, LinuxResult]):
        more = warns_of_more(*outcome)
        assert not more, "\n".join(more)

    def test_its_clock_is_the_machine_s(
            self, outcome: tuple[LinuxResult, LinuxResult]):
        for result in outcome:
            check_clock(result)


@pytest.mark.long
@pytest.mark.parametrize("job", VTX, ids=name_of)
def test_on_vtx_beside_bare(outcome: tuple[LinuxResult, LinuxResult]):
    for result in outcome:
        assert not result.problem, result.problem
        assert result.fact("end") == "poweroff"
        check_stress(result)
    check_work(*outcome)
    assert not warns_of_more(*outcome)


@pytest.mark.parametrize("job", first_and_long(SEVERAL), ids=name_of)
def test_several_processors(outcome: LinuxResult):
    assert not outcome.problem, outcome.problem
    assert f"Brought up 1 node, {outcome.plan.cpus} CPUs" in outcome.text
    assert outcome.fact("hypervisor") == str(outcome.plan.cpus)
    assert outcome.fact("end") == "poweroff"
    check_stress(outcome)


@pytest.mark.long
@pytest.mark.parametrize("job", TICKS, ids=name_of)
def test_no_tick_is_lost_or_doubled(outcome: LinuxResult):
    assert not outcome.problem, outcome.problem
    clock = outcome.clock()
    ticks = clock["timer"] / PM_TIMER_HZ * HZ
    assert abs(clock["loc"] - clock["jiffies"]) <= TICKS_APART, clock
    assert abs(clock["jiffies"] / ticks - 1) * 1e6 < TICKS_DRIFT, clock
    check_clock(outcome)


@pytest.mark.long
@pytest.mark.parametrize("job", CHILD, ids=name_of)
def test_a_child_beside_it_takes_no_time_from_its_clock(outcome: LinuxResult):
    assert not outcome.problem, outcome.problem
    check_stress(outcome)
    check_clock(outcome)


@pytest.mark.long
@pytest.mark.parametrize("job", REBOOTS, ids=name_of)
def test_reboots_and_stasis_starts_again(outcome: LinuxResult):
    assert not outcome.problem, outcome.problem
    assert outcome.fact("end") == REBOOT
    _linux, _end, second = outcome.text.partition("LINUX end")
    assert "stasis: running" in second


@pytest.mark.long
@pytest.mark.parametrize("job", COUNTED, ids=name_of)
def test_a_root_that_idles_exits_for_nothing_else(outcome: LinuxResult):
    assert not outcome.problem, outcome.problem
    before, idle = outcome.exits()
    print("exits up to user space:", before, "while it idles:", idle)
    assert not set(idle) - IDLE_EXITS - {CPUID_EXIT}, idle
    assert idle.get(CPUID_EXIT, 0) < PROGRAM_STARTS


def test_a_reading_is_understood():
    result = LinuxResult(LinuxPlan(OLDEST, SVM), (
        "LINUX kernel 6.1\r\nSTRESS tsc 00 right\r\n"
        "LINUX clock ns=1000100000 timer=3579545 loc=3\r\n"
        "<6>[    0.1] fine\r\n<4>[   10.2] bad \r\n<12>[   10.3] of a program\r\n"))
    assert result.fact("kernel") == "6.1" and result.fact("end") == ""
    assert result.stress() == ["tsc 00 right"]
    assert result.warnings() == ["bad", "of a program"]
    assert round(result.drift()) == 100
