"""A virtual machine with one disk and one serial port.

Boots OVMF from a disk under Bochs or QEMU, hands out what the serial port
says as it comes, and takes key presses.  QEMU runs here where the processor
has VT-x, else in a Linux with KVM that Bochs runs (outer.py).
The firmware's console is on COM1 too, both ways, so the UEFI shell can be
watched and typed to.  Nothing here knows what is being tested.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import outer
from disk import Disk
from emulator import (Hardware, Link, MachineError, MachineTimeout, Process,
                      bochs_command, last_lines, qemu_binary, qemu_command)
from terminal import Terminal

# Of each boot: its folder, its processor, its seconds by the clock on the wall and
# of the kind that limits are in. For whoever makes the tests shorter.
TIMES: list[tuple[str, str, float, float]] = []
COUNTDOWN = "any other key to continue"

__all__ = ["Machine", "MachineEnded", "MachineError", "MachineTimeout",
           "at_once", "last_lines"]


def at_once() -> int:
    """Machines that run at a time: $AT_ONCE, or two; a third slows down all."""
    return int(os.environ.get("AT_ONCE", "2"))


class MachineEnded(MachineError):
    """The machine powered off or died before what was waited for."""


class Machine:
    """One boot of a disk, from power-on to power-off.

    Use it in a with statement: whatever happens, the emulator is gone
    afterwards.  `text` is all that the console has said so far.
    """

    def __init__(self, disk: Disk, work: Path, hardware: Hardware, *,
                 skip_countdown: bool = True) -> None:
        self.disk = disk
        self.work = work
        self.hardware = hardware
        self.text = ""
        self.ended = False
        self.seconds = 0.0              # from power-on to power-off
        self._countdown_due = skip_countdown
        self._terminal = Terminal()
        self._link: Link | None = None

    def __enter__(self) -> Machine:
        self.work.mkdir(parents=True, exist_ok=True)
        self._raw = open(self.work / "serial.log", "wb")
        try:
            self._link = self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._link:
            self.seconds = self._link.lasted()
            TIMES.append((self.work.name, str(self.hardware.processor),
                          self.seconds, self._link.clock()))
            self._link.close()
        self._raw.close()
        # Bochs leaves its lock behind when it is killed.
        Path(f"{self.disk.path}.lock").unlink(missing_ok=True)

    # -- talking to it

    def send(self, keys: str) -> None:
        """Press keys on the serial console."""
        self._reached.send(keys.encode("latin-1"))

    def counts(self) -> dict[str, int]:
        """What KVM counts of this machine, by its own names.

        Empty where KVM cannot be asked: under Bochs alone.
        """
        return self._reached.counts()

    def read(self, timeout: float) -> str:
        """What the console says next: at least one character, at once.

        Raises MachineEnded after power-off, MachineTimeout when the console
        stays silent.
        """
        deadline = self._reached.clock() + timeout
        while not self.ended:
            fresh = self._receive(deadline - self._reached.clock())
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
        deadline = self._reached.clock() + timeout
        while (left := deadline - self._reached.clock()) > 0:
            try:
                yield self.read(min(silence, left))
            except MachineEnded:
                return
            except MachineTimeout:
                if left > silence:
                    raise
        raise MachineTimeout(f"it was not at its end after {timeout:.0f} s")

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
        deadline = self._reached.clock() + timeout
        compiled = re.compile(pattern)
        while not (found := compiled.search(self.text, start)):
            self.read(deadline - self._reached.clock())
        return found

    def run_to_end(self, timeout: float) -> str:
        """Read until power-off; all that the console said."""
        for _ in self.stream(timeout):
            pass
        return self.text

    # -- inside

    @property
    def _reached(self) -> Link:
        assert self._link
        return self._link

    def _receive(self, timeout: float) -> str:
        if timeout <= 0:
            raise MachineTimeout("the machine did not get there in time")
        try:
            data = self._reached.receive(timeout)
        except TimeoutError:
            raise MachineTimeout(
                f"the console was silent for {timeout:.0f} s") from None
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

    def _start(self) -> Link:
        hardware = self.hardware
        disk = self.disk.path.resolve()
        if hardware.processor.emulator == "bochs":
            return Process("bochs", self.work, lambda port: bochs_command(
                hardware, disk, self.disk.cylinders, port, self.work))
        if hardware.processor.nested:
            return outer.Inner(hardware, self.disk)
        return Process("qemu", self.work, lambda port: [
            qemu_binary(), *qemu_command(
                hardware, f"file={disk}",
                f"socket,host=127.0.0.1,port={port}")[1:]])
