"""A cpio archive ("newc"), as Linux takes it for its initramfs.

Written here byte by byte: it needs no root for devices, and comes out the same each
time, on every machine.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

FOLDER, FILE, LINK, DEVICE = 0o040000, 0o100000, 0o120000, 0o020000


@dataclass(frozen=True)
class Entry:
    """What is at a path: its mode with its kind, content, numbers of a device."""

    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def folder() -> Entry:
    """One with nothing in it; those on the way to a file need not be said."""
    return Entry(FOLDER | 0o755)


def program(data: bytes) -> Entry:
    """A file that can be executed."""
    return Entry(FILE | 0o755, data)


def text(data: str) -> Entry:
    """One that cannot."""
    return Entry(FILE | 0o644, data.encode())


def link(to: str) -> Entry:
    """A symbolic link."""
    return Entry(LINK | 0o777, to.encode())


def device(major: int, minor: int) -> Entry:
    """A character device of root's."""
    return Entry(DEVICE | 0o600, b"", (major, minor))


def programs(content: Mapping[str, bytes]) -> dict[str, Entry]:
    """Files, all of which can be executed."""
    return {name: program(data) for name, data in content.items()}


def packed(content: Mapping[str, Entry]) -> bytes:
    """The archive, compressed."""
    ways = {str(up) for name in content for up in PurePosixPath(name).parents}
    # A folder comes before what is in it.
    every = {way: folder() for way in sorted(ways - {"."})} | dict(content)
    members = b"".join(_member(name, entry) for name, entry in every.items())
    return gzip.compress(members + _member("TRAILER!!!", Entry(0)), mtime=0)


def _member(name: str, entry: Entry) -> bytes:
    """A head of hexadecimal fields, name, data."""
    number, owner, links, time, check = 0, 0, 1, 0, 0
    fields = (number, entry.mode, owner, owner, links, time, len(entry.data),
              0, 0, *entry.device, len(name) + 1, check)
    head = b"070701" + b"".join(b"%08x" % field for field in fields)
    return _padded(head + name.encode() + b"\0") + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    """Up to the next multiple of four."""
    return data + b"\0" * (-len(data) % 4)
