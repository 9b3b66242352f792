"""The way to an inner machine, with an outer one that is made up."""

import gzip
import pytest

import archive
import outer
from disk import Disk
from emulator import KVM, Hardware, MachineError
from outer_disk import COMMAND_LINE, Modules


class MadeUp:
    """Says the pieces of COM2 one by one; init answers at the end."""

    def __init__(self, work, pieces, code=0):
        self.disk = work / "outer.img"
        self.disk.write_bytes(b"left by the machine")
        self.seconds = 0.0
        self.ended = None
        self.counts = None
        self.said = ""
        self.told = []
        self.closed = False
        self._pieces = pieces
        self._code = code

    def tell(self, line):
        self.told.append(line)

    def listen(self, _timeout):
        self.seconds += 1.0
        if self._pieces:
            return self._pieces.pop(0)
        self.said = "QEMU's own words"
        self.ended = self._code
        return b""

    def sleep(self):
        self.told.append("sleep")

    def close(self):
        self.closed = True


@pytest.fixture(name="start")
def fixture_start(tmp_path, monkeypatch):
    """An inner machine whose serial port says these pieces."""
    (tmp_path / "disk.img").write_bytes(b"put there by the test")

    def start(*pieces, code=0):
        made_up = MadeUp(tmp_path, list(pieces), code)
        monkeypatch.setattr(outer, "borrow", lambda: made_up)
        return made_up, outer.Inner(Hardware(KVM),
                                    Disk(tmp_path / "disk.img"))

    return start


@pytest.mark.parametrize("pieces", [
    (b"one two\x04ended\x04",), (b"one ", b"two\x04", b"ended\x04"),
    (b"one two", b"\x04ended\x04"), (b"one two\x04end", b"ed", b"\x04")])
def test_text_ends_at_the_mark_however_it_is_cut(start, pieces):
    _made_up, inner = start(*pieces)
    assert b"".join(iter(lambda: inner.receive(60), b"")) == b"one two"
    assert inner.receive(60) == b""


def test_the_disk_goes_in_and_comes_back(start, tmp_path):
    made_up, inner = start(b"\x04ended\x04")
    assert made_up.disk.read_bytes().startswith(b"put there by the test")
    made_up.disk.write_bytes(b"left by the machine..")
    assert inner.receive(60) == b""
    assert (tmp_path / "disk.img").read_bytes() == b"left by the machine.."


def test_silence_is_measured_by_the_outer_clock(start):
    made_up, inner = start(*[b""] * 100)
    with pytest.raises(TimeoutError):
        inner.receive(30)
    assert 30 <= made_up.seconds <= 32


def test_what_qemu_says_when_it_fails_is_told(start):
    _made_up, inner = start(b"\x04ended\x04", code=1)
    with pytest.raises(MachineError, match="(?s)ended with 1.*own words"):
        inner.receive(60)


def test_counts_are_read_from_a_line():
    assert outer.read_counts("exits=12 nested_run=3 x= y") == {
        "exits": 12, "nested_run": 3}


def test_modules_come_behind_what_they_need(tmp_path):
    for name, needs in ("a-b", ""), ("c", "a_b"), ("d", "c,a_b"):
        (tmp_path / f"{name}.ko").write_bytes(
            b"x\0license=GPL\0depends=" + needs.encode() + b"\0name=x\0")
    order = Modules(tmp_path).in_order(("d", "c"))
    assert [path.name for path in order] == ["a-b.ko", "c.ko", "d.ko"]


def test_the_clock_of_the_outer_machine_is_the_tsc():
    assert "tsc=reliable" in COMMAND_LINE.split()


def test_archive_has_its_files():
    packed = gzip.decompress(archive.packed(archive.programs(
        {"init": b"#!/bin/sh\n", "lib/a.ko": b"12345"})))
    names = []
    while packed:
        size, length = int(packed[54:62], 16), int(packed[94:102], 16)
        names.append(packed[110:110 + length - 1].decode())
        body = -(-(110 + length) // 4) * 4
        packed = packed[body + -(-size // 4) * 4:]
    assert names == ["lib", "init", "lib/a.ko", "TRAILER!!!"]
