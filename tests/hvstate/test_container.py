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
