"""Emulators: their command lines, and a process of one with its serial port.

A link is what a machine is reached through: bytes to and from COM1, until it
is off.  Its clock counts the seconds that the machine's time limits are in.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

QEMU = "qemu-system-x86_64"
OVMF = "/usr/share/ovmf/OVMF.fd"
SVM_ICOUNT = "4"                        # see clock
START_SECONDS = 120                     # for the emulator to open its port
PATIENCE = 8                            # see Process.clock


class MachineError(Exception):
    """The machine did not do what was waited for."""


class MachineTimeout(MachineError):
    """Nothing came in time: the machine hangs, or is too slow."""


def last_lines(text: str, count: int = 12) -> str:
    """The end of a log, indented, for a message to a person."""
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join("    | " + line for line in lines[-count:])


def has_kvm() -> bool:
    """Whether this host can run a hypervisor inside a KVM guest."""
    flags = Path("/proc/cpuinfo").read_text(errors="replace")
    return (re.search(r"^flags.*\bvmx\b", flags, re.M) is not None
            and os.access("/dev/kvm", os.R_OK | os.W_OK))


@dataclass(frozen=True)
class Processor:
    """What a machine runs on: a model that an emulator plays, or the host's own."""

    emulator: str                       # bochs; qemu: with KVM; svm: without
    model: str                          # by the emulator's name for it

    def __str__(self) -> str:
        """Its name, without flags; no two emulators have models of one name."""
        return self.model.split(",")[0]

    @property
    def nested(self) -> bool:
        """Whether KVM is in a Linux under Bochs: here is no VT-x for it."""
        return self.emulator == "qemu" and not has_kvm()


BOCHS = Processor("bochs", "corei7_skylake_x")
KVM = Processor("qemu", "host")
SVM = Processor("svm", "EPYC")          # has nested paging
NEITHER = Processor("svm", "max,-svm")  # neither VT-x nor SVM
# QEMU's models of AMD's that have SVM; all other names are Bochs'.
SVM_MODELS = ("EPYC", "EPYC-Rome", "EPYC-Milan", "Opteron_G4", "Opteron_G3",
              "phenom")


def processor_of(model: str) -> Processor:
    """The one of this name."""
    if model == KVM.model:
        return KVM
    return Processor("svm" if model in SVM_MODELS else "bochs", model)


def choose_processor() -> Processor:
    """As $EMU says, else QEMU's: with KVM where that has VT-x, or without.

    svm is QEMU without KVM, whose processor has AMD's SVM.
    """
    every = {one.emulator: one for one in (BOCHS, KVM, SVM)}
    chosen = os.environ.get("EMU") or ("qemu" if has_kvm() else "svm")
    if chosen not in every:
        raise MachineError(f"EMU={chosen}: must be {', '.join(every)}")
    return every[chosen]


# Bochs loses an interrupt that the processor delivers by itself (SDM 29.2.2) when
# that comes to a page which is not there yet: its exit has the IDT-vectoring
# information of some earlier event (SDM 27.2.4), and KVM, whose shadow of our EPT begins
# empty, delivers that one again. So there KVM does not offer it.
NOT_NESTED = ",-vmx-apicv-vid"


@dataclass(frozen=True)
class Hardware:
    """What a machine is made of."""

    processor: Processor
    memory_mib: int = 512
    cpus: int = 1
    board: str = "pc"                   # QEMU's: pc or q35
    cpu_flags: str = ""                 # QEMU's, behind the model
    ips: int = 50_000_000               # Bochs: instructions in a second
    more: str = ""                      # Bochs: lines of its configuration
    reboots: bool = False               # QEMU: else a reset is its end
    hosts_clock: bool = False           # QEMU without KVM: whatever $ICOUNT says;
                                        # 7.2 starves a second processor by the other one


BOCHSRC = """\
plugin_ctrl: unmapped=1, biosdev=1, speaker=0, parallel=0, iodebug=1
config_interface: textconfig
display_library: rfb, options="timeout=0"
cpu: model={model}, count={cpus}, ips={ips}, reset_on_triple_fault=0, \
ignore_bad_msrs=1
memory: guest={memory}, host={memory}
romimage: file={ovmf}, address=0xffe00000
vgaromimage: file=/usr/share/vgabios/vgabios.bin
pci: enabled=1, chipset=i440fx
vga: extension=vbe, update_freq=5
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, path={disk}, mode=flat, cylinders={cylinders}, \
heads=16, spt=63
boot: disk
log: bochs.log
com1: enabled=1, mode=socket-client, dev=127.0.0.1:{port}
port_e9_hack: enabled=1
clock: sync=none, time0=1
panic: action=fatal
error: action=report
info: action=ignore
{more}"""


def bochs_command(hardware: Hardware, disk: Path, cylinders: int, port: int,
                  work: Path) -> list[str]:
    """Bochs with COM1 on a socket; its configuration is written to work."""
    (work / "bochsrc").write_text(BOCHSRC.format(
        model=hardware.processor.model, cpus=hardware.cpus, ips=hardware.ips,
        memory=hardware.memory_mib, ovmf=OVMF, disk=disk,
        cylinders=cylinders, port=port, more=hardware.more))
    # Debian's 2.7 starts in its debugger, which must be told to go on.
    (work / "dbg.rc").write_text("c\n")
    return [bochs_binary(), *debugger(hardware.cpus), "-q", "-f", "bochsrc", "-rc", "dbg.rc"]


def debugger(cpus: int) -> list[str]:
    """3.0 has it if told. Without it, of several processors the clock goes by the mean of
    what each did, and all of a REP is done at once: no measure of time."""
    return ["-dbg"] if os.environ.get("BOCHS") and cpus > 1 else []


def bochs_binary() -> str:
    """That of $BOCHS, a folder, if that is said: tests/strict makes one."""
    if not (chosen := os.environ.get("BOCHS")):
        return shutil.which("bochs-bin") or "/usr/bin/bochs-bin"
    binary = os.path.abspath(os.path.join(chosen, "bochs-bin"))
    if not os.access(binary, os.X_OK):
        raise MachineError(f"BOCHS={chosen}: has no bochs-bin")
    return binary


def icount() -> str:
    """Each instruction takes 2 to this power of ns; empty: the host's clock."""
    return os.environ.get("ICOUNT", SVM_ICOUNT)


def clock() -> list[str]:
    """Each instruction of QEMU's takes 2^ICOUNT ns, whatever the host does meanwhile.

    Its clock of the day goes by the same time, which is not the host's.

    ICOUNT= (nothing) gives it the host's clock: quicker, but on a busy host what is measured
    in it is noise, and so is the frequency of its TSC.
    """
    shift = icount()
    return (["-icount", f"shift={shift},sleep=off", "-rtc", "clock=vm"]
            if shift else [])


def qemu_binary() -> str:
    """$QEMU, a file, if that is said."""
    if not (chosen := os.environ.get("QEMU")):
        return QEMU
    if not os.access(chosen, os.X_OK):
        raise MachineError(f"QEMU={chosen}: is no program")
    return os.path.abspath(chosen)


@cache
def version_of(binary: str) -> str:
    """Of a QEMU, the first two numbers."""
    said = subprocess.run([binary, "--version"], capture_output=True, text=True,
                          check=True, timeout=START_SECONDS).stdout
    found = re.search(r"version (\d+\.\d+)", said)
    if not found:
        raise MachineError(f"{binary} is no QEMU")
    return found[1]


def qemu_command(hardware: Hardware, drive: str, serial: str) -> list[str]:
    """QEMU with a disk (-drive) and COM1 (-chardev) as these say."""
    model = hardware.processor.model
    if hardware.processor.emulator == "qemu":
        accel = ["-accel", "kvm",
                 "-cpu", f"{model},+vmx{hardware.cpu_flags}"]
    else:
        accel = ["-accel", "tcg", "-cpu", model + hardware.cpu_flags,
                 *([] if hardware.hosts_clock or hardware.cpus > 1 else clock())]
    return [QEMU, "-machine", hardware.board, *accel,
            "-smp", str(hardware.cpus), "-m", str(hardware.memory_mib),
            "-bios", OVMF, "-nodefaults", "-nic", "none", "-vga", "none",
            "-display", "none", "-drive", f"{drive},format=raw",
            "-serial", "chardev:com1",
            *([] if hardware.reboots else ["-no-reboot"]),
            "-chardev", f"{serial},id=com1"]


class Link(Protocol):
    """How a machine is reached."""

    def send(self, data: bytes) -> None:
        """To its COM1."""

    def receive(self, timeout: float) -> bytes:
        """What COM1 says next; nothing once the machine is off.

        Raises TimeoutError.
        """

    def clock(self) -> float:
        """Seconds, of the kind that limits are in."""

    def lasted(self) -> float:
        """Seconds since it was started, of the kind that people are told."""

    def counts(self) -> dict[str, int]:
        """What KVM counts of the machine; empty where that is not known."""

    def close(self) -> None:
        """Whatever it does, it is gone then."""


class Process:
    """An emulator that runs here: a Link."""

    def __init__(self, name: str, work: Path,
                 command: Callable[[int], list[str]]) -> None:
        self._name = name
        self._work = work
        self._began = time.monotonic()
        self._worked = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        with one_starts(), socket.create_server(("127.0.0.1", 0)) as server:
            with open(work / "emulator.out", "wb") as out:
                self._process = subprocess.Popen(
                    command(server.getsockname()[1]), cwd=work,
                    stdin=subprocess.DEVNULL, stdout=out,
                    stderr=subprocess.STDOUT)
            try:
                self.port = accept(server, self.runs)
            except MachineError as error:
                self._end()
                said = (work / "emulator.out").read_text(errors="replace")
                raise MachineError(f"{name} {error}:\n"
                                   f"{last_lines(said)}") from None

    def runs(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal to the process."""
        assert self._process
        self._process.send_signal(number)

    def send(self, data: bytes) -> None:
        """See Link."""
        self.port.sendall(data)

    def receive(self, timeout: float) -> bytes:
        """See Link."""
        until = self.clock() + timeout
        while (left := until - self.clock()) > 0:
            self.port.settimeout(left)
            try:
                return self.port.recv(65536)
            except ConnectionError:
                return b""
            except TimeoutError:
                continue                # it has not worked as long
        raise TimeoutError

    def clock(self) -> float:
        """Seconds of the processor that it has worked.

        On a busy host they are few in a minute.  One that does nothing any more has
        a limit all the same: of the time that passes an eighth counts.
        """
        assert self._process
        self._worked = max(self._worked, cpu_seconds(self._process.pid))
        return max(self._worked, self.lasted() / PATIENCE)

    def lasted(self) -> float:
        """See Link."""
        return time.monotonic() - self._began

    def counts(self) -> dict[str, int]:
        """Read by root only, on a host with KVM."""
        assert self._process
        folders = Path("/sys/kernel/debug/kvm").glob(f"{self._process.pid}-*")
        return {file.name: int(text) for folder in folders
                for file in folder.iterdir() if file.is_file()
                and (text := file.read_text().strip()).isdigit()}

    def close(self) -> None:
        """See Link."""
        self.port.close()
        self._end()

    def _end(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.kill()
        if self._process:
            self._process.wait()


def cpu_seconds(pid: int) -> float:
    """What a process has used of the processors, all its threads; 0: it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except OSError:
        return 0.0
    # Its name, in brackets, may hold anything (proc(5)).
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def one_starts() -> Iterator[None]:
    """Emulators start one after the other, whichever run they belong to.

    Two Bochs at once may bind the same port for RFB, as both have SO_REUSEADDR; the one
    that listens second then finds no port at all, as its socket is bound.  It has its
    port before it connects to ours.
    """
    lock = os.open("/", os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def accept(server: socket.socket, runs: Callable[[], bool]) -> socket.socket:
    """The emulator's connection, or MachineError when it will not run."""
    server.settimeout(0.2)
    deadline = time.monotonic() + START_SECONDS
    while runs() and time.monotonic() < deadline:
        try:
            return server.accept()[0]
        except TimeoutError:
            continue
    raise MachineError("does not start")
