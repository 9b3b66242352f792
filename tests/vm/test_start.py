"""The start: what stands in its way, and what is left of one that was refused.
"""

from __future__ import annotations

import re

import pytest

from boots import BUILD, Plan, Result, Step
from emulator import BOCHS, NEITHER, SVM, Processor, processor_of
from machine import last_lines
from scenarios import one_of_each, wanted

STASIS = (("stasis.efi", BUILD / "stasis.efi"),)
PLANTED = (("planted.efi", BUILD / "test/stasis.efi"),)
HVCTL = (("hvctl.efi", BUILD / "hvctl.efi"),)

# What is said where the processor refuses the first VM entry; SDM 26.7: guest state,
# APM 15.5.1: exit code -1, of which QEMU writes 32 bits.
VMX_REFUSED = ("the processor refused to enter VMX operation",
               "detail 0x280000021")
SVM_REFUSED = ("the processor refused VMRUN", "detail 0x2FFFFFFFF")

# That is the last moment to go back. The firmware must be as it was, ticks and disk
# and all, and a start go well.
GIVEN_UP = tuple(Plan(
    "start-given-up",
    (Step("product", "stasis.efi fault=entry"),
     Step("entry", "planted.efi fault=entry"), Step("stall", "stall 1000000"),
     Step("copy", "cp stasis.efi copy.efi"),
     Step("load", "copy.efi"), Step("again", "copy.efi"),
     Step("list", "hvctl list")),
    STASIS + PLANTED + HVCTL, processor) for processor in one_of_each())


def processor_name(job: Plan) -> str:
    """For the list of tests; pytest has a mark of its own in an empty list."""
    return str(getattr(job, "processor", ""))


def refused_entry(outcome: Result) -> str:
    """What the step with the planted fault said, which is all that it should."""
    said = outcome.section("entry")
    for words in (SVM_REFUSED if outcome.plan.processor.emulator == "svm"
                  else VMX_REFUSED):
        assert words in said
    assert outcome.transcript.statuses["entry"] != 0
    return said


@pytest.mark.parametrize("job", GIVEN_UP, ids=processor_name)
class TestGivenUp:
    """One boot with a wrong option and three starts."""

    def test_comes_to_its_end(self, outcome: Result):
        assert not outcome.problem, (
            outcome.problem + "\n" + last_lines(outcome.text))

    def test_the_product_has_no_planted_faults(self, outcome: Result):
        assert ("unknown option 'fault=entry'; try"
                in outcome.section("product"))
        assert outcome.transcript.statuses["product"] != 0

    def test_a_refused_entry_is_told(self, outcome: Result):
        assert "stasis: not started" in refused_entry(outcome)

    def test_a_start_after_it_goes_well(self, outcome: Result):
        assert "stasis: running" in outcome.section("load")
        assert outcome.transcript.statuses["list"] == 0

    def test_stasis_is_told_from_other_hypervisors(self, outcome: Result):
        assert "Stasis runs already" in outcome.section("again")
        assert outcome.transcript.statuses["again"] != 0


def check_plan(processor: Processor, board: str = "pc") -> Plan:
    """Stasis looks at a machine, and then starts on it or does not."""
    return Plan("check",
                (Step("check", "stasis.efi check"), Step("load", "stasis.efi"),
                 Step("again", "stasis.efi check")),
                STASIS, processor, board=board)


# q35: its ACPI tables have a register for resets, those of Bochs' OVMF do not.
NO_VTX = check_plan(NEITHER, "q35")
NO_EPT = check_plan(processor_of("core2_penryn_t9600"))
NO_UNRESTRICTED = check_plan(processor_of("corei5_lynnfield_750"))
NO_NPT = check_plan(processor_of("Opteron_G3"))
NO_CRC32 = check_plan(processor_of("phenom"))      # nested paging without SSE4.2
LEAST = check_plan(processor_of("corei5_arrandale_m520"))
MOST = check_plan(BOCHS)
AMD = check_plan(SVM)

UNRESTRICTED = "'unrestricted guest' (IA32_VMX_PROCBASED_CTLS2 bit 7)"
# Where, what a start says, what else is in the way.
REFUSED = (
    (NO_VTX, "the hypervisor that this machine runs on shows no SVM", ()),
    (NO_EPT, "this processor lacks the extended page tables",
     ("'enable EPT' (IA32_VMX_PROCBASED_CTLS2 bit 1)", UNRESTRICTED,
      "'activate VMX-preemption timer' "
      "(IA32_VMX_TRUE_PINBASED_CTLS bit 6)")),
    (NO_UNRESTRICTED, "this processor has no unrestricted guest mode",
     (UNRESTRICTED,)),
    (NO_NPT, "this processor lacks the nested paging that we need; "
     "use a newer one", ("'nested paging' (CPUID 8000000A EDX bit 0)",)),
    (NO_CRC32, "this processor lacks the CRC32 instruction (SSE4.2) that we "
     "need; use a newer one", ()),
)


def said_of(result: Result, step: str) -> str:
    """What a step printed, in lines."""
    return result.section(step).replace("\r", "")


@pytest.mark.parametrize("job, why, lacks",
                         [row for row in REFUSED if wanted(row[0])],
                         ids=lambda value: str(getattr(value, "processor", "")))
def test_each_reason_has_its_name(outcome: Result, why: str,
                                  lacks: tuple[str, ...]):
    check, load = said_of(outcome, "check"), said_of(outcome, "load")
    assert not outcome.problem
    assert f"\nstasis: would not start: {why}" in check
    assert f"stasis: not started: {why}" in load
    for what in lacks:
        assert f"\nstasis: it lacks {what}\n" in check
        assert f"\nstasis: it lacks {what}\n" in load
    assert check.count("it lacks") == load.count("it lacks")
    assert bool(lacks) == ("it lacks" in check)
    by_acpi = "by ACPI's register, I/O port 0xCF9, value 0xF\n"
    assert (by_acpi in check) == (outcome.plan.board == "q35")
    assert outcome.transcript.statuses["check"] != 0
    assert (outcome.transcript.statuses["load"]
            == outcome.transcript.statuses["check"])


@pytest.mark.parametrize("job", wanted(LEAST, MOST, AMD), ids=processor_name)
class TestGoesWell:
    """Where a start does."""

    def test_says_so(self, outcome: Result):
        assert "\nstasis: would start here\n" in said_of(outcome, "check")
        assert outcome.transcript.statuses["check"] == 0
        assert "stasis: running" in said_of(outcome, "load")
        assert not outcome.problem

    def test_says_where_a_stop_would_show(self, outcome: Result):
        check = said_of(outcome, "check")
        assert "\na stop:     on a serial port, I/O port 0x3F8\n" in check
        assert "\na reset:    by ports CF9H and 64H;" in check

    def test_lines_fit_the_screen(self, outcome: Result):
        assert max(map(len, said_of(outcome, "check").splitlines())) < 80

    def test_under_ourselves_nothing_else_is_said(self, outcome: Result):
        assert said_of(outcome, "again").strip() == (
            "stasis: not started: Stasis runs already; "
            "restart the machine first")


@pytest.mark.parametrize("job", wanted(AMD), ids=processor_name)
def test_names_what_is_used_of_svm(outcome: Result):
    check = said_of(outcome, "check")
    assert re.search(r"^SVM:        VM_CR 0x0: on; 16 ASIDs$", check, re.M)
    required, wanted = check.split("\nUsed if it is there:\n")
    assert "  present                   nested paging " in required
    assert "absent" not in required.lower()
    # QEMU has none of these without KVM.
    assert len(re.findall("^  absent  ", wanted, re.M)) == 4
    assert "present" not in wanted


@pytest.mark.parametrize("job", wanted(LEAST, MOST), ids=processor_name)
class TestCheck:
    """What is said of VT-x and of Bochs."""

    def test_names_each_control(self, outcome: Result):
        check = said_of(outcome, "check")
        required, wanted = check.split("\nUsed if it is there:\n")
        assert len(re.findall(r"^  present  ", required, re.M)) == 32
        assert "absent" not in required.lower()
        has_apicv = outcome.plan != LEAST
        assert (re.search(r"^  (\S+) +virtual-interrupt delivery +IA32_VMX_"
                          r"PROCBASED_CTLS2 bit 9$", wanted, re.M)[1]
                == ("present" if has_apicv else "absent"))
        # What it needs beside it is not there.
        assert re.search(r"^  (\S+) +use TPR shadow ", wanted, re.M)[1] == (
            "present" if has_apicv else "unused")

    def test_says_what_is_done_between_partitions(self, outcome: Result):
        # No model of Bochs offers more.
        assert ("\nbarriers:   return stack; where another partition is "
                "entered\n") in said_of(outcome, "check")

    def test_the_clock_denies_bochs_word_on_the_tsc(self, outcome: Result):
        check = said_of(outcome, "check")
        khz = re.search(r"^TSC: +(\d+) kHz, by a measurement$", check, re.M)
        assert abs(int(khz[1]) - 50000) <= 200      # bochsrc has ips=50000000
        claims = "by CPUID leaf 16H: the clock denies it" in check
        assert claims == (outcome.plan == MOST)
        assert ("not at" in said_of(outcome, "load")) == claims


# Firmware that maps nothing but code as executable, and so not what Stasis has
# reserved. Refused in the last moment, then started.
STRICT = tuple(Plan(
    "start-strict",
    (Step("strict", "load strict.efi"), Step("check", "stasis.efi check"),
     Step("entry", "planted.efi fault=entry"), Step("load", "stasis.efi"),
     Step("list", "hvctl list")),
    STASIS + PLANTED + HVCTL + (("strict.efi", BUILD / "firmware/strict.efi"),),
    processor) for processor in one_of_each())


@pytest.mark.parametrize("job", STRICT, ids=processor_name)
def test_reserved_memory_need_not_be_executable(outcome: Result):
    assert not outcome.problem, (
        outcome.problem + "\n" + last_lines(outcome.text))
    assert "would start here" in outcome.section("check")
    for step in ("entry", "load"):
        runs = re.findall(r"strict: (\d+) pages at \S+ are not executable",
                          outcome.section(step))
        assert max(map(int, runs)) > 4096, runs
    assert "stasis: not started" in refused_entry(outcome)
    assert "stasis: running" in outcome.section("load")
    assert outcome.transcript.statuses["list"] == 0
