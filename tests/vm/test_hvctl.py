"""hvctl with a child of several VPs: what it shows of them, runs and saves.

The child is tests/guest/child/smp: four VPs print their index 250 times each,
all at once, with a value of its own in every register (marks.c). It is stopped,
let go into messages that nobody takes, and saved with these; another machine has
nothing but the file, and prints the rest.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from boots import BUILD, ROOT, Plan, Result, Step
from emulator import Processor, processor_of
from scenarios import one_of_each, wanted

VPS, TIMES = 4, 250
CHARS = 240                             # below TIMES: nobody can be through
LINE = 79                               # a full row of 80 would leave one empty
PROGRAMS = (("stasis.efi", BUILD / "stasis.efi"),
            ("hvctl.efi", BUILD / "hvctl.efi"))
SMP = ("smp.img", BUILD / "child/smp.img")
GROUPS = ("core", "msrs", "apic", "synic", "fp")

FIRST = Plan("hvctl-smp", (
    Step("load", "stasis.efi"),
    Step("create", "hvctl create smp.img vps=4"),
    Step("fresh", "hvctl regs 2 apic"),
    Step("run", f"hvctl run 2 for={CHARS}"),
    Step("resume", "hvctl resume 2"),
    Step("list", "hvctl list"),
    Step("suspend", "hvctl suspend 2"),
    *(Step(group, f"hvctl regs 2 3 {group}") for group in GROUPS),
    Step("all", "hvctl regs 2 3 all"),
    Step("default", "hvctl regs 2"),
    Step("save", "hvctl save 2 smp.sav"),
    Step("no-vp", "hvctl regs 2 4"),
    Step("no-group", "hvctl regs 2 3 fpu"),
    Step("create-other", "hvctl create smp.img vps=4"),
    Step("keyed", "hvctl run 3"),
    Step("rest", "hvctl run 3"),
    Step("create-many", "hvctl create smp.img vps=64 mem=1"),
    Step("list-many", "hvctl list"),
    Step("delete-many", "hvctl delete 4"), Step("stats", "hvctl stats"),
), PROGRAMS + (SMP,), typing=(("=== step keyed", "q"),))

SECOND_STEPS = (
    Step("load", "stasis.efi"), Step("restore", "hvctl restore smp.sav"),
    Step("all", "hvctl regs 2 3"),
    Step("run", f"hvctl run 2 for={VPS * TIMES - CHARS}"),
    Step("resume", "hvctl resume 2"), Step("list", "hvctl list"),
    Step("last", "hvctl run 2"), Step("again", "hvctl run 2"))

# A processor without XSAVE and without AVX.
OLD = Plan("hvctl-old", (Step("load", "stasis.efi"),
                         Step("create", "hvctl create smp.img"),
                         Step("fp", "hvctl regs 2 fp"),
                         Step("core", "hvctl regs 2 CORE")),
           PROGRAMS + (SMP,), processor=processor_of("corei5_arrandale_m520"))

# What tests/guest/child/smp puts into VP 3, by the names of hvctl.
MARKS = {
    "RBP": 3, "RAX": ord("3"), "CR2": 0xc2, "CR8": 2, "DR0": 0xd0,
    "DR3": 0xd3, "EFER": 0x500, "XFEM": 7, "CS": 8, "DS": 0x1000,
    "ExplicitSuspend": 1, "InterceptSuspend": 1,
    "TSC_DEADLINE": 0x7000000000000000, "TSC_AUX": 0xa3,
    "KERNEL_GS_BASE": 0xffff800000005555, "APIC_BASE": 0xfee00c00,
    "INITIAL_APIC_ID": 3, "STAR": 0x0013000800001111,
    "LSTAR": 0xffffffff80002222, "CSTAR": 0xffffffff80003333,
    "SFMASK": 0x44444, "SYSENTER_CS": 0x666,
    "SYSENTER_RSP": 0xffff800000007777, "SYSENTER_RIP": 0xffff800000008888,
    "DEBUGCTL": 0, "PAT": 0x0007010600070406, "MTRR_CAP": 0x508,
    "MTRR_DEF_TYPE": 0xc06, "MTRR_BASE0": 0x10000006,
    "MTRR_MASK0": 0xff000800, "MTRR_BASE7": 0x70000001,
    "MTRR_MASK7": 0xf7000800, "MTRR_64K_00000": 0x0606060606060601,
    "MTRR_16K_80000": 0x0606060606060104,
    "MTRR_4K_F8000": 0x0505050505050501,
    "ID": 3, "TPR": 0x21, "PPR": 0x40, "LDR": 8, "SVR": 0x1fe, "ESR": 0,
    "LVT_TIMER": 0x50060, "LVT_THERMAL": 0x10061, "LVT_PERF": 0x10062,
    "LVT_LINT0": 0x10063, "LVT_LINT1": 0x10064, "LVT_ERROR": 0x10065,
    "INITIAL_COUNT": 0, "CURRENT_COUNT": 0, "DIVIDE": 0xa, "ICR": 0,
    "VP_INDEX": 3, "GUEST_OS_ID": 0x8100000000001234, "HYPERCALL": 0x61001,
    "VP_ASSIST_PAGE": 0x62001, "REFERENCE_TSC": 0x63001, "SCONTROL": 1,
    "SVERSION": 1, "SIEFP": 0x64000, "SIMP": 0x65000, "SINT0": 0x10070,
    "SINT1": 0x10071, "SINT2": 0x10000, "SINT15": 0x1007f,
    "STIMER0_CONFIG": 0x10002, "STIMER0_COUNT": 0x1111,
    "STIMER1_CONFIG": 0, "STIMER3_CONFIG": 0x40000, "STIMER3_COUNT": 0x4444,
    "FCW": 0x37f, "FSW": 0x3000, "FTW": 0xc0, "MXCSR": 0x3f80,
    "ST0": 0x3fff << 64 | 1 << 63, "ST1": 0x4000 << 64 | 0xc90fdaa22168c235,
} | {f"XMM{i}": 0xf << 120 | i << 64 | 0x1000 + i for i in range(16)
} | {f"YMM{i}H": 0xf << 120 | i + 16 << 64 | 0x1010 + i for i in range(16)}

# All the others that must be there, whatever is in them.
PRESENT = (
    *"RBX RCX RDX RSI RDI RSP R8 R15 RIP RFLAGS CR0 CR3 CR4 DR6 DR7".split(),
    *"SS ES FS GS LDTR TR GDTR IDTR".split(), "InternalActivityState",
    "InterruptState", "PendingInterruption", "TSC", "MTRR_16K_A0000",
    *(f"MTRR_{kind}{i}" for kind in ("BASE", "MASK") for i in range(8)),
    *(f"MTRR_4K_{at:X}8000" for at in range(12, 16)), "VERSION",
    "VP_RUNTIME", "TIME_REF_COUNT", *(f"SINT{i}" for i in range(16)),
    *(f"STIMER{i}_COUNT" for i in range(4)), "FOP", "FIP", "FDP",
    *(f"ST{i}" for i in range(8)))


def registers(section: str) -> dict[str, int]:
    """What regs printed, by name; of a set of vectors only the first."""
    # A segment's limit is no name.
    found = re.findall(r"(?<!\S)(?!F{8} )([A-Za-z]\w*) +"
                       r"([0-9A-F][0-9A-F:]*)(?!\S)", section)
    assert len(found) == len({name for name, _ in found}), found
    return {name: int(value.replace(":", ""), 16) for name, value in found}


def vectors(section: str, name: str) -> list[int]:
    """A set of vectors: ISR, TMR or IRR."""
    line = re.search(rf"^ +{name} (.*)$", section, re.M)
    assert line, section
    return [int(word, 16) for word in line[1].split() if word != "none"]


def characters(*sections: str) -> Counter[str]:
    """How often each VP has printed, in one or more runs."""
    lines = "\n".join(sections).splitlines()
    return Counter("".join(x for x in lines if re.fullmatch("[0-3]+", x)))


@dataclass
class Journey:
    """Two machines, and what the first has saved."""

    first: Result
    second: Result


@dataclass(frozen=True)
class JourneyJob:
    """From one machine to another of the same kind."""

    processor: Processor

    @property
    def key(self) -> tuple[str, ...]:
        """What tells this one from all others."""
        return "hvctl", "journey", str(self.processor)

    def run(self, work: Path) -> Journey:
        """Save in one boot, restore in the next."""
        first = replace(FIRST, processor=self.processor).run(work / "first")
        first.section("save")
        second = Plan("hvctl-restored", SECOND_STEPS, PROGRAMS + (
            ("smp.sav", first.disk.read("smp.sav")),),
            self.processor).run(work / "second")
        return Journey(first, second)


journey = pytest.mark.parametrize(
    "job", [JourneyJob(one) for one in one_of_each()],
    ids=lambda job: str(job.processor))


@journey
def test_both_machines_come_to_their_end(outcome: Journey):
    for boot in (outcome.first, outcome.second):
        assert not boot.problem, boot.problem
    failed = {name for boot in (outcome.first, outcome.second)
              for name, status in boot.transcript.statuses.items() if status}
    assert failed == {"no-vp", "no-group", "again"}


@journey
def test_every_register_has_its_mark(outcome: Journey):
    shown = registers(outcome.first.section("all"))
    wrong = {name: hex(shown.get(name, -1)) for name, value in MARKS.items()
             if shown.get(name) != value}
    assert not wrong
    assert not [name for name in PRESENT if name not in shown]
    assert not [name for name in ("APR", "DFR") if name in shown]   # x2APIC


@journey
def test_vectors_are_lists(outcome: Journey):
    said = outcome.first.section("all")
    assert vectors(said, "ISR") == [0x40]
    assert vectors(said, "TMR") == []
    assert vectors(said, "IRR") == [0x35, 0x3f]
    assert vectors(outcome.first.section("fresh"), "IRR") == []


@journey
def test_groups_make_up_the_whole(outcome: Journey):
    parts = "".join(outcome.first.section(group) for group in GROUPS)
    whole = outcome.first.section("all")
    assert re.sub(r" TSC \w+", "", parts) == re.sub(r" TSC \w+", "", whole)
    heads = [line.split(":")[0] for line in whole.splitlines()
             if re.match("[a-z]", line)]
    assert tuple(heads) == GROUPS


@journey
def test_without_words_it_is_all_of_vp_0(outcome: Journey):
    said = registers(outcome.first.section("default"))
    assert said.keys() == registers(outcome.first.section("all")).keys()
    assert [said[name] for name in ("VP_INDEX", "TSC_AUX", "APIC_BASE")] == [
        0, 0xa0, 0xfee00d00]


@journey
def test_registers_fit_the_screen(outcome: Journey):
    for section in ("fresh", "all", "default"):
        lines = outcome.first.section(section).splitlines()
        assert max(map(len, lines)) <= LINE


@journey
def test_a_new_child_has_its_apic_in_xapic_mode(outcome: Journey):
    said = registers(outcome.first.section("fresh"))
    assert (said["DFR"], said["SVR"], said["APR"]) == (0xffffffff, 0xff, 0)
    assert "RAX" not in said and "MXCSR" not in said


@journey
def test_what_is_not_there_is_refused(outcome: Journey):
    assert "INVALID_VP_INDEX (0x000E)" in outcome.first.section("no-vp")
    assert "fpu is no VP index" in outcome.first.section("no-group")


@journey
def test_all_vps_are_served_and_stopped(outcome: Journey):
    said = outcome.first.section("run")
    count = characters(said)
    assert count.total() == CHARS and max(count.values()) <= TIMES
    assert f"suspended after {CHARS} characters" in said
    assert re.search(r"^ +2 +intercept +4 ", outcome.first.section("list"),
                     re.M)


@journey
def test_no_character_is_lost_or_doubled_by_a_save(outcome: Journey):
    rest = outcome.second.section("run")
    count = characters(outcome.first.section("run"), rest)
    assert count == {str(vp): TIMES for vp in range(VPS)}
    assert f"child 2 suspended after {count.total() - CHARS} " in rest


@journey
def test_any_vp_may_end_the_child(outcome: Journey):
    # All but VP 3 have halted; it waits with the newline, and then ends it.
    assert re.search(r"^ +2 +intercept +4 ", outcome.second.section("list"),
                     re.M)
    assert "child 2 ended with code 0 after 1 " in outcome.second.section(
        "last")
    assert "has ended with code 0" in outcome.second.section("again")


@journey
def test_a_restored_vp_is_what_it_was(outcome: Journey):
    before, after = (registers(boot.section("all"))
                     for boot in (outcome.first, outcome.second))
    assert after.pop("TSC") > 0 and before.pop("TSC") > 0
    assert after == before


@journey
def test_a_key_stops_all_vps(outcome: Journey):
    keyed, rest = (outcome.first.section(name) for name in ("keyed", "rest"))
    assert 0 < characters(keyed).total() < VPS * TIMES
    assert "child 3 suspended after" in keyed
    assert characters(keyed, rest) == {str(vp): TIMES for vp in range(VPS)}


@journey
def test_as_many_vps_as_a_partition_can_have(outcome: Journey):
    assert re.search(r"^ +4 +suspended +64 ",
                     outcome.first.section("list-many"), re.M)


@journey
def test_hypercalls_and_exits_are_counted(outcome: Journey):
    said = outcome.first.section("stats")
    rows = re.findall(r"^ *(\d+) +(\d+) +(\d+)  +([0-9A-F]+) (\S.*?)\s*$", said, re.M)
    assert len(rows) > 20
    for count, mean, worst, _code, _name in rows:
        assert int(count) > 0 and 0 < int(mean) <= int(worst)
    calls = {name: int(count) for count, _mean, _worst, _code, name in rows}
    # One that is refused for want of memory comes again.
    assert calls["CreateVp"] >= VPS + VPS + 64
    assert calls["CreatePartition"] == 3 and calls["DeletePartition"] == 1
    # The root halts while children run, and so do these, which have a port besides.
    names = [row[4] for row in rows]
    assert names.count("HLT") == 2 and names.count("I/O") >= 1
    assert "other" not in names


@pytest.mark.parametrize("job", wanted(OLD),
                         ids=lambda job: getattr(job, "name", ""))
def test_registers_that_a_processor_lacks_are_left_out(outcome: Result):
    assert not outcome.problem, outcome.problem
    said = registers(outcome.section("fp"))
    assert "XMM15" in said and "ST7" in said and said["MXCSR"] == 0x1f80
    assert not [name for name in said if name.startswith("YMM")]
    assert registers(outcome.section("core"))["RIP"] == 0


# ---- Tables that must keep up with include/ ----

# What regs leaves out on purpose (regs_groups.c), and ends of ranges.
NOT_SHOWN = {"EOI", "EOM", "ICR", "TPR", "YMM0_LOW", "APIC_LAST", "R8", "R15"}


def source(path: str) -> str:
    """The text of a source file."""
    return (ROOT / path).read_text(encoding="ascii")


def test_regs_knows_every_register_name():
    names = set(re.findall(r"^\tHV_REGISTER_(\w+) =",
                           source("include/tlfs_registers.h"), re.M))
    shown = set(re.findall(r"\b(?:R|N|REG)\((\w+)",
                           source("tools/hvctl/regs_groups.c")))
    assert len(names) > 60
    assert names - shown == NOT_SHOWN


@pytest.mark.parametrize("header, prefix, names", [
    ("include/tlfs.h", "HV_STATUS_", "parent/names.c"),
    ("include/tlfs_messages.h", "HV_MESSAGE_", "parent/names.c"),
    ("include/tlfs.h", "HVCALL_", "parent/names_exits.c"),
])
def test_every_number_has_a_name(header: str, prefix: str, names: str):
    known = set(re.findall(rf"^\t({prefix}\w+) =", source(header), re.M))
    assert len(known) > 10
    assert not known - set(re.findall(rf"\{{ ({prefix}\w+),", source(names)))
