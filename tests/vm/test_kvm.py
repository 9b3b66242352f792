"""Stasis under QEMU/KVM, the demonstration first, on each board and memory.

On a processor without VT-x this is KVM's own nested VT-x in a Linux under
Bochs (outer.py), another judge than Bochs itself: it keeps what it derived
from our EPT until INVEPT, a VMCS until VMCLEAR, and checks what we set up with
code that others wrote.
"""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from boots import ROOT
from demo import Demo, DemoError, demonstrate
from emulator import Hardware, MachineError, qemu_command

# QEMU shows its guest Hyper-V's interface: as libvirt does for Windows. Not
# hv-passthrough: the preemption timer was not there then, and Stasis refused and
# named it. That hv-evmcs, which is in it, is the cause was not proved.
HYPER_V = (",hv-relaxed,hv-vapic,hv-spinlocks=0x1fff,hv-vpindex,hv-runtime,"
           "hv-synic,hv-stimer,hv-time")
# Both boards, the least and the most memory that must do, and a KVM that takes
# itself for Hyper-V.  The first is part of `make test`, all are of test-kvm.
MACHINES = (("pc", 256, ""), ("q35", 512, ""), ("pc", 128, ""),
            ("q35", 1024, ""), ("pc", 512, HYPER_V),
            ("q35", 256, HYPER_V))


@dataclass(frozen=True)
class KvmDemo:
    """The demonstration under QEMU/KVM."""

    board: str
    memory_mib: int
    cpu_flags: str

    @property
    def key(self) -> tuple[str, ...]:
        words = re.findall("hv-[a-z]+", self.cpu_flags)
        return ("kvm-demo", self.board, str(self.memory_mib), *words[:1])

    def run(self, work: Path) -> tuple[str, str]:
        """What it showed, and why it failed."""
        work.mkdir(parents=True)
        machine = replace(Demo.machine, emulator="qemu", board=self.board,
                          memory_mib=self.memory_mib, cpu_flags=self.cpu_flags)
        out = io.StringIO()
        try:
            demonstrate(Demo(machine=machine, out=out), work)
        except (DemoError, MachineError, AssertionError) as error:
            return out.getvalue(), str(error)
        return out.getvalue(), ""


def chosen() -> list[KvmDemo]:
    """All of them only where KVM is what is being tested."""
    every = [KvmDemo(*one) for one in MACHINES]
    return every if os.environ.get("EMU") == "qemu" else every[:1]


@pytest.mark.parametrize("job", chosen(), ids=lambda job: "-".join(job.key[1:]))
def test_demonstration_under_kvm(outcome: tuple[str, str]):
    shown, problem = outcome
    assert not problem, f"{problem}\n{shown}"
    assert "all right, none missing, none twice" in shown


def test_readme_has_the_command_that_is_tested():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"^qemu-system-x86_64 (?:[^\\\n]|\\\n)*", text, re.M)
    assert shown
    words = shown[0].replace("\\\n", "").split()
    command = qemu_command(Hardware("qemu"), "file=build/stasis.img", "x")
    assert words == [word.replace("chardev:com1", "stdio")
                     for word in command[:-2]]
