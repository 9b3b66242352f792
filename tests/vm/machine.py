"""A virtual machine with one disk and one serial port.

Boots OVMF from a disk under Bochs or QEMU, hands out what the serial port
says as it comes, and takes key presses.
The firmware's console is on COM1 too, both ways, so the UEFI shell can be
watched and typed to.  Nothing here knows what is being tested.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from disk import Disk
from terminal import Terminal

OVMF = "/usr/share/ovmf/OVMF.fd"
DEFAULT_MODEL = "corei7_skylake_x"
COUNTDOWN = "any other key to continue"
START_SECONDS = 30                      # for the emulator to open its port


class MachineError(Exception):
    """The machine did not do what was waited for."""


class MachineTimeout(MachineError):
    """Nothing came in time: the machine hangs, or is too slow."""


class MachineEnded(MachineError):
    """The machine powered off or died before what was waited for."""


def last_lines(text: str, count: int = 12) -> str:
    """The end of a log, indented, for a message to a person."""
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join("    | " + line for line in lines[-count:])


def has_kvm() -> bool:
    """Whether this host can run a hypervisor inside a KVM guest."""
    flags = Path("/proc/cpuinfo").read_text(errors="replace")
    return (re.search(r"^flags.*\bvmx\b", flags, re.M) is not None
            and os.access("/dev/kvm", os.R_OK | os.W_OK))


def choose_emulator() -> str:
    """bochs or qemu: as $EMU says, else qemu only where it has VT-x."""
    chosen = os.environ.get("EMU") or ("qemu" if has_kvm() else "bochs")
    if chosen not in ("bochs", "qemu"):
        raise MachineError(f"EMU={chosen}: must be bochs or qemu")
    return chosen


BOCHSRC = """\
plugin_ctrl: unmapped=1, biosdev=1, speaker=0, parallel=0, iodebug=1
config_interface: textconfig
display_library: rfb, options="timeout=0"
cpu: model={model}, count={cpus}, ips=50000000, reset_on_triple_fault=0, \
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
"""


class Machine:
    """One boot of a disk, from power-on to power-off.

    Use it in a with statement: whatever happens, the emulator is gone
    afterwards.  `text` is all that the console has said so far.
    """

    def __init__(self, disk: Disk, work: Path, *, emulator: str | None = None,
                 model: str = DEFAULT_MODEL, memory_mib: int = 512,
                 cpus: int = 1, kvm: bool | None = None,
                 skip_countdown: bool = True) -> None:
        self.disk = disk
        self.work = work
        self.emulator = emulator or choose_emulator()
        self.model = model
        self.memory_mib = memory_mib
        self.cpus = cpus
        self.kvm = has_kvm() if kvm is None else kvm
        self.text = ""
        self.ended = False
        self._countdown_due = skip_countdown
        self._terminal = Terminal()
        self._process: subprocess.Popen[bytes] | None = None
        self._port: socket.socket | None = None

    def __enter__(self) -> Machine:
        self.work.mkdir(parents=True, exist_ok=True)
        self._started = time.monotonic()
        self._raw = open(self.work / "serial.log", "wb")
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._port:
            self._port.close()
        if self._process and self._process.poll() is None:
            self._process.kill()
        if self._process:
            self._process.wait()
        self._raw.close()
        # Bochs leaves its lock behind when it is killed.
        Path(f"{self.disk.path}.lock").unlink(missing_ok=True)

    @property
    def seconds(self) -> float:
        """Wall time since power-on."""
        return time.monotonic() - self._started

    # -- talking to it

    def send(self, keys: str) -> None:
        """Press keys on the serial console."""
        assert self._port
        self._port.sendall(keys.encode("latin-1"))

    def read(self, timeout: float) -> str:
        """What the console says next: at least one character, at once.

        Raises MachineEnded after power-off, MachineTimeout when the console
        stays silent.
        """
        deadline = time.monotonic() + timeout
        while not self.ended:
            fresh = self._receive(deadline - time.monotonic())
            if fresh:
                self.text += fresh
                self._answer_countdown()
                return fresh
        raise MachineEnded(self._why_ended())

    def stream(self, timeout: float,
               silence: float = float("inf")) -> Iterator[str]:
        """The console's text, as it comes, until power-off.

        timeout bounds the whole, so a machine that babbles for ever is
        caught as well as one silent for longer than silence.
        """
        deadline = time.monotonic() + timeout
        while True:
            try:
                yield self.read(min(silence, deadline - time.monotonic()))
            except MachineEnded:
                return

    def lines(self, timeout: float) -> Iterator[str]:
        """Like stream, in whole lines; the last may be an unfinished one."""
        rest = ""
        for piece in self.stream(timeout):
            *whole, rest = (rest + piece).split("\n")
            yield from whole
        if rest:
            yield rest

    def wait_for(self, pattern: str, timeout: float,
                 start: int = 0) -> re.Match[str]:
        """Read until the text from start on matches; the match."""
        deadline = time.monotonic() + timeout
        compiled = re.compile(pattern)
        while not (found := compiled.search(self.text, start)):
            self.read(deadline - time.monotonic())
        return found

    def run_to_end(self, timeout: float) -> str:
        """Read until power-off; all that the console said."""
        for _ in self.stream(timeout):
            pass
        return self.text

    # -- inside

    def _receive(self, timeout: float) -> str:
        assert self._port
        if timeout <= 0:
            raise MachineTimeout("the machine did not get there in time")
        self._port.settimeout(timeout)
        try:
            data = self._port.recv(65536)
        except TimeoutError:
            raise MachineTimeout(
                f"the console was silent for {timeout:.0f} s") from None
        except ConnectionError:
            data = b""
        self.ended = not data
        self._raw.write(data)
        self._raw.flush()
        return self._terminal.feed(data)

    def _answer_countdown(self) -> None:
        """Save the shell's five seconds before it runs startup.nsh."""
        if self._countdown_due and COUNTDOWN in self.text:
            self._countdown_due = False
            self.send("\r")

    def _why_ended(self) -> str:
        """In a few words, from Bochs' log if it is Bochs."""
        log = self.work / "bochs.log"
        panics = log.exists() and re.findall(
            r"PANIC<< (.*)", log.read_text(errors="replace"))
        if panics and "soft power off" not in panics[-1]:
            return f"the machine died: {panics[-1]}"
        return "the machine is off"

    def _start(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            argv = (self._bochs(port) if self.emulator == "bochs"
                    else self._qemu(port))
            with open(self.work / "emulator.out", "wb") as out:
                self._process = subprocess.Popen(
                    argv, cwd=self.work, stdin=subprocess.DEVNULL,
                    stdout=out, stderr=subprocess.STDOUT)
            self._port = self._accept(server)

    def _accept(self, server: socket.socket) -> socket.socket:
        """The emulator's connection, or MachineError when it will not run."""
        assert self._process
        server.settimeout(0.2)
        deadline = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                return server.accept()[0]
            except TimeoutError:
                continue
        said = (self.work / "emulator.out").read_text(errors="replace")
        raise MachineError(
            f"{self.emulator} does not start:\n{last_lines(said)}")

    def _bochs(self, port: int) -> list[str]:
        config = BOCHSRC.format(
            model=self.model, cpus=self.cpus, memory=self.memory_mib,
            ovmf=OVMF, disk=self.disk.path.resolve(),
            cylinders=self.disk.cylinders, port=port)
        (self.work / "bochsrc").write_text(config)
        # Debian's build starts in its debugger, which must be told to go on.
        (self.work / "dbg.rc").write_text("c\n")
        binary = shutil.which("bochs-bin") or "/usr/bin/bochs-bin"
        return [binary, "-q", "-f", "bochsrc", "-rc", "dbg.rc"]

    def _qemu(self, port: int) -> list[str]:
        accel = (["-enable-kvm", "-cpu", "host,+vmx"] if self.kvm
                 else ["-accel", "tcg", "-cpu", "max"])
        return ["qemu-system-x86_64", *accel, "-smp", str(self.cpus),
                "-m", str(self.memory_mib), "-bios", OVMF, "-nic", "none",
                "-drive", f"file={self.disk.path.resolve()},format=raw",
                "-chardev", f"socket,id=com1,host=127.0.0.1,port={port}",
                "-serial", "chardev:com1", "-display", "none",
                "-monitor", "none", "-no-reboot"]
