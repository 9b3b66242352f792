"""Linux: the stress on bare QEMU and in a child that moves; what judges a console."""

from __future__ import annotations

import random
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import linux_parts
from boots import ROOT, Result, Step
from conftest import first_and_long
from emulator import SVM, processor_of
from linux_bare import BareJob
from linux_child import ABSENT, Child, printed
from linux_commands import CommandsJob, TravelJob
from linux_points import LifeJob, Machines, Point, choose, judge_commands
from linux_said import line_hash, parse, problems
from scenarios import wanted

KERNEL = ["[    0.000000] Linux version 6", "[    1.250000] Run /init"]
CHECK = ["VPS 1", "LINES " + " ".join(map(line_hash, KERNEL)),
         *(f"STRESS t{i} {i:016x} right" for i in range(21)),
         "STRESS end: 21 right, 0 wrong", "CHECK end 0"]


def console(kernel: list[str], check: list[str]) -> str:
    """The text of a machine that has said these lines."""
    numbered = [f"{i + 1:04} {line}" for i, line in enumerate(check)]
    return "\r\n".join([*kernel, "INIT ready 2 2", *numbered, "#"])


def changed(text: str, *others: tuple[str, str]) -> str:
    """A text with some of it replaced, all of which must be there."""
    for old, new in others:
        assert old in text
        text = text.replace(old, new)
    return text


GOOD = console(KERNEL, CHECK)


def test_a_good_console_has_no_problem():
    assert problems(parse(GOOD), set()) == []


@pytest.mark.parametrize("text, said", [
    (changed(GOOD, ("Run /init", "Rn /init")), "line 2 of the kernel's"),
    (changed(GOOD, ("[    0.000000] Linux version 6\r\n", "")),
     "1 lines of the kernel's came"),
    (changed(GOOD, ("[    1.250000]", "[    1.25")), "1 lines of the kernel's"),
    (console([*KERNEL, KERNEL[1]], CHECK), "3 lines of the kernel's came"),
    (changed(GOOD, ("0004 ", "04 ")), "missing or came twice"),
    (changed(GOOD, ("0004 STRESS t1 0000000000000001 right\r\n", "")),
     "missing or came twice"),
    (changed(GOOD, ("0001 VPS", "0001 VPS 1\r\n0001 VPS")), "missing or came twice"),
    (changed(GOOD, ("t2 0000000000000002 right", "t2 0003 WRONG, known: 0002")),
     "a checksum is wrong: t2"),
    (changed(GOOD, ("CHECK end 0", "CHECK end 1")), "good end"),
    (changed(GOOD, ("STRESS t3", "STRETCH t3")), "only 20 tests"),
    (changed(GOOD, ("VPS 1", "VPS 2")), "['2'] processors instead of 1"),
    (changed(GOOD, ("INIT", "INI")), "user space was not reached"),
    (changed(GOOD, ("0001 VPS 1\r\n", "0001 COMPLAINT 4 hung for 3 s\r\n")),
     "the kernel complains: # hung for # s"),
])
def test_a_bad_console_has_one(text: str, said: str):
    assert any(said in problem for problem in problems(parse(text), set()))


def test_a_complaint_of_bare_machines_is_none():
    text = console(KERNEL, ["COMPLAINT 4 slow 17", *CHECK])
    assert problems(parse(text), set()) != []
    assert problems(parse(text), {"# slow #"}) == []


def test_the_rest_of_a_line_is_no_complaint():
    text = console(KERNEL, ["COMPLAINT 4  #2", "COMPLAINT 4  #2 #3", *CHECK])
    assert problems(parse(text), set()) == []
    text = console(KERNEL, ["COMPLAINT 4 CPU #2", *CHECK])
    assert problems(parse(text), set()) != []


def test_the_initramfs_is_the_same_each_time():
    assert (linux_parts.initramfs().read_bytes()
            == linux_parts.initramfs().read_bytes())


def name_of(job: Any) -> str:
    """For the list of tests; pytest has a mark of its own in an empty list."""
    return "-".join(job.key[1:]) if hasattr(job, "key") else ""


# make test has the first of each, make test-linux all.
BARE = wanted(BareJob("6.1"), BareJob("7"), BareJob("6.1", vps=4, seconds=60),
              BareJob("6.1", task="reboot"))


@pytest.mark.parametrize("job", first_and_long(BARE), ids=name_of)
def test_the_stress_is_right_on_bare_qemu(job: BareJob, outcome):
    assert problems(outcome, outcome.complaints, job.vps) == []
    end = "Restarting system" if job.task == "reboot" else "Power down"
    assert f"reboot: {end}" in outcome.text


def test_points_lie_in_the_life_and_are_the_same_for_a_seed():
    points = choose(50, 10_000, random.Random("1"))
    assert points == choose(50, 10_000, random.Random("1"))
    assert points != choose(50, 10_000, random.Random("2"))
    assert sum(point.ms for point in points) <= 10_050
    assert {point.way for point in points} == {"again", "away", "state"}


def test_a_life_has_a_machine_for_each_journey():
    life = Machines(Child()).life([Point(5, "again"), Point(6, "state"),
                                   Point(7, "away")])
    first, second = [[step.command for step in steps] for steps in life]
    assert first[1:5] == ["hvctl run 2 ms=5 log=run0.log quiet",
                          "hvctl save 2 linux.sav", "hvctl delete 2",
                          "hvctl restore linux.sav"]
    assert first[5:8] == ["hvctl run 3 ms=6 log=run1.log quiet",
                          "hvctl save 3 linux.sav state",
                          "hvctl restore linux.sav into=3"]
    assert second == ["hvctl restore linux.sav", "hvctl run 2 log=run3.log quiet"]


# In its boot, in user space before the stress, and in the stress.
THREE = (Point(4000, "away"), Point(20000, "state"), Point(4000, "again"))
BARE_OF = {job.kernel: job for job in BARE
           if (job.vps, job.task) == (1, "stress")}
LIVES = wanted(*(
    LifeJob("three", THREE, Child(kernel, vps, words="stasis=stress"), SVM, 75 * vps)
    for kernel in linux_parts.KERNELS for vps in (1, 2, 4)))


@pytest.mark.parametrize("job", first_and_long(LIVES), ids=name_of)
def test_a_child_goes_on_from_anywhere(job: LifeJob, outcome, request):
    jobs, bare = request.session.jobs, BARE_OF[job.child.kernel]
    jobs.start(bare)                    # which may have been left out
    known = jobs.result(bare).complaints | ABSENT
    assert problems(outcome, known, job.child.vps) == []


RESETS = wanted(CommandsJob("reset", Child(words="stasis=reboot"), SVM, (
    Step("run", "hvctl run 2 for=28000 quiet log=run.log"),
    Step("list", "hvctl list"))))


@pytest.mark.long
@pytest.mark.parametrize("job", RESETS, ids=["reset"])
def test_a_child_that_reboots_begins_anew(job: CommandsJob, outcome: Result):
    judge_commands(outcome)
    assert "child 2 is reset" in outcome.section("run")
    assert re.search(r"^\s*3 +suspended +1", outcome.section("list"), re.M)
    first, end, second = printed(outcome, "run").partition(
        "reboot: Restarting system")
    assert end
    assert problems(parse(first), parse(first).complaints) == []
    assert re.search(r"^\[ +0\.000000\] Linux version 6", second, re.M)
    assert len(first) + len(end) + len(second) == 28000


# Saved in its boot on a processor with CLWB and UMIP, and offered to one without; into a
# child that is there, too, which has to be as it was.
ROME = processor_of("EPYC-Rome")
OFFERS = wanted(TravelJob(ROME, SVM))


@pytest.mark.long
@pytest.mark.parametrize("job", OFFERS, ids=["lesser"])
def test_a_lesser_processor_refuses_it(job: TravelJob, outcome: Result,
                                       tmp_path: Path):
    for step in "offer", "into":
        said = outcome.section(step)
        assert re.search(r"HvState\w+ \(5\)", said), said
    log = outcome.section("log")
    assert "result 5: CPUID 7.0 EBX bits not here: 24" in log   # CLWB
    assert "result 5: CPUID 7.0 ECX bits not here: 2" in log    # UMIP
    for name in "before", "after":
        (tmp_path / name).write_bytes(outcome.disk.read(f"{name}.sav"))
    diff = subprocess.run(
        [ROOT / "tools/hvstate", "diff", tmp_path / "before", tmp_path / "after"],
        text=True, capture_output=True, check=False, timeout=60)
    assert diff.returncode in (0, 1), diff.stderr
    # Time goes on in the child, and nothing else.
    assert [line for line in diff.stdout.splitlines() if not re.match(
        r"PARTITION reference_time:|VP 0 TSC:", line)] == []
