"""Linux with our tests on bare QEMU: what a child of ours is held against.

linux_bare.py [KERNEL [VPS]] runs one and prints its console.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import linux_parts
from disk import Disk
from emulator import Hardware, Link, Process, Processor, clock, qemu_binary
from linux_said import Said, parse
from machine import Machine

MEMORY_MIB = 192
SECONDS = 300
CONSOLE = "console=ttyS0"


class Bare(Machine):
    """A machine whose QEMU loads a kernel itself: it has no disk."""

    def __init__(self, work: Path, hardware: Hardware, kernel: str,
                 words: str) -> None:
        super().__init__(Disk(work / "none"), work, hardware)
        self._load = ["-kernel", str(linux_parts.kernel(kernel)),
                      "-initrd", str(linux_parts.initramfs()),
                      "-append", f"{CONSOLE} {words}"]

    def _start(self) -> Link:
        hardware = self.hardware
        # Counted instructions are one processor's after the other: endless for several.
        counted = clock() if hardware.cpus == 1 else []
        return Process("qemu", self.work, lambda port: [
            qemu_binary(), "-machine", hardware.board, "-accel", "tcg",
            "-cpu", hardware.processor.model, *counted,
            "-smp", str(hardware.cpus), "-m", str(hardware.memory_mib),
            *self._load, "-nodefaults", "-nic", "none", "-vga", "none",
            "-display", "none", "-no-reboot", "-serial",
            f"tcp:127.0.0.1:{port}"])


@dataclass(frozen=True)
class BareJob:
    """One run, to power-off or to a reboot."""

    kernel: str
    vps: int = 1
    model: str = "EPYC"
    task: str = "stress"
    seconds: float = 20                 # of the host's processor, about

    @property
    def key(self) -> tuple[str, ...]:
        """What tells this one from all others."""
        return "linux-bare", self.kernel, str(self.vps), self.model, self.task

    @property
    def processor(self) -> Processor:
        """Of that model."""
        return Processor("svm", self.model)

    def run(self, work: Path) -> Said:
        """Boot it, and take apart what it said."""
        hardware = Hardware(self.processor, MEMORY_MIB, self.vps)
        with Bare(work, hardware, self.kernel, f"stasis={self.task}") as machine:
            text = machine.run_to_end(SECONDS)
        (work / "console.txt").write_text(text)
        return parse(text)


def main() -> int:
    """See the head of the file."""
    job = BareJob(*(sys.argv[1:2] or ["6.1"]),
                  *map(int, sys.argv[2:3]))
    said = job.run(linux_parts.FOLDER / "bare")
    print(said.text)
    return said.words("CHECK") != ["end 0"]


if __name__ == "__main__":
    sys.exit(main())
