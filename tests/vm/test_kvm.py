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

from boots import BUILD, RESET, ROOT, Plan, Result, Step
from demo import Demo, DemoError, demo_machine, demonstrate
from emulator import KVM, SVM, Hardware, MachineError, qemu_command

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

# The ways of tests/guest/root/reset.c that Bochs does not carry out, or not the
# whole of, by their numbers; and what Stasis says of those that come to it.
RESETS = {"port-64h": (2, ""), "efi-warm": (4, ""),
          "init": (6, f"{RESET}: the root partition, by an INIT")}


@dataclass(frozen=True)
class KvmDemo:
    """The demonstration under QEMU/KVM."""

    board: str
    memory_mib: int
    cpu_flags: str
    seconds: float = 400                # with the boot of a Linux

    @property
    def key(self) -> tuple[str, ...]:
        words = re.findall("hv-[a-z]+", self.cpu_flags)
        return ("kvm-demo", self.board, str(self.memory_mib), *words[:1])

    def run(self, work: Path) -> tuple[str, str]:
        """What it showed, and why it failed."""
        work.mkdir(parents=True)
        machine = replace(demo_machine(), processor=KVM, board=self.board,
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


def reset_plan(name: str) -> Plan:
    """The root resets; QEMU ends instead of starting the firmware again."""
    way, _said = RESETS[name]
    return Plan(f"kvm-reset-{name}",
                (Step("load", "stasis.efi"),
                 Step("reset", f"reset.efi way={way}")),
                (("stasis.efi", BUILD / "stasis.efi"),
                 ("reset.efi", BUILD / "guest/reset.efi")), processor=KVM)


def chosen_resets() -> list[Plan]:
    """All where KVM is what is being tested."""
    return ([reset_plan(name) for name in RESETS]
            if os.environ.get("EMU") == "qemu" else [])


@pytest.mark.parametrize("job", chosen(), ids=lambda job: "-".join(job.key[1:]))
def test_demonstration_under_kvm(outcome: tuple[str, str]):
    shown, problem = outcome
    assert not problem, f"{problem}\n{shown}"
    assert "all right, none missing, none twice" in shown


@pytest.mark.parametrize("job", chosen_resets(), ids=lambda job: job.name)
def test_the_root_resets_the_machine(outcome: Result):
    _way, said = RESETS[outcome.plan.name.removeprefix("kvm-reset-")]
    shown = outcome.section("reset")
    assert "stasis: running" in outcome.section("load")
    assert re.search("^RESET ", shown, re.M)
    assert "nothing happened" not in shown
    if said:
        assert said in outcome.text
        assert "reset the machine" in outcome.problem
    else:
        assert RESET not in outcome.text
        assert "went off" in outcome.problem


def test_readme_has_the_commands_that_are_tested(monkeypatch):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"^qemu-system-x86_64 (?:[^\\\n]|\\\n)*", text, re.M)
    monkeypatch.setenv("ICOUNT", "")
    for words, processor in zip(shown, (SVM, KVM), strict=True):
        command = qemu_command(Hardware(processor), "file=build/stasis.img",
                               "x")
        assert words.replace("\\\n", "").split() == [
            word.replace("chardev:com1", "stdio") for word in command[:-2]]
