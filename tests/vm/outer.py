"""QEMU/KVM where the processor has no VT-x: in a Linux under Bochs.

Bochs plays a processor with VT-x, on which Linux with KVM (the outer machine,
outer_disk.py) starts QEMU, one inner machine after the other.  KVM's nested
VT-x is then what Stasis runs on.  An outer machine is booted when one is
needed and kept for the next inner one.

COM1 of the outer machine is for talking to its init (outer_init.sh), COM2 is
the COM1 of the inner machine, and its second disk is the inner one's.
"""

from __future__ import annotations

import atexit
import re
import select
import shlex
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

import outer_disk
from disk import CYLINDER, Disk, DiskError
from emulator import (Hardware, MachineError, Process, Processor, accept,
                      bochs_command, last_lines, qemu_command)
from packages import PackageError
from terminal import Terminal

# Why this model and this speed: docs/testing.md.
PROCESSOR = Processor("bochs", "corei7_haswell_4770")
IPS = 240_000_000
MEMORY_MIB = 1536
INNER_CYLINDERS = 261                   # room for any disk of the tests
BOOT_SECONDS = 1800                     # of the host, which may be busy
STANDSTILL_SECONDS = 600                # of the host without a sign of life
ENDED = b"\x04ended\x04"                # on COM2, behind all of a machine
COUNTDOWN = "any other key to continue"
MORE = """\
ata0-slave: type=disk, path={inner}, mode=flat, cylinders={cylinders}, \
heads=16, spt=63
com2: enabled=1, mode=socket-client, dev=127.0.0.1:{port}
error: action=ignore
"""


class Outer:
    """One outer machine, from its boot to its end."""

    def __init__(self) -> None:
        self.work = Path(tempfile.mkdtemp(prefix="stasis-outer-"))
        self.disk = self.work / "inner.img"
        self.disk.touch()
        with open(self.disk, "r+b") as image:
            image.truncate(INNER_CYLINDERS * CYLINDER)
        self.seconds = 0.0              # that have passed in there
        self.ended: int | None = None   # the exit code of QEMU
        self.counts: dict[str, int] | None = None
        self.said = ""                  # by QEMU itself
        self._lines = ""
        self._console = ""
        self._terminal = Terminal()
        self._process: Process | None = None
        try:
            self._boot()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Switch it off."""
        if self._process:
            self._process.close()
            self._port.close()
        shutil.rmtree(self.work, ignore_errors=True)

    # -- its boot

    def _boot(self) -> None:
        show("the processor has no VT-x: starting Linux with KVM under Bochs")
        began = time.monotonic()
        # A link: each Bochs leaves a lock beside the name of its disk.
        image = self.work / "outer.img"
        try:
            image.symlink_to(outer_disk.image().resolve())
        except (PackageError, DiskError) as error:
            raise MachineError(f"no outer machine: {error}") from error
        with socket.create_server(("127.0.0.1", 0)) as server:
            more = MORE.format(inner=self.disk, cylinders=INNER_CYLINDERS,
                               port=server.getsockname()[1])
            hardware = Hardware(PROCESSOR, MEMORY_MIB, ips=IPS, more=more)
            self._process = Process("bochs", self.work, lambda port: (
                bochs_command(hardware, image, Disk(image).cylinders, port,
                              self.work)))
            self._port = accept(server, self._process.runs)
        self._wait_until_ready(began + BOOT_SECONDS)
        show(f"KVM is there after {time.monotonic() - began:.0f} s")

    def _wait_until_ready(self, deadline: float) -> None:
        assert self._process
        skipped = False
        while "OUTER ready" not in self._console:
            if time.monotonic() > deadline:
                raise MachineError("the outer machine does not start:\n"
                                   + last_lines(self._console))
            self.listen(1.0)            # COM2 is a console of the firmware's
            if not skipped and COUNTDOWN in self._console:
                skipped = True
                self._process.send(b"\r")
                show("its firmware has started")
        if "OUTER clock tsc" not in self._console:
            raise MachineError("the outer machine's clock is not the TSC:\n"
                               + last_lines(self._console))

    def sleep(self) -> None:
        """Nobody needs it for now: Linux that waits keeps Bochs busy."""
        assert self._process
        self._process.signal(signal.SIGSTOP)

    def wake(self) -> None:
        """It goes on where it slept."""
        assert self._process
        self._process.signal(signal.SIGCONT)

    # -- talking to it

    def tell(self, line: str) -> None:
        """A line for init."""
        assert self._process
        self._process.send(line.encode() + b"\n")

    def send(self, data: bytes) -> None:
        """Keys for the inner machine."""
        self._port.sendall(data)

    def listen(self, timeout: float) -> bytes:
        """What the inner machine says, or nothing; takes in what init says.

        Waits for at most timeout seconds of the host.
        """
        assert self._process
        ports = [self._process.port, self._port]
        ready, _, _ = select.select(ports, [], [], timeout)
        if self._process.port in ready:
            data = self._process.receive(0.1)
            if not data:
                raise MachineError("the outer machine is off:\n"
                                   + last_lines(self._console))
            self._take(self._terminal.feed(data))
        return self._port.recv(65536) if self._port in ready else b""

    def _take(self, text: str) -> None:
        """More of the console: lines of init tell something."""
        self._console = (self._console + text)[-20000:]
        *whole, self._lines = (self._lines + text).split("\n")
        for line in whole:
            if found := re.match(r"OUTER (\w+) ?(.*)", line):
                self._told(found[1], found[2])
            elif "Kernel panic" in line:
                raise MachineError("the outer machine's Linux died:\n"
                                   + last_lines(self._console, 30))

    def _told(self, what: str, rest: str) -> None:
        if what == "alive":
            self.seconds = float(rest)
        elif what == "counts":
            self.counts = read_counts(rest)
        elif what == "ended":
            self.ended = int(rest)
        elif what == "started":
            show("its Linux has started")
        elif what == "said":
            self.said += rest + "\n"
        elif what == "refused":
            show(f"KVM refused an entry: {rest}")


def read_counts(text: str) -> dict[str, int]:
    """The words name=number of a line."""
    return {name: int(number)
            for name, number in re.findall(r"(\w+)=(\d+)(?!\S)", text)}


def show(text: str) -> None:
    """To whoever waits."""
    print(f"[{text}]", file=sys.stderr, flush=True)


# ---- Those that are booted and idle ----

_idle: list[Outer] = []
_lock = threading.Lock()


def borrow() -> Outer:
    """An outer machine in which nothing runs."""
    with _lock:
        outer = _idle.pop() if _idle else None
    if not outer:
        return Outer()
    outer.wake()
    return outer


def give_back(outer: Outer) -> None:
    """For the next one."""
    outer.sleep()
    with _lock:
        _idle.append(outer)


@atexit.register
def close_all() -> None:
    """Nobody needs one any more."""
    while _idle:
        _idle.pop().close()


class Inner:
    """QEMU in an outer machine: a Link.

    Its clock is the outer machine's: a host that is busy makes everything
    slow in there, and nothing late.
    """

    def __init__(self, hardware: Hardware, disk: Disk) -> None:
        self._disk = disk
        self._outer = borrow()
        try:
            self._start(hardware)
        except BaseException:
            self._outer.close()
            raise

    def _start(self, hardware: Hardware) -> None:
        outer = self._outer
        size = self._disk.path.stat().st_size
        if size > INNER_CYLINDERS * CYLINDER:
            raise MachineError(f"{self._disk.path}: too large for the disk "
                               "of the outer machine")
        overwrite(self._disk.path, outer.disk, size)
        outer.ended = None
        outer.said = ""
        self._off = False
        self._text = b""
        self._heard = time.monotonic()
        self._began = self.clock()
        command = qemu_command(hardware, f"file=/dev/sdb,size={size}",
                               "serial,path=/dev/ttyS1")
        outer.tell("run " + shlex.join(command))

    def send(self, data: bytes) -> None:
        """See Link."""
        self._outer.send(data)

    def receive(self, timeout: float) -> bytes:
        """See Link."""
        until = self.clock() + timeout
        while not self._off:
            self._text += self._listen()
            if ENDED in self._text:
                self._text = self._text.replace(ENDED, b"")
                self._finish()
            # The first byte of the mark is in nothing else that comes.
            whole, mark, rest = self._text.partition(ENDED[:1])
            self._text = mark + rest
            if whole:
                return whole
            if self.clock() > until:
                raise TimeoutError
        return b""

    def _listen(self) -> bytes:
        """Something new, or MachineError when nothing ever comes."""
        before = self.clock()
        data = self._outer.listen(1.0)
        now = time.monotonic()
        if data or self.clock() != before:
            self._heard = now
        if now - self._heard > STANDSTILL_SECONDS:
            raise MachineError("the outer machine stands still")
        return data

    def _finish(self) -> None:
        """QEMU has ended: its disk is what it left."""
        while self._outer.ended is None:
            self._text += self._listen()
        overwrite(self._outer.disk, self._disk.path,
                  self._disk.path.stat().st_size)
        self._off = True
        counts = self._outer.counts or {}
        show(f"KVM counted {counts.get('exits', 0):,} exits and "
             f"{counts.get('nested_run', 0):,} nested entries in "
             f"{self.clock() - self._began:.0f} s of the outer machine")
        if self._outer.ended not in (0, 137):
            raise MachineError(f"QEMU ended with {self._outer.ended}:\n"
                               + last_lines(self._outer.said))

    def clock(self) -> float:
        """See Link."""
        return self._outer.seconds

    def lasted(self) -> float:
        """See Link."""
        return self.clock() - self._began

    def counts(self) -> dict[str, int]:
        """See Link: the machine stands still while they are read."""
        if self._outer.ended is not None:
            return self._outer.counts or {}
        self._outer.counts = None
        self._outer.tell("counts")
        while self._outer.counts is None:
            self._text += self._listen()
        return self._outer.counts

    def close(self) -> None:
        """See Link."""
        try:
            if not self._off:
                self._outer.tell("end")
                while self.receive(STANDSTILL_SECONDS):
                    pass
        except (MachineError, TimeoutError):
            self._outer.close()
        else:
            give_back(self._outer)


def overwrite(source: Path, target: Path, size: int) -> None:
    """Put the start of a file into another, which stays the same file."""
    with open(source, "rb") as old, open(target, "r+b") as new:
        while size > 0 and (piece := old.read(min(size, 1 << 20))):
            new.write(piece)
            size -= len(piece)
