"""A Linux in a child: what is on the disk, and what hvctl is told.

What the child prints goes into a file on the disk as well, byte by byte, since the
firmware breaks lines as wide as its screen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import linux_parts
from boots import BUILD, Plan, Result, Step
from disk import Disk
from linux_bare import CONSOLE
from linux_said import LOGIN, PROMPT

ID = 2                                  # the root is 1, its first child 2
STATE = "linux.sav"
DISK_MIB = 240                          # kernel, initramfs, saved memory
TIMEOUT = 1500                          # seconds of the host's processor, as all
SILENCE = 300
# When the console shows the first, the second is typed.
LOGGING_IN = ((LOGIN, linux_parts.USER + "\r"),
              ("Password: ", linux_parts.PASSWORD + "\r"))
CHECKING = (*LOGGING_IN, (PROMPT, "check\r"), ("CHECK end", "poweroff -f\r"))

# What a kernel says of a hypervisor that does not promise an invariant TSC, which is no
# warning, and 7 of a processor without machine check (EPYC,-mce,-mca of QEMU's, too).
ABSENT = frozenset((
    "# tsc: Marking TSC unstable due to running on Hyper-V",
    "# mce: Unable to init MCE device (rc: -#)"))


@dataclass(frozen=True)
class Child:
    """What is created."""

    kernel: str = "6.1"                 # of linux_parts.KERNELS
    vps: int = 1
    memory_mib: int = 160
    words: str = "stasis=login"         # for tests/linux/init.sh, and Linux

    def disk(self, path: Path) -> Disk:
        """One with the programs, the kernel and the initramfs."""
        files = {Path(name).name: BUILD / name
                 for name in ("stasis.efi", "hvctl.efi")}
        files |= {"vmlinuz": linux_parts.kernel(self.kernel),
                  "initrd.gz": linux_parts.initramfs()}
        return Disk.create(path, files, size_mib=DISK_MIB)

    def create(self) -> Step:
        """The command that makes it."""
        return Step("create", "hvctl create vmlinuz initrd=initrd.gz "
                    f"mem={self.memory_mib} vps={self.vps} "
                    f'"cmdline={CONSOLE} {self.words}"')


LOAD = Step("load", "stasis.efi")
SAVE = Step("save", f"hvctl save {ID} {STATE}")
RESTORE = Step("restore", f"hvctl restore {STATE}")
DELETE = Step("delete", f"hvctl delete {ID}")


def run(name: str, limit: int = 0) -> Step:
    """Let it run, until it has printed so many characters; 0: to its end."""
    until = f" for={limit}" if limit else ""
    return Step(name, f"hvctl run {ID}{until} log={name}.log")


def plan(name: str, *steps: Step,
         typing: tuple[tuple[str, str], ...] = ()) -> Plan:
    """A machine that runs these behind the loader; keys as Plan has them."""
    return replace(Plan(name, (LOAD, *steps), typing=typing),
                   timeout=TIMEOUT, silence=SILENCE)


def printed(result: Result, name: str) -> str:
    """What the child printed in a step of run."""
    return result.disk.read(f"{name}.log").decode("latin-1")
