"""The demonstration: pi in two lives of one machine.

A child partition prints the digits of pi.  In the middle it is saved to a
file and deleted, and the machine is switched off.  A second machine, which
has nothing of the first but that file, restores the child, which goes on at
the next digit.  The digits of both are then held against pi computed here.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

from boots import BUILD, Plan, Result, Step, Transcript, run_plan
from disk import Disk, DiskError
from machine import Machine, MachineError, last_lines
from packages import PackageError
from pi import check_digits, extract_digits, pi_digits

CHARS = 400                             # after so many the child is stopped
CHILD = 2                               # the root is 1, its first child 2
BOOT_SECONDS = 600
SILENCE_SECONDS = 45
FILES = ("stasis.efi", "hvctl.efi", "child/pi.img")
STATE = "pi.sav"
PLAYERS = {"bochs": "Bochs, VT-x", "qemu": "QEMU/KVM, VT-x",
           "svm": "QEMU, SVM"}
MOVED = re.compile(r"(?:^|\r)(saved|restored): (\d+) bytes in (\d+) pieces, (\d+) ms",
                   re.M)

FIRST = (
    Step("load", "stasis.efi"),
    Step("create", "hvctl create pi.img"),
    Step("run", f"hvctl run {CHILD} for={CHARS}"),
    Step("save", f"hvctl save {CHILD} {STATE}"),
    Step("delete", f"hvctl delete {CHILD}"),
)
SECOND = (
    Step("load", "stasis.efi"),
    Step("restore", f"hvctl restore {STATE}"),
    Step("run", f"hvctl run {CHILD}"),
    Step("delete", f"hvctl delete {CHILD}"),
)


class DemoError(Exception):
    """The demonstration failed; one line says why."""


class Screen:
    """Shows a boot live, a heading before each command."""

    def __init__(self, steps: tuple[Step, ...],
                 out: TextIO = sys.stdout) -> None:
        self._out = out
        self._commands = {step.name: step.command for step in steps}
        self._at = ""
        self._column = 0

    def watch(self, _machine: Machine, transcript: Transcript,
              shown: str) -> None:
        """Print what is new, and stop the boot at a command that failed."""
        if transcript.current != self._at:
            self._at = transcript.current
            self._heading(self._commands.get(self._at, "power off"))
        self._print(shown)
        for name, status in transcript.statuses.items():
            if status != 0:
                raise MachineError(f"'{self._commands[name]}' failed "
                                   f"with status {status:#x}")

    def _heading(self, command: str) -> None:
        self._print("\n" if self._column else "")
        self._print(f"--- {command}\n")

    def _print(self, text: str) -> None:
        if text:
            self._column = len(text) - 1 - text.rfind("\n")
        print(text, end="", flush=True, file=self._out)


def demo_machine() -> Plan:
    """The machine without its programs, on the processor that $EMU says."""
    return Plan("demo", (), timeout=BOOT_SECONDS, silence=SILENCE_SECONDS)


@dataclass(frozen=True)
class Demo:
    """What is shown, on which machine and to whom."""

    build: Path = BUILD
    damage: bool = False
    machine: Plan = field(default_factory=demo_machine)
    out: TextIO = sys.stdout

    def title(self, text: str) -> None:
        """A line that opens a part of the demonstration."""
        self.say(f"\n=== {text}")

    def say(self, text: str = "") -> None:
        """A line for whoever watches."""
        print(text, flush=True, file=self.out)

    def boot(self, name: str, steps: tuple[Step, ...], disk: Disk,
             work: Path) -> Result:
        """One boot on show; DemoError if it did not run through."""
        plan = replace(self.machine, name=name, steps=steps)
        result = run_plan(plan, work / name, disk,
                          Screen(steps, self.out).watch)
        self.say()
        judge_boot(result)
        self.say(f"({name}: {result.seconds:.1f} s)")
        return result


def judge_boot(result: Result) -> None:
    """Raise DemoError unless the boot ran through to power-off."""
    if result.problem:
        step = result.transcript.current or "the firmware"
        raise DemoError(f"{result.plan.name}, at {step}: {result.problem}\n"
                        + last_lines(result.text))


def judge_digits(first: Result, second: Result) -> tuple[int, int]:
    """How many digits each boot printed; DemoError unless they make pi."""
    runs = [boot.section("run") for boot in (first, second)]
    # The child checks its own registers at every digit.
    if any(re.search(r"(^|[0-9.])!", run, re.M) for run in runs):
        raise DemoError("the child found a register damaged: it printed '!'")
    digits = [extract_digits(run) for run in runs]
    wrong = check_digits(*digits, pi_digits())
    if wrong:
        raise DemoError(wrong)
    return len(digits[0]), len(digits[1])


def judge_transfer(result: Result, step: str) -> tuple[int, int, int]:
    """Bytes, pieces and milliseconds that hvctl reported of a step."""
    found = MOVED.search(result.section(step))
    if not found:
        raise DemoError(f"hvctl did not report how the {step} went")
    return int(found[2]), int(found[3]), int(found[4])


def prepare(work: Path, build: Path) -> Disk:
    """The disk of the first boot."""
    files = {Path(name).name: build / name for name in FILES}
    for path in files.values():
        if not path.exists():
            raise DemoError(f"{path} is not there: run make first")
    return Disk.create(work / "disk.img", files)


def leave_only_the_state(disk: Disk, damage: bool) -> None:
    """Between the boots: the image goes, so only the saved state is left."""
    disk.remove("pi.img")
    if damage:
        state = bytearray(disk.read(STATE))
        state[len(state) // 2] ^= 1
        disk.write(STATE, bytes(state))


def demonstrate(demo: Demo, work: Path) -> None:
    """The whole of it; DemoError when anything did not hold."""
    began = time.monotonic()
    disk = prepare(work, demo.build)
    emulator = demo.machine.processor.emulator
    demo.title(f"first machine ({PLAYERS[emulator]}): pi is computed, "
               "stopped in the middle and saved")
    first = demo.boot("boot1", FIRST, disk, work)
    leave_only_the_state(disk, demo.damage)
    demo.title("second machine: only the saved file is left; pi goes on")
    second = demo.boot("boot2", SECOND, disk, work)
    summarize(demo, first, second, disk)
    demo.say(f"took:     {time.monotonic() - began:.1f} s, of which "
             f"{first.seconds:.1f} s and {second.seconds:.1f} s were the two "
             "machines")


def summarize(demo: Demo, first: Result, second: Result, disk: Disk) -> None:
    """Check everything and say it in three lines."""
    before, after = judge_digits(first, second)
    saved = judge_transfer(first, "save")
    restored = judge_transfer(second, "restore")
    size = len(disk.read(STATE))
    if not saved[0] == restored[0] == size:
        raise DemoError(f"saved {saved[0]} bytes, restored {restored[0]}, "
                        f"the file has {size}")
    demo.title("both lives together")
    demo.say(f"digits:   {before} before the save + {after} after the restore, "
             "all right, none missing, none twice")
    demo.say(f"saved:    {size} bytes in {saved[1]} pieces, {saved[2]} ms")
    demo.say(f"restored: {size} bytes in {restored[1]} pieces, "
             f"{restored[2]} ms")


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="environment: EMU=bochs|qemu|svm chooses the emulator (default: "
               "qemu, which is\nQEMU with KVM, where /dev/kvm offers VT-x, "
               "else svm, QEMU alone; where there is no\nVT-x, EMU=qemu runs "
               "in a Linux under Bochs); QEMU=file is another QEMU; KEEP=1\n"
               "keeps the disk and the logs.")
    parser.add_argument(
        "--build", type=Path, default=BUILD, metavar="DIR",
        help="where make put the programs (default: build/)")
    parser.add_argument(
        "--damage", action="store_true",
        help="flip one bit of the saved file between the boots: the restore "
             "must refuse it and the demonstration fail")
    parser.add_argument("--memory", type=int, default=512, metavar="MIB",
                        help="of each machine (default: 512)")
    parser.add_argument("--board", choices=("pc", "q35"), default="pc",
                        help="of QEMU's machines (default: pc)")
    parser.add_argument("--cpus", type=int, default=2,
                        help="logical processors of each machine (default: 2); the "
                             "child runs on the last one")
    return parser.parse_args()


def exit_code(prefix: str, show: Callable[[Path], None]) -> int:
    """Show something in a temporary directory: how it went, for main."""
    work = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        show(work)
        return 0
    except (DemoError, MachineError, DiskError, PackageError,
            AssertionError) as error:
        print(f"\nFAILED: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nFAILED: interrupted", file=sys.stderr)
        return 130
    finally:
        if os.environ.get("KEEP"):
            print(f"kept: {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)


def main() -> int:
    """The exit code says how it went."""
    args = parse_args()
    demo = Demo(args.build, args.damage,
                replace(demo_machine(), memory_mib=args.memory,
                        board=args.board, cpus=args.cpus))
    return exit_code("stasis-demo-", lambda work: demonstrate(demo, work))


if __name__ == "__main__":
    sys.exit(main())
