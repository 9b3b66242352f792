"""States of devices in front of a stream: read, and refused when damaged."""

import struct

import pytest

from hvstate_lib.cli import main
from hvstate_lib.container import ContainerProblem, Part, join, open_file
from hvstate_lib.crc import crc32c
from hvstate_lib.problem import Verdict
from hvstate_lib.reader import load_stream
from samples import build

PARTS = [Part(0x41, b"ab"), Part(0x4C415443, bytes(range(16)))]
HEAD = 32 + 16 + 8 + 16 + 16
STREAM = build({})
FILE = join(PARTS, STREAM)


def sealed(at: int, value: int) -> bytes:
    """The file with a word of its header changed, and that header's CRC right."""
    head = bytearray(FILE[:28])
    struct.pack_into("<I", head, at, value)
    return bytes(head) + struct.pack("<I", crc32c(bytes(head))) + FILE[32:]


def test_what_was_joined_is_split():
    assert open_file(FILE) == (PARTS, STREAM)
    assert len(FILE) == HEAD + len(STREAM)


def test_a_stream_alone_has_no_parts():
    assert open_file(STREAM) == ([], STREAM)
    assert open_file(b"") == ([], b"")
    assert join([], STREAM) == STREAM


def test_each_damaged_bit_is_seen():
    for bit in range(64, 8 * HEAD):
        data = bytearray(FILE)
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ContainerProblem):
            open_file(bytes(data))


@pytest.mark.parametrize("size", [32, 33, HEAD - 1])
def test_a_file_that_ends_too_early(size: int):
    with pytest.raises(ContainerProblem) as caught:
        open_file(FILE[:size])
    assert caught.value.verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize("at, value, verdict", [
    (8, 2, Verdict.UNSUPPORTED), (12, 0, Verdict.CORRUPT),
    (12, 1, Verdict.CORRUPT), (12, 3, Verdict.CORRUPT),
    (12, 65, Verdict.CORRUPT), (16, 24, Verdict.CORRUPT),
    (16, HEAD - 4, Verdict.CORRUPT), (16, 65544, Verdict.CORRUPT),
    (20, 1, Verdict.CORRUPT), (24, 1, Verdict.CORRUPT)])
def test_a_forged_header(at: int, value: int, verdict: Verdict):
    with pytest.raises(ContainerProblem) as caught:
        open_file(sealed(at, value))
    assert caught.value.verdict is verdict


def test_two_parts_of_a_kind():
    with pytest.raises(ContainerProblem):
        open_file(join([PARTS[0], PARTS[0]], STREAM))


def test_dump_shows_what_the_devices_remember(tmp_path, capsys):
    """Pin 4 to APIC 1 by edge, pin 9 a level; a serial port with two bytes."""
    entries = [1 << 16] * 24
    entries[4] = 1 << 56 | 0x61
    entries[9] = 0xC139
    serial = bytes([5, 3, 0xB, 0x81, 0, 0, 2, 1]) + struct.pack("<HB", 1, 2)
    path = tmp_path / "a.sav"
    path.write_bytes(join([
        Part(0x314D4F43, serial.ljust(16, b"\0") + b"qx".ljust(16, b"\0")),
        Part(0x31414F49, struct.pack("<24Q4I", *entries, 0x210, 16, 0, 0x18)),
        Part(0x31525750, b"\x14".ljust(8, b"\0")),
        Part(0x31435452, struct.pack("<2I2B6x10s2B", 60, 86461, 12, 1, bytes(10),
                                     0x26, 2).ljust(144, b"\0")),
        Part(0x31494350, struct.pack("<2I", 0x80000008, 0))], STREAM))
    assert main(["dump", str(path)]) == 0
    text = capsys.readouterr().out
    assert "device serial port, kind 0x314d4f43, 32 bytes" in text
    assert "IER 0x05, LCR 0x03, MCR 0x0b, FCR 0x81" in text
    assert "LSR errors 0x02, THRE not told 0x01" in text
    assert "divisor 1\n" in text
    assert "received 71 78\n" in text
    assert "id 0, register 0x18 selected" in text
    assert ("pin 4: vector 0x61 to 1, delivery 0, edge, asserted, "
            "not delivered\n") in text
    assert ("pin 9: vector 0x39 to 0, delivery 1, level, not ended, "
            "asserted\n") in text
    assert "pin 5" not in text
    assert "sleep type 5" in text
    assert ("shows 2000-01-02 00:01:01, 60 s ahead of the parent's, "
            "register 12 selected, held\n") in text
    assert "A 0x26, B 0x02\n" in text
    assert "RAM from" not in text
    assert "CONFIG_ADDRESS 0x80000008" in text


def test_info_shows_the_devices(tmp_path, capsys):
    path = tmp_path / "a.sav"
    path.write_bytes(FILE)
    assert load_stream(path).devices == PARTS
    assert main(["info", str(path)]) == 0
    assert "kind 0x4c415443, 16 bytes" in capsys.readouterr().out
    assert main(["verify", str(path)]) == 0
    path.write_bytes(FILE[:40] + b"x" + FILE[41:])
    assert main(["verify", str(path)]) == 4
    assert "in front of the stream" in capsys.readouterr().out
