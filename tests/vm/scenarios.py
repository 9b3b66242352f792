"""Which guest program runs in which boot, on which processors.

Every program of tests/guest/root is a scenario but those of TOOLS; it runs
unless it is not there.  What is not said in PLACES shares its boot with its neighbours.
A scenario prints, on lines of their own, `TEST case: PASS`, `TEST case: FAIL
why` or `TEST case: SKIP why`, and at its end `DONE scenario`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace

from boots import BUILD, ROOT, Plan, Step
from costs import NO_NRIP
from emulator import (BOCHS, SVM, Processor, choose_processor, has_kvm,
                      icount, processor_of, qemu_binary, version_of)

SOURCES = ROOT / "tests/guest/root"
TOOLS = {"acpi", "gop", "reset"}                # programs of other tests
# With $STASIS_BOOKS everything runs on the image for tests, whose books of VMCSs and
# translations are asked at each entry.
WITH_BOOKS = "test/stasis.efi"
IMAGE = WITH_BOOKS if os.environ.get("STASIS_BOOKS") else ""
PER_BOOT = 8                            # scenarios that share a boot

# Also what takes long and shows little that the rest does not.
EVERYTHING = bool(os.environ.get("STASIS_EVERYTHING"))
# Of Bochs': one with everything, the least Stasis runs on, one in the middle.
MODELS = (BOCHS, processor_of("corei5_arrandale_m520"),
          processor_of("corei7_haswell_4770"))

# Arguments where KVM is itself under Bochs; docs/testing.md has whose faults they leave
# out. Times and shares are by what was seen there: instructions are KVM's as well.
ARGUMENTS = {
    "anywhere": "steps=0 nmis=0 breaks=0 timer=0 common=1",
    "cost": "exact=0",
    "debug": "fills=0",
    "hostile": "share=15 int1=0 masked=0 wrap=0",
    "nmi": "late=5000 even=0 child=0 deaf=0",
    "refused": "sysenter=0",
    "share": "own=50",
    "storm": "rounds=300 patience=10 odd=0",
    "ticks": "deaf=0 period=800000",
    "wild": "exits=500 share=0 odd=0",
}
# Where QEMU has SVM: what its defects leave out (docs/svm.md), and times by its clock, of
# which an instruction takes 16 ticks.
SVM_ARGUMENTS = {
    "attack": "calls=50000",
    "cost": f"length={NO_NRIP}",
    "anywhere": "limits=0 steps=0 all=1 common=1 timer=0",
    "hostile": "pushes=0" + (" faults=0" if icount() else ""),
    "nmi": "late=20000 even=0 child=0",
    "pair": "rounds=1000 most=0",
    "refused": "sysenter=0 kernel_gs=0",
    "share": "ticks=16",
    "spread": "least=0",
    "storm": "rounds=3000 patience=64",
    "ticks": "doubles=1",
    "timers": "doubles=1",
    "token": "doubles=1 patience=10",
    "wild": "exits=2000 seed=2 share=0 breaks=0 locks=0 sregs=0 lax=1",
}
# What is about VT-x alone.
SVM_LEFT_OUT = {
    "below": "it compares with KVM's counts of VT-x",
    "tally": "it counts what KVM makes exit of VT-x",
}
# What takes long, and asks little of a model: one of each vendor, unless some are named.
ON_ONE = {name: (SVM, BOCHS) for name in ("attack", "pair", "spread")}
# Arguments of what goes through so many rounds that one model of Bochs' does all of them,
# and the others a part, if none are named.
FEWER_ROUNDS = {
    "storm": "rounds=1700",
    "ticks": "part=5",
    "timers": "part=5",
    "token": "part=5",
}
# Cases that cannot be right there, and why: docs/svm.md. They are run, and one that fails
# counts as skipped, with this reason; one that passes fails, to be taken from here. A
# reason that names versions is of these alone.
SVM_CANNOT = {
    "PAE entries with reserved bits": "SVM: PDPTEs are in memory",
    "a #DB that raises itself is the parent's": "QEMU 7.2 ends: breakpoint of a push",
    "a breakpoint of MOV SS behind what exits": "QEMU: MOV SS holds no #DB back",
    "a fault of ours has RF": "QEMU 7.2: RF is not pushed. QEMU 10.0: VMPTRLD is no #UD",
    "an #AC is given back": "QEMU: no #AC",
    "an #AC that raises itself": "QEMU: no #AC",
    "an #AC that raises itself is the parent's": "QEMU: no #AC",
    "an NMI behind STI": "QEMU 7.2: no shadow at VMRUN",
    "cr4 with bad pdptes": "SVM: PDPTEs are in memory",
    "general detect intercepted and handed on": "QEMU 7.2: no general detect",
    "general detect, and INT1": "QEMU 7.2: no general detect, INT1 is #UD",
    "message of a task switch": "QEMU: it does not exit",
    "one with PAE paging": "SVM: PDPTEs are in memory",
    "real mode: a delivery has no error code": "QEMU: no segment limits",
    "steps intercepted and handed on": "QEMU 7.2: no step behind STI",
    "steps intercepted and kept": "QEMU 7.2: no step behind STI",
    "steps intercepted, saved and restored": "QEMU 7.2: no step behind STI",
}
# What is of a version is known of these; another may have it or not.
QEMUS = ("7.2", "10.0")
SLOWER = 6                              # than Bochs alone, by its own clock

# What runs with two processors as well, on one of each vendor. QEMU has the host's clock
# then, as 7.2 starves the second processor with one that is made of instructions; so
# what asks how long something takes is not among them.
# Nor is what asks another processor for its VP thousands of times: where more threads than
# processors run, each such call may wait for the host's scheduler (rounds, crowd, streams).
TWO = ("apicpage", "cpuid", "debug", "lifecycle", "memory", "messages", "modes", "nmi",
       "refused", "registers", "save", "share", "statuses", "system")

# Of two processors; of VT-x fewer, as the debugger of Bochs runs them in turn.
TWO_ATTACK = {"svm": Step("attack", "attack.efi calls=50000"),
              "bochs": Step("attack", "attack.efi calls=5000")}

CASE = re.compile(r"^TEST (\S.*?): (PASS|FAIL|SKIP)\b[ :]*(.*?)\s*$", re.M)
OF_VERSION = re.compile(r"QEMU (\d+\.\d+)")
DONE = re.compile(r"^DONE (\S+)\s*$", re.M)


@dataclass(frozen=True)
class Place:
    """Where a scenario runs when that is not just anywhere."""

    group: str
    cpus: int = 1
    options: str = ""                   # of stasis.efi
    stasis: str = "stasis.efi"          # which build of it
    timeout: float = 1800               # seconds, even of one that goes on
    seconds: float = 20                 # that Bochs takes, about
    hosts_clock: bool = False           # QEMU's own stands still in some children (docs/svm.md)


# The image for tests counts exits, and has the books.
COUNTED = Place("tally", stasis=WITH_BOOKS, seconds=100)
LONG = Place("long", seconds=70)
ROUNDS = Place("rounds", timeout=3600, seconds=150)

PLACES: dict[str, Place] = {
    "anywhere": Place("anywhere", timeout=3600, seconds=140),
    "leak": LONG,
    "storm": LONG,
    # On Bochs the next child has NMIs blocked as its last one (docs/architecture.md).
    "attack": replace(COUNTED, group="attack", hosts_clock=True),
    "below": COUNTED,
    "pair": Place("pair", cpus=2, seconds=60),
    "spread": Place("pair", cpus=2, seconds=60),     # the last: what it does to a processor stays
    "tally": COUNTED,
    "wild": COUNTED,
    "ticks": Place("ticks", seconds=70),    # leaves another mode of the APIC
    "timers": ROUNDS,
    "token": ROUNDS,
}


@dataclass(frozen=True)
class Case:
    """One TEST line."""

    name: str
    verdict: str
    why: str


def processors() -> tuple[Processor, ...]:
    """What scenarios run on: $STASIS_MODELS names them, with commas, or $EMU."""
    if chosen := os.environ.get("STASIS_MODELS"):
        return tuple(map(processor_of, chosen.split(",")))
    default = choose_processor()
    if os.environ.get("EMU"):
        return MODELS if default == BOCHS else (default,)
    return *((default,) if has_kvm() else ()), SVM, *MODELS


def one_of_each() -> tuple[Processor, ...]:
    """One with each vendor's way to run a guest, or what $EMU says."""
    default = choose_processor()
    return (default,) if os.environ.get("EMU") else (default, BOCHS)


def wanted(*plans: Plan) -> list[Plan]:
    """Of boots on processors of their own those that $EMU lets run."""
    run_by = {processor.emulator for processor in one_of_each()}
    return [plan for plan in plans if plan.processor.emulator in run_by]


def placed() -> dict[Place, list[str]]:
    """The scenarios of each boot, in the order in which they run."""
    boots: dict[Place, list[str]] = {}
    free = 0
    programs = {source.stem for source in SOURCES.glob("*.c")}
    if chosen := os.environ.get("STASIS_SCENARIOS"):    # with commas: the others do not run
        programs &= set(chosen.split(","))
    for name in sorted(programs - TOOLS):
        place = PLACES.get(name)
        if place is None:
            place = Place(f"group{free // PER_BOOT + 1}")
            free += 1
        boots.setdefault(place, []).append(name)
    return boots


def group_plan(place: Place, names: list[str],
               processor: Processor) -> Plan:
    """The boot that runs these scenarios one after the other."""
    slower = SLOWER if processor.nested else 1
    load = f"stasis.efi {place.options}".strip()
    programs = tuple(Step(name, command(name, processor)) for name in names)
    files = tuple((f"{name}.efi", BUILD / f"guest/{name}.efi")
                  for name in names)
    return Plan(place.group, (Step("load", load), *programs),
                (("stasis.efi", BUILD / (IMAGE or place.stasis)), *files),
                processor=processor, cpus=cpus_of(place), hosts_clock=place.hosts_clock,
                seconds=place.seconds / (2 if processor.emulator == "svm" else 1),
                timeout=place.timeout * slower, silence=90 * slower)


def cpus_of(place: Place) -> int:
    """The machine's logical processors: $STASIS_CPUS, if that is more."""
    return max(place.cpus, int(os.environ.get("STASIS_CPUS", "1")))


def command(name: str, processor: Processor) -> str:
    """What runs a scenario."""
    arguments: dict[str, str] = {}
    if processor.nested:
        arguments = ARGUMENTS
    elif processor.emulator == "svm":
        arguments = SVM_ARGUMENTS
    elif processor in MODELS[1:] and not os.environ.get("STASIS_MODELS"):
        arguments = FEWER_ROUNDS
    return f"{name}.efi {arguments.get(name, '')}".rstrip()


def scenarios() -> list[tuple[Plan, str]]:
    """Every scenario on every processor, with the boot it runs in."""
    found = []
    for processor in processors():
        for place, names in placed().items():
            here = [name for name in names if not left_out(name, processor)]
            found += [(group_plan(place, here, processor), name) for name in here]
    if not os.environ.get("STASIS_MODELS"):
        found += [(plan, step.name) for plan in two_plans() for step in plan.steps[1:]]
    return found


def two_plans() -> list[Plan]:
    """Boots with two processors, on each vendor's; with books where the clock is not the
    host's, as they make exits longer. What attacks has one of its own."""
    place = Place("two", cpus=2, seconds=120)
    attack = replace(PLACES["attack"], group="two-attack", cpus=2)
    return wanted(group_plan(place, list(TWO), SVM),
                  group_plan(replace(place, stasis=WITH_BOOKS), list(TWO), BOCHS),
                  *(replace(plan, steps=(plan.steps[0],
                                         TWO_ATTACK[plan.processor.emulator]))
                    for plan in (group_plan(attack, ["attack"], SVM),
                                 group_plan(attack, ["attack"], BOCHS))))


def left_out(name: str, processor: Processor) -> str:
    """Why a scenario does not run there, or nothing."""
    if (not os.environ.get("STASIS_MODELS")
            and processor not in ON_ONE.get(name, (processor,))):
        return "on one of each vendor"
    if IMAGE and name == "cost":
        return "it counts instructions, which the books add to"
    return SVM_LEFT_OUT.get(name, "") if processor.emulator == "svm" else ""


def read_cases(section: str, processor: Processor) -> list[Case]:
    """The TEST lines of a scenario's output, on this processor."""
    return [excuse(Case(*found), processor) for found in CASE.findall(section)]


def cannot(name: str) -> tuple[str, bool]:
    """Why a case cannot be right on this QEMU, or nothing; and whether that is sure."""
    why = SVM_CANNOT.get(name, "")
    if not (versions := OF_VERSION.findall(why)):
        return why, True
    here = version_of(qemu_binary())
    if here in QEMUS and here not in versions:
        return "", True
    return why, here in QEMUS


def excuse(case: Case, processor: Processor) -> Case:
    """A case that cannot be right on its emulator is skipped, and must not pass."""
    why, sure = cannot(case.name) if processor.emulator == "svm" else ("", True)
    if not why:
        return case
    if case.verdict == "PASS":
        return replace(case, verdict="FAIL",
                       why="it passes: not of SVM_CANNOT") if sure else case
    return replace(case, verdict="SKIP", why=why)


def is_excused(section: str, processor: Processor) -> bool:
    """Whether the status of the program counts cases that are skipped here."""
    return "FAIL" in (found[1] for found in CASE.findall(section)) and \
        "FAIL" not in (case.verdict for case in read_cases(section, processor))


def judge_scenario(name: str, section: str,
                   processor: Processor) -> list[str]:
    """What is wrong with a scenario's output; nothing if it passed."""
    cases = read_cases(section, processor)
    wrong = [f"{case.name}: {case.why or 'FAIL'}" for case in cases
             if case.verdict == "FAIL"]
    unread = len(re.findall(r"^TEST\b", section, re.M)) - len(cases)
    twice = {case.name for case in cases
             if sum(other.name == case.name for other in cases) > 1}
    if not cases:
        wrong.append("it printed no TEST line")
    if unread:
        wrong.append(f"{unread} TEST lines have no verdict")
    if twice:
        wrong.append(f"more than one verdict on {', '.join(sorted(twice))}")
    if name not in DONE.findall(section):
        wrong.append("it did not come to its end: no DONE line")
    return wrong
