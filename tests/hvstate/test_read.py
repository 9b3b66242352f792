"""What is made is read back; what stops is incomplete."""

import struct

import pytest

from hvstate_lib.breakage import make
from hvstate_lib.chunks import KINDS
from hvstate_lib.crc import crc32c
from hvstate_lib.memory import Extent
from hvstate_lib.problem import Verdict
from hvstate_lib.reader import read_stream
from samples import CODE, RICH, build, read


def test_the_least_description_is_a_complete_stream():
    stream = read({})
    assert stream.verdict is Verdict.COMPLETE, stream.problem
    assert stream.memory.extents == [Extent(0, 16, 7)]
    assert [vp.index for vp in stream.vps] == [0]


def test_all_that_was_described_comes_back():
    stream = read(RICH)
    assert stream.verdict is Verdict.COMPLETE, stream.problem
    assert {frame.name for frame in stream.frames} == {k.name for k in KINDS}
    assert stream.get("PROLOG", "stream_id") == 0x1122334455667788
    assert stream.get("COMPAT", "features")[1] == 0x2000020
    assert stream.get("COMPAT", "xsave_offset")[2] == 576
    assert stream.memory.extents == [
        Extent(0, 17, 7), Extent(17, 1, 1), Extent(0x100000, 32, 3)]
    first, second = stream.vps
    assert (first.index, second.index) == (0, 5)
    assert first.get("VP_GP", "rax") == 0xABCDEF
    assert first.get("VP_SEGMENT", "fs.base") == 0x123456789
    assert first.msrs == {0x80000: 99, 0x80009: 0x777}
    assert second.get("VP_MESSAGE", "type") == 0x80000001


def test_memory_comes_back():
    memory = read(RICH).memory
    assert memory.page(0) == bytes(4096)
    assert struct.unpack_from("<Q", memory.page(1))[0] == 0x2003
    assert memory.page(15) == struct.pack("<Q", 0x4141414142424242) * 512
    assert memory.page(16).startswith(bytes.fromhex(CODE))
    assert memory.page(18) is None
    assert memory.page(0x10001F) == bytes(4096)
    assert memory.tally() == {"zero": 34, "filled": 11, "repeated": 1,
                              "full": 4}


@pytest.mark.parametrize("compat, chunks", [
    ({}, ["PROLOG", "COMPAT", "EPILOG"]),
    ({"scope": 1}, ["PROLOG", "COMPAT", "VP_INDICES", "EPILOG"]),
])
def test_summaries(compat, chunks):
    description = {"summary": True}
    if compat:
        description["compat"] = compat
    stream = read(description)
    assert stream.verdict is Verdict.COMPLETE, stream.problem
    assert [frame.name for frame in stream.frames] == chunks


def test_a_stream_without_memory():
    stream = read({"memory": [], "partition": {"flags": 0}})
    assert stream.verdict is Verdict.COMPLETE, stream.problem
    assert stream.memory.extents == []


def test_more_extents_than_a_chunk_holds():
    stream = read({"memory": [{"gpn": 2 * i, "count": 1}
                              for i in range(600)]})
    assert stream.verdict is Verdict.COMPLETE, stream.problem
    names = [frame.name for frame in stream.frames]
    assert names.count("GPA_MAP") == 3
    assert len(stream.memory.extents) == 600


def test_64_gib_cost_nothing():
    stream = read({"memory": [{"gpn": 0, "count": 1 << 24}]})
    assert stream.verdict is Verdict.COMPLETE, stream.problem
    assert stream.end < 8192


def test_a_copy_by_from_is_the_same(tmp_path):
    original = build(RICH)
    (tmp_path / "one.sav").write_bytes(original)
    assert make({"from": "one.sav"}, tmp_path) == original
    other = read_stream(make({"from": "one.sav", "stream_id": 7}, tmp_path))
    assert other.verdict is Verdict.COMPLETE, other.problem
    assert other.get("PROLOG", "stream_id") == 7


def test_the_framing_by_hand():
    """Against bytes put together here, not by the writer."""
    data = build({})
    chunk_id, length, header, payload = struct.unpack_from("<4I", data)
    seed = bytes(16)
    assert (chunk_id, length) == (0, 4064)
    assert payload == crc32c(seed + data[16:4080])
    assert header == crc32c(seed + data[:8] + data[12:16])
    seed = struct.pack("<QQ", 1, 1)
    assert struct.unpack_from("<I", data, 4080)[0] == 0x70001000
    assert struct.unpack_from("<I", data, 4092)[0] == crc32c(
        seed + data[4096:4096 + 256])
    headers = b"".join(data[f.offset:f.offset + 16]
                       for f in read_stream(data).frames[:-1])
    assert struct.unpack_from("<I", data, len(data) - 4)[0] == crc32c(headers)


def test_every_truncation_is_incomplete():
    data = build({"memory": [{"count": 2}, {"gpn": 2, "hex": "01"}]})
    ends = [frame.offset for frame in read_stream(data).frames]
    for cut in {*range(0, len(data), 61), *ends, *(e + 16 for e in ends[:-1]),
                len(data) - 1}:
        stream = read_stream(data[:cut])
        assert stream.verdict is Verdict.INCOMPLETE, (cut, stream.problem)
        assert stream.problem.offset == cut


def test_bytes_behind_the_end_are_not_part():
    data = build({})
    stream = read_stream(data + b"more")
    assert stream.verdict is Verdict.COMPLETE
    assert stream.end == len(data)


def test_optional_chunks_are_skipped_wherever_they_stand():
    count = len(read({}).frames)
    for place in range(1, count):
        stream = read({"edit": [{"do": "insert", "id": "0x78001234",
                                 "length": 32, "before": place}]})
        assert stream.verdict is Verdict.COMPLETE, (place, stream.problem)
        assert len(stream.frames) == count + 1
