"""The machine under the hypervisor: firmware, shell, disk, clock, keyboard.

The same boot is made without Stasis, so that a fault of the runner or the
emulator is not taken for one of the hypervisor.
"""

import random
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from boots import BUILD, QEMUS_END, STOPPED, Plan, Result, Step
from disk import Disk, DiskError
from emulator import (BOCHS, NEITHER, PATIENCE, SVM, Hardware, Process, Processor,
                      choose_processor)
from machine import Machine, MachineError, MachineTimeout, last_lines
from scenarios import one_of_each
from terminal import Terminal

BIG = random.Random(5).randbytes(3 << 20)
STASIS = (("stasis.efi", BUILD / "stasis.efi"),)
PLANTED = (("stasis.efi", BUILD / "test/stasis.efi"),)
HVCTL = (("hvctl.efi", BUILD / "hvctl.efi"),)
STALL_SECONDS = 3
TYPED = "keys-arrive-1234567890"

USE = (
    Step("copy", "cp big.bin copy.bin"),
    Step("compare", "comp big.bin copy.bin"),
    Step("before", "time"),
    Step("stall", f"stall {STALL_SECONDS}000000"),
    Step("after", "time"),
)
# At its prompt, after the script, the shell is typed to.
PROMPT = (("=== step end", f"echo {TYPED}\r"),
          (f"\n{TYPED}\n", "reset -s\r"))


def shell_plan(name: str, processor: Processor, *load: Step,
               files=()) -> Plan:
    """A boot in which the shell does a little of everything."""
    return Plan(name, (*load, *USE), (("big.bin", BIG), *files), processor,
                power_off=False, typing=PROMPT)


# Bare, to see that the test is right.
SHELLS = [shell_plan("shell-bare", one_of_each()[0]),
          *(shell_plan("shell-root", processor, Step("load", "stasis.efi"), files=STASIS)
            for processor in one_of_each())]


def named(plan: Plan) -> str:
    """For the list of tests."""
    return "-".join(plan.key)


@pytest.mark.parametrize("processor, cpus, said, boots", [
    (SVM, 2, QEMUS_END, 2), (SVM, 1, QEMUS_END, 1), (BOCHS, 2, QEMUS_END, 1),
    (SVM, 2, "STASIS RESET: the root partition, by an INIT of its own", 1)])
def test_what_qemu_ended_is_run_once_more(monkeypatch, recwarn, processor, cpus, said, boots):
    made = []

    def run(plan, work):
        made.append(work)
        return Result(plan, Disk(work), work, text=said)

    monkeypatch.setattr("boots.run_plan", run)
    monkeypatch.setattr("boots.version_of", lambda _binary: "7.2")
    result = Plan("some", (), processor=processor, cpus=cpus).run(Path("here"))
    assert result.work == made[-1] and len(set(made)) == boots
    assert len(recwarn) == boots - 1


def seconds_of_day(text: str) -> int:
    """What the shell's time command printed."""
    hours, minutes, seconds = re.search(
        r"(\d\d):(\d\d):(\d\d)", text).groups()
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds)


@pytest.mark.parametrize("job", SHELLS, ids=named)
class TestShell:
    """One boot, looked at from several sides."""

    def test_ends_by_itself(self, outcome: Result):
        assert not outcome.problem, (
            outcome.problem + "\n" + last_lines(outcome.text))
        assert set(outcome.transcript.statuses.values()) == {0}

    def test_file_is_the_same_to_the_shell(self, outcome: Result):
        assert "no differences" in outcome.section("compare")

    def test_file_is_the_same_on_the_disk(self, outcome: Result):
        assert outcome.disk.read("copy.bin") == BIG

    def test_clock_and_stall_agree(self, outcome: Result):
        took = (seconds_of_day(outcome.section("after"))
                - seconds_of_day(outcome.section("before"))) % 86400
        assert STALL_SECONDS <= took <= STALL_SECONDS + 3

    def test_keys_arrive(self, outcome: Result):
        # Once as typed, once as the command's output.
        assert outcome.text.count(TYPED) >= 2


REFUSAL = Plan(
    "refusal", (Step("load", "stasis.efi"), Step("next", "echo still here")),
    STASIS, processor=NEITHER)


@pytest.mark.parametrize("job", [REFUSAL], ids=["qemu-without-svm"])
def test_refusal_leaves_the_machine_alone(outcome: Result):
    said = outcome.section("load").strip()
    assert said.startswith("stasis: not started: the hypervisor that this "
                           "machine runs on shows no SVM")
    assert "still here" in outcome.section("next")
    assert outcome.transcript.statuses["load"] != 0
    assert not outcome.problem


def crash_plan(fault: str, processor: Processor) -> Plan:
    """A boot in which the hypervisor fails by itself at a hypercall."""
    return Plan(f"crash-{fault}",
                (Step("load", f"stasis.efi fault={fault}"),
                 Step("call", "hvctl list")), PLANTED + HVCTL, processor)


# What the report says first, and what else it has to name.
REPORTS = {
    "check": ("CHECK(", r"^at \S+\.c:\d+$"),
    "exception": ("exception 14", r"planted_call\+"),
    "stack": ("exception 8", r"overflow_stack\S*\+"),
}


@pytest.mark.parametrize("job", [
    crash_plan(fault, processor) for processor in one_of_each()
    for fault in REPORTS], ids=named)
def test_crash_is_reported(outcome: Result):
    first, place = REPORTS[outcome.plan.name.removeprefix("crash-")]
    assert outcome.transcript.statuses.get("load") == 0
    assert outcome.crashed, outcome.problem + "\n" + last_lines(outcome.text)
    heads = [line for line in outcome.text.splitlines() if STOPPED in line]
    assert len(heads) == 2, heads
    assert first in heads[0] and heads[1] == f"{STOPPED}: end of report"
    report = outcome.text[outcome.text.index(STOPPED):]
    assert re.search(place, report, re.M), report
    for part in ("registers:", "stack at ", "called", "current VP: partition 1",
                 "hypercall under way: GetNextChildPartition"):
        assert part in report, report
    assert not outcome.finished("call")


# What each processor is about when one of two fails: where the fault is planted, what the
# report says first, what of the processor that writes it, and what of the other one.
TWO_REPORTS = {
    "check,0": ("CHECK(", 0, "in its guest|halts|waits for its turn"),
    "check,1": ("CHECK(", 1, ".*"),
    "exception,1": ("exception 14", 1, ".*"),
    "hang,0,7f01": ("another processor does not end its turn for 4 seconds", 1,
                    "has the turn\nhypercall under way: StasisGetCounters"),
    "hang,1": ("another processor does not end its turn for 4 seconds", 0, "has the turn"),
}


def two_plan(fault: str, processor: Processor) -> Plan:
    """The same with two processors; a child runs on the second one."""
    return Plan("crash-" + fault.replace(",", "-"),
                (Step("load", f"stasis.efi fault={fault}"),
                 Step("create", "hvctl create smp.img vps=4"),
                 Step("run", "hvctl resume 2"), Step("call", "hvctl stats")),
                PLANTED + HVCTL + (("smp.img", BUILD / "child/smp.img"),),
                processor, cpus=2)


@pytest.mark.parametrize("job", [
    two_plan(fault, processor) for processor in one_of_each()
    for fault in TWO_REPORTS], ids=named)
def test_crash_on_one_of_two_processors(outcome: Result):
    first, here, other = TWO_REPORTS[
        outcome.plan.name.removeprefix("crash-").replace("-", ",")]
    assert outcome.crashed, outcome.problem + "\n" + last_lines(outcome.text)
    heads = [line for line in outcome.text.splitlines() if STOPPED in line]
    assert len(heads) == 2, heads
    assert first in heads[0] and heads[1] == f"{STOPPED}: end of report"
    report = outcome.text[outcome.text.index(STOPPED):]
    assert f"processor {here} of 2" in report, report
    assert re.search(f"^processor {1 - here}: (?:{other})$", report, re.M), report
    # SVM keeps NMIs out where we run: only on VT-x does the stop find it there.
    if "hang" in outcome.plan.name and outcome.plan.processor.emulator != "svm":
        assert re.search(r"RIP [0-9a-f]+  planted_call\+", report), report


# --- without a machine ------------------------------------------------------

def test_disk_gives_back_what_was_put_in(tmp_path):
    files = {"a.txt": b"1", "x/Y/long name": BIG}
    disk = Disk.create(tmp_path / "disk", files)
    assert disk.read("a.txt") == b"1"
    assert disk.read("x/Y/long name") == BIG
    disk.write("a.txt", b"2")
    assert disk.read("a.txt") == b"2"
    disk.remove("a.txt")
    assert not disk.exists("a.txt")
    with pytest.raises(DiskError, match="mcopy failed"):
        disk.read("a.txt")


CONSOLE = (b"\x1b[2J\x1b[01;01H\x1b[=3hone\r\n\x1b[1m\x1b[33mtwo\x1b[0m"
           b"\x1b[10;01Hthree\x1b[10;07H!\n")


def test_terminal_strips_escapes_however_they_are_cut():
    whole = Terminal().feed(CONSOLE)
    assert whole == "\none\ntwo\nthree!\n"
    for cut in range(len(CONSOLE)):
        terminal = Terminal()
        assert (terminal.feed(CONSOLE[:cut])
                + terminal.feed(CONSOLE[cut:])) == whole


def test_unknown_emulator_is_refused(monkeypatch):
    monkeypatch.setenv("EMU", "vax")
    with pytest.raises(MachineError, match="vax"):
        choose_processor()


# Says when it begins and when it has its serial port.
STARTS = """\
import socket, sys, time
log = open(sys.argv[2], "a")
print("begins", file=log, flush=True)
time.sleep(0.1)
print("has its port", file=log, flush=True)
socket.create_connection(("127.0.0.1", int(sys.argv[1])))
"""


def start_one(work: Path, log: Path) -> None:
    """An emulator that starts slowly, and its end."""
    work.mkdir()
    Process("slow", work, lambda port: [sys.executable, "-c", STARTS,
                                        str(port), str(log)]).close()


def test_emulators_start_one_after_the_other(tmp_path):
    log = tmp_path / "log"
    with ThreadPoolExecutor() as pool:
        for started in [pool.submit(start_one, tmp_path / str(number), log)
                        for number in range(4)]:
            started.result()
    assert log.read_text() == "begins\nhas its port\n" * 4


# Says so when it has worked for a second, and once more when it has waited for two.
WORKS = """\
import socket, sys, time
port = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
while time.process_time() < 1:
    pass
port.send(b"worked")
time.sleep(2)
port.send(b"waited")
time.sleep(60)
"""


def test_limits_are_in_seconds_of_work(tmp_path):
    link = Process("works", tmp_path, lambda port: [sys.executable, "-c", WORKS,
                                                    str(port)])
    try:
        assert link.receive(30) == b"worked"
        # On a very busy host that second has lasted for more than eight.
        assert 0.9 < link.clock() < max(1.5, link.lasted() / PATIENCE + 0.1)
        # Two seconds of nothing are but a quarter of one.
        assert link.receive(0.9) == b"waited"
        with pytest.raises(TimeoutError):
            link.receive(0.2)
    finally:
        link.close()


class Talker:
    """A machine that says something every second of its clock, or nothing."""

    def __init__(self, says: bytes) -> None:
        self.says = says
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def receive(self, timeout: float) -> bytes:
        self.now += min(timeout, 1 if self.says else timeout)
        if not self.says:
            raise TimeoutError
        return self.says


@pytest.mark.parametrize("says,why", [
    (b"", "the console was silent for 10 s"),
    (b"still here\r\n", "it was not at its end after 25 s")])
def test_a_machine_may_not_be_silent_nor_babble_for_ever(tmp_path, says, why):
    machine = Machine(Disk(tmp_path / "disk.img"), tmp_path, Hardware(BOCHS))
    machine._raw = open(tmp_path / "serial.log", "wb")
    machine._link = Talker(says)
    with machine._raw, pytest.raises(MachineTimeout, match=why):
        for _ in machine.stream(25, 10):
            pass
    assert machine._link.now == (10 if not says else 25)
