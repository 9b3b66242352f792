"""QEMU's migration of a stopped guest whose memory is known to the byte.

The guest has QEMU's default kind of memory (anonymous, large pages where the
kernel gives them, all of it populated before), and its bytes are written into
it from outside.  The stream goes through fd: to a file that exists and is
overwritten from its start, and comes back in the same way, into the memory of
a fresh QEMU.  What is counted is the processor time of the whole process, on
all its threads, from the command to the event that says that the migration is
over.  The guest never runs, so this is the migration thread and the little
that the main loop does meanwhile.  The bandwidth is not limited; all else is
QEMU's default.  A migration costs some milliseconds whatever the size: small
memories would wrong QEMU.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, BinaryIO

UNLIMITED = 1 << 40                     # bytes a second
COPY_BYTES = 1 << 20
PATIENCE = 120                          # seconds for an answer
QEMU = "qemu-system-x86_64"


class QemuError(Exception):
    """QEMU is not there, or did not do what it was told."""


def cpu_seconds(pid: int) -> float:
    """Processor time of all threads of a process, also of ended ones.

    The clock's number is made as clock_getcpuclockid(3) makes it: nanoseconds,
    where /proc/PID/stat has hundredths of a second.
    """
    return time.clock_gettime((~pid << 3) | 2)


class Qemu:
    """One stopped guest; use it in a with statement.

    It can be saved once: QEMU does not migrate a guest a second time unless
    it ran in between.
    """

    def __init__(self, mib: int, work: Path, processor: int,
                 incoming: bool = False) -> None:
        self._bytes = mib << 20
        self._socket_path = work / f"qmp-{'in' if incoming else 'out'}"
        self._log = work / "qemu.log"
        self._processor = processor
        self._argv = [
            shutil.which(QEMU) or QEMU, "-S", "-accel", "tcg",
            "-machine", "pc,memory-backend=ram", "-m", f"{mib}M",
            "-object", f"memory-backend-ram,id=ram,size={mib}M,prealloc=on",
            "-nodefaults", "-display", "none", "-vga", "none",
            "-qmp", f"unix:{self._socket_path},server=on,wait=off",
            *(["-incoming", "defer"] if incoming else [])]
        self._process: subprocess.Popen[bytes] | None = None
        self._qmp: socket.socket | None = None
        self._pending = b""
        self._events: list[dict[str, Any]] = []

    def __enter__(self) -> Qemu:
        self._socket_path.unlink(missing_ok=True)
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._qmp:
            self._qmp.close()
        if self._process:
            self._process.kill()
            self._process.wait()

    def fill(self, content: Path) -> None:
        """Make its memory the content of a file of the same size."""
        with open(content, "rb") as source, self._memory("r+b") as memory:
            while piece := source.read(COPY_BYTES):
                memory.write(piece)

    def holds(self, content: Path) -> bool:
        """Whether its memory is the content of that file."""
        with open(content, "rb") as source, self._memory("rb") as memory:
            while piece := source.read(COPY_BYTES):
                if memory.read(len(piece)) != piece:
                    return False
        return True

    def save(self, stream: Path) -> float:
        """Migrate into a file; the processor time in seconds."""
        return self._migrate(stream, "migrate")

    def restore(self, stream: Path) -> float:
        """Take in what save wrote; the processor time in seconds."""
        return self._migrate(stream, "migrate-incoming")

    # -- inside

    def _memory(self, mode: str) -> BinaryIO:
        """The guest's memory as a file, at its first byte."""
        assert self._process
        proc = Path(f"/proc/{self._process.pid}")
        for line in (proc / "maps").read_text().splitlines():
            first, end = (int(at, 16) for at in line.split()[0].split("-"))
            if end - first == self._bytes:
                memory = open(proc / "mem", mode)
                memory.seek(first)
                return memory
        raise QemuError("no mapping of the size of the guest's memory")

    def _start(self) -> None:
        def pin() -> None:
            os.sched_setaffinity(0, {self._processor})

        try:
            with open(self._log, "wb") as log:
                self._process = subprocess.Popen(
                    self._argv, stdin=subprocess.DEVNULL, stdout=log,
                    stderr=subprocess.STDOUT, preexec_fn=pin)
        except OSError as error:
            raise QemuError(f"{QEMU}: {error}") from None
        self._qmp = self._connect()
        self._receive()                 # the greeting
        self._call("qmp_capabilities")
        self._call("migrate-set-capabilities", capabilities=[
            {"capability": "events", "state": True}])
        self._call("migrate-set-parameters", **{"max-bandwidth": UNLIMITED})

    def _connect(self) -> socket.socket:
        assert self._process
        deadline = time.monotonic() + PATIENCE
        while self._process.poll() is None and time.monotonic() < deadline:
            qmp = socket.socket(socket.AF_UNIX)
            qmp.settimeout(PATIENCE)
            try:
                qmp.connect(str(self._socket_path))
                return qmp
            except OSError:
                qmp.close()
                time.sleep(0.01)
        said = self._log.read_text(errors="replace").strip()
        raise QemuError(f"{QEMU} does not start: {said}")

    def _migrate(self, stream: Path, command: str) -> float:
        assert self._process
        file = os.open(stream, os.O_RDWR)
        try:
            self._call("getfd", fd=file, fdname="stream")
        finally:
            os.close(file)
        began = cpu_seconds(self._process.pid)
        self._call(command, uri="fd:stream")
        while (status := self._next_status()) != "completed":
            if status in ("failed", "cancelled"):
                raise QemuError(f"{command}: {status}")
        return cpu_seconds(self._process.pid) - began

    def _next_status(self) -> str:
        """Of the migration under way; events may outrun the answer."""
        said = self._events.pop(0) if self._events else self._receive()
        return said.get("data", {}).get("status", "")

    def _call(self, command: str, fd: int | None = None,
              **arguments: Any) -> None:
        """A command whose answer is of no interest, unless it is an error."""
        assert self._qmp
        text = json.dumps({"execute": command, "arguments": arguments})
        socket.send_fds(self._qmp, [text.encode()],
                        [] if fd is None else [fd])
        answer = self._receive()
        while "event" in answer:
            self._events.append(answer)
            answer = self._receive()
        if "error" in answer:
            raise QemuError(f"{command}: {answer['error']['desc']}")

    def _receive(self) -> dict[str, Any]:
        """The next answer or event: one line each."""
        assert self._qmp
        while b"\n" not in self._pending:
            try:
                fresh = self._qmp.recv(65536)
            except TimeoutError:
                raise QemuError("no answer over QMP") from None
            if not fresh:
                raise QemuError(f"{QEMU} has ended")
            self._pending += fresh
        line, self._pending = self._pending.split(b"\n", 1)
        return json.loads(line)
