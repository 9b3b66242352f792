"""Boots of a Linux in the root partition, and of the same one on the bare machine.

What it says of itself (tests/linux/root_init.sh) is read here: results of work that do
not depend on the machine, its clocks against the machine's own, and its messages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import archive
import linux_parts
from boots import BUILD
from disk import Disk
from emulator import Hardware, Processor
from machine import Machine, MachineError, last_lines

PM_TIMER_HZ = 3_579_545                 # ACPI's, by its specification
WARNING = 4                             # of the levels of messages: and worse
SECOND = 1e9
SIZE_MIB = 96                           # of the disk
INIT = linux_parts.SOURCES / "root_init.sh"
REBOOT = "reboot"                       # the end that the machine survives
SPIN = b"\xeb\xfe"                      # JMP to itself

MESSAGE = re.compile(r"^<(\d+)>\[ *[\d.]+\] (.*?)\s*$", re.M)
TEST = re.compile(r"^STRESS (\S+ .*?)\s*$", re.M)
EXITS = re.compile(r"^LINUX exits (.*?)\s*$", re.M)
CLOCK = re.compile(r"^LINUX clock (.*?)\s*$", re.M)
FACT = re.compile(r"^LINUX (\w+) (\S*)\s*$", re.M)
BOARD = "q35"                           # Linux under "Microsoft Hv" has PCI by MCFG alone


def again(lines: list[str]) -> list[str]:
    """For a startup.nsh: the second boot does this and no more."""
    return ["if exist again then", *lines, "reset -s", "endif",
            "echo again > again"]


@dataclass(frozen=True)
class LinuxPlan:
    """One boot: which kernel, on what, with or without Stasis below it."""

    kernel: str                         # of linux_parts.KERNELS
    processor: Processor
    stasis: bool = True
    child: bool = False                 # beside it runs one that takes all it gets
    counted: bool = False               # by the image for tests: its exits
    clock_seconds: int = 60             # of the guest
    end: str = "poweroff"
    options: str = ""                   # the kernel's: none, as it is unmodified
    cpus: int = 1                       # more: by the host's clock (scenarios.TWO)
    memory_mib: int = 512
    seconds: float = 10                 # see Plan
    timeout: float = 900

    @property
    def key(self) -> tuple[str, ...]:
        """What tells this boot from all others of a session."""
        below = "child" if self.child else "stasis" if self.stasis else "bare"
        below += "-counted" if self.counted else ""
        below += f"-{self.cpus}" if self.cpus > 1 else ""
        words = (self.kernel, below, self.end, *self.options.split())
        return "linux-" + "-".join(words), str(self.processor)

    def script(self) -> bytes:
        """The startup.nsh."""
        stasis = ["stasis.efi"] if self.stasis else []
        # Bochs' firmware has no tables of its own.
        tables = ([f"acpi.efi cpus={self.cpus}"]
                  if self.processor.emulator == "bochs" else [])
        lines = ["echo -off", "fs0:",
                 *(again(stasis) if self.end == REBOOT else []), *stasis, *tables,
                 *(["hvctl create spin mem=1", "hvctl resume 2"]
                   if self.child else []),
                 f"vmlinuz.efi initrd=\\initrd {self.options}".rstrip()]
        return "".join(line + "\r\n" for line in lines).encode("ascii")

    def initramfs(self) -> bytes:
        """What the kernel starts: with an init, and tasks, of its own."""
        return archive.packed(linux_parts.content() | {
            "init": archive.program(INIT.read_bytes()),
            "bin/clock": linux_parts.program("clock"),
            "seconds": archive.text(f"{self.clock_seconds}\n"),
            "end": archive.text(f"{self.end}\n"),
        } | ({"bin/exits": linux_parts.program("exits")} if self.counted else {}))

    def run(self, work: Path) -> LinuxResult:
        """Make the boot."""
        work.mkdir(parents=True, exist_ok=True)
        disk = Disk.create(work / "disk.img", {
            "startup.nsh": self.script(), "spin": SPIN,
            "stasis.efi": BUILD / ("test" if self.counted else "") / "stasis.efi",
            "hvctl.efi": BUILD / "hvctl.efi",
            "acpi.efi": BUILD / "guest/acpi.efi",
            "vmlinuz.efi": linux_parts.kernel(self.kernel),
            "initrd": self.initramfs(),
        }, size_mib=SIZE_MIB)
        result = LinuxResult(self)
        machine = Machine(disk, work, Hardware(
            self.processor, self.memory_mib, self.cpus, board=BOARD,
            reboots=self.end == REBOOT))
        try:
            with machine:
                machine.run_to_end(self.timeout)
        except MachineError as error:
            result.problem = f"{error}\n{last_lines(machine.text)}"
        result.text = machine.text
        (work / "console.txt").write_text(machine.text)
        return result


def read_exits(line: str) -> dict[int, int]:
    """Words reason=count, both hexadecimal numbers but for the count."""
    return {int(reason, 16): int(count) for reason, count in (
        word.split("=") for word in line.split())}


@dataclass
class LinuxResult:
    """What a boot left behind."""

    plan: LinuxPlan
    text: str = ""
    problem: str = ""                   # why it did not come to its end
    _facts: dict[str, str] = field(default_factory=dict)

    def fact(self, name: str) -> str:
        """One of the words that init says; empty: it did not."""
        return dict(FACT.findall(self.text)).get(name, "")

    def stress(self) -> list[str]:
        """What each test of tests/linux/stress has to say."""
        return TEST.findall(self.text)

    def clock(self) -> dict[str, int]:
        """What the program clock counted."""
        found = CLOCK.search(self.text)
        assert found, f"no clock: {self.problem}"
        return {name: int(number) for name, number in (
            word.split("=") for word in found[1].split())}

    def exits(self) -> tuple[dict[int, int], dict[int, int]]:
        """Turns of the root by exit reason: up to user space, and while it idled."""
        before, after = (read_exits(line) for line in EXITS.findall(self.text))
        return before, {reason: count - before.get(reason, 0)
                        for reason, count in after.items()
                        if count > before.get(reason, 0)}

    def drift(self) -> float:
        """How much faster its clock is than the machine's, in parts in a million."""
        clock = self.clock()
        machine = clock["timer"] / PM_TIMER_HZ
        return (clock["ns"] / SECOND / machine - 1) * 1e6

    def warnings(self) -> list[str]:
        """Its messages of the level of a warning, and worse, in order."""
        return [text for level, text in MESSAGE.findall(self.text)
                if int(level) % 8 <= WARNING]
