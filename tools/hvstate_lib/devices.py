"""What hvctl's devices remember, as text: docs/stream.md, section 7."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from .container import Part

PINS = 24
FIRST = datetime(2000, 1, 1)            # that a clock counts from
MASKED, LEVEL, REMOTE = 1 << 16, 1 << 15, 1 << 14


def serial(payload: bytes) -> Iterator[str]:
    """A 16550: its registers, and what waits in its FIFO."""
    names = ("IER", "LCR", "MCR", "FCR", "SCR", "MSR deltas", "LSR errors",
             "THRE not told")
    values = struct.unpack_from("<8BHB", payload)
    yield ", ".join(f"{name} {value:#04x}"
                    for name, value in zip(names, values))
    yield f"divisor {values[8]}"
    waiting = payload[16:16 + values[9]]
    yield "received " + (waiting.hex(" ") or "nothing")


def ioapic(payload: bytes) -> Iterator[str]:
    """An I/O APIC: its registers, and each pin that is not as after a reset."""
    entries = struct.unpack_from(f"<{PINS}Q", payload)
    lines, edges, identity, select = struct.unpack_from("<4I", payload, 192)
    yield f"id {identity >> 24}, register {select:#04x} selected"
    for pin, entry in enumerate(entries):
        line, edge = lines >> pin & 1, edges >> pin & 1
        if (entry, line) == (MASKED, 0):
            continue
        words = ["level" if entry & LEVEL else "edge"]
        words += ["masked"] if entry & MASKED else []
        words += ["not ended"] if entry & REMOTE else []
        words += ["asserted"] if line else []
        words += ["not delivered"] if edge else []
        yield (f"pin {pin}: vector {entry & 0xff:#04x} to {entry >> 56}, "
               f"delivery {entry >> 8 & 7}, {', '.join(words)}")


def power(payload: bytes) -> Iterator[str]:
    """The ports by which a machine is switched off."""
    yield f"sleep type {payload[0] >> 2}"


def clock(payload: bytes) -> Iterator[str]:
    """A real-time clock: what it shows, and its RAM."""
    ahead, shown, index, held = struct.unpack_from("<2I2B", payload)
    cmos = payload[16:]
    yield (f"shows {FIRST + timedelta(seconds=shown)}, {ahead} s ahead of the "
           f"parent's, register {index} selected{', held' if held else ''}")
    yield f"A {cmos[10]:#04x}, B {cmos[11]:#04x}"
    if any(cmos[14:]):
        yield "RAM from register 14 on " + cmos[14:].hex(" ")


def pci(payload: bytes) -> Iterator[str]:
    """PCI's host bridge."""
    yield f"CONFIG_ADDRESS {struct.unpack_from('<I', payload)[0]:#010x}"


@dataclass(frozen=True)
class Device:
    """A kind, what it is, and how many bytes it has."""

    name: str
    size: int
    text: Callable[[bytes], Iterator[str]]


KINDS = {0x314D4F43: Device("serial port", 32, serial),
         0x31414F49: Device("I/O APIC", 208, ioapic),
         0x31525750: Device("power", 8, power),
         0x31435452: Device("real-time clock", 144, clock),
         0x31494350: Device("PCI", 8, pci)}


def summary(part: Part) -> str:
    """One line."""
    device = KINDS.get(part.kind)
    name = f"{device.name}, " if device else ""
    return (f"{name}kind {part.kind:#010x}, {len(part.payload)} bytes in "
            "front of the stream")


def lines(part: Part) -> Iterator[str]:
    """All that it remembers; nothing of a kind or a size that is not known."""
    device = KINDS.get(part.kind)
    if device and len(part.payload) == device.size:
        yield from device.text(part.payload)
