"""make run-linux: a Linux in two lives of one machine.

A child boots Debian's kernel. In the middle of its boot it is saved to a file, and the
machine is switched off. A second machine, which has nothing of the first but that file,
restores it: the boot goes on, somebody logs in over the console, and a stress is run
whose checksums are known.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from boots import ROOT, Plan, Result, run_plan
from demo import (PLAYERS, Demo, DemoError, Screen, demo_machine, exit_code,
                  judge_boot, judge_transfer)
from disk import Disk
from emulator import BOCHS, processor_of
from linux_child import (CHECKING, DELETE, RESTORE, SAVE, STATE, Child, plan,
                         printed, run)
from linux_parts import FOLDER
from linux_said import Said, parse, problems

CHARS = 12000                           # of its console; the kernel prints 25,000
# Models with APIC virtualization give a guest an interrupt that it has masked, now and then
# (docs/architecture.md): in a minute of Linux' that is the end of it.
INSTEAD = {BOCHS: processor_of("corei5_arrandale_m520")}
HVSTATE = ROOT / "tools/hvstate"
PICTURE = FOLDER / "memory.svg"


def boot(demo: Demo, what: Plan, disk: Disk, work: Path) -> Result:
    """One machine on show; DemoError if it did not run through."""
    result = run_plan(replace(what, processor=demo.machine.processor),
                      work / what.name, disk,
                      Screen(what.steps, demo.out).watch)
    demo.say()
    judge_boot(result)
    demo.say(f"({what.name}: {result.seconds:.1f} s)")
    return result


def judge(said: Said, child: Child) -> None:
    """DemoError unless all is right."""
    # What the kernel says of this model of processor is no matter of the two lives.
    wrong = problems(said, said.complaints, child.vps)
    if wrong:
        raise DemoError("\n".join(wrong))


def demonstrate(demo: Demo, child: Child, work: Path) -> None:
    """The whole of it; DemoError when anything did not hold."""
    began = time.monotonic()
    disk = child.disk(work / "disk.img")
    demo.title(f"first machine ({PLAYERS[demo.machine.processor.emulator]}): "
               "Linux boots, and is stopped and saved")
    first = boot(demo, plan("boot1", child.create(), run("early", CHARS),
                            SAVE, DELETE), disk, work)
    early = printed(first, "early")
    for name in ("vmlinuz", "initrd.gz", "early.log"):
        disk.remove(name)
    demo.title("second machine: only the saved file is left; the boot goes on")
    second = boot(demo, plan("boot2", RESTORE, run("late"), DELETE,
                             typing=CHECKING), disk, work)
    said = parse(early + printed(second, "late"))
    judge(said, child)
    summarize(demo, first, second, said)
    draw(demo, disk, work)
    demo.say(f"took:     {time.monotonic() - began:.1f} s, of which "
             f"{first.seconds:.1f} s and {second.seconds:.1f} s were the two "
             "machines")


def draw(demo: Demo, disk: Disk, work: Path) -> None:
    """The saved memory in words, and as a picture."""
    state = work / STATE
    state.write_bytes(disk.read(STATE))
    demo.title("the saved machine")
    demo.say(hvstate("info", state).rstrip())
    hvstate("map", "-o", PICTURE, state)
    demo.say(f"picture:  {PICTURE.relative_to(ROOT)}")


def hvstate(*words: str | Path) -> str:
    """What the inspector says; DemoError when it finds the file wrong."""
    done = subprocess.run([HVSTATE, *words], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise DemoError(f"hvstate {words[0]}: {done.stderr or done.stdout}")
    return done.stdout


def summarize(demo: Demo, first: Result, second: Result, said: Said) -> None:
    """What was seen, in a few lines."""
    saved = judge_transfer(first, "save")
    restored = judge_transfer(second, "restore")
    demo.title("both lives together")
    demo.say(f"kernel:   {said.words('UNAME')[0]}, {len(said.kernel)} lines of "
             "its boot, none missing, none twice")
    demo.say(f"stress:   {len(said.verdicts)} tests, all checksums right")
    demo.say(f"saved:    {saved[0]} bytes in {saved[1]} pieces, {saved[2]} ms")
    demo.say(f"restored: {restored[0]} bytes in {restored[1]} pieces, "
             f"{restored[2]} ms")


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="environment: EMU, QEMU and KEEP as for make run.")
    parser.add_argument("--kernel", default=Child.kernel,
                        help="6.1 or 7 (default: 6.1)")
    parser.add_argument("--vps", type=int, default=1,
                        help="processors of the child (default: 1)")
    return parser.parse_args()


def machine() -> Plan:
    """That of the demonstration, on a processor that bears a Linux."""
    usual = demo_machine()
    return replace(usual, processor=INSTEAD.get(usual.processor, usual.processor))


def main() -> int:
    """The exit code says how it went."""
    args = parse_args()
    demo, child = Demo(machine=machine()), Child(args.kernel, args.vps)
    return exit_code("stasis-linux-",
                     lambda work: demonstrate(demo, child, work))


if __name__ == "__main__":
    sys.exit(main())
