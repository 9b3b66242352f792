"""Time and output are linear in the file, whatever it declares."""

import os
import time

import pytest

from hostile import memory, one_fill
from hvstate_lib.diff import diff
from hvstate_lib.elfcore import plan_segments, write_core
from hvstate_lib.paging import Mapping
from hvstate_lib.problem import Verdict
from hvstate_lib.reader import read_stream
from hvstate_lib.show import dump, info
from hvstate_lib.svg import draw_map
from samples import RICH, run, write

MIB = 1 << 20


def touching(count):
    """Extents of a page each that touch, and a FILL for each."""
    return memory([(i, 1) for i in range(count)],
                  [(i, 1, i % 3) for i in range(count)])


def apart(count):
    """Extents with holes."""
    return memory([(2 * i, 1) for i in range(count)],
                  [(2 * i, 1, i % 3) for i in range(count)])


def one_extent(count):
    """One extent, FILLs of two words in turn."""
    return memory([(0, count)], [(i, 1, i % 2) for i in range(count)])


def core(stream, folder):
    """Write one, without a limit."""
    write_core(stream, folder / "core")


WORK = [lambda s, _: list(info(s, "it")), lambda s, _: list(dump(s, True)),
        lambda s, _: list(diff(s, s)), lambda s, _: draw_map(s, "it"), core]


def seconds(data, folder):
    """Of reading and of all that can be done with it: the lesser of two."""
    least = float("inf")
    for _ in range(2):
        began = time.process_time()
        stream = read_stream(data)
        for work in WORK:
            work(stream, folder)
        least = min(least, time.process_time() - began)
    assert stream.verdict is Verdict.COMPLETE, stream.problem
    return least


@pytest.mark.parametrize("shape", [touching, apart, one_extent])
def test_time_grows_as_the_file(tmp_path, shape):
    few, many = shape(500), shape(4000)
    # Eight times as much; what is quadratic takes 64 times as long.
    assert seconds(many, tmp_path) < 20 * seconds(few, tmp_path)


@pytest.mark.parametrize("pages, said", [
    (MIB // 4096 * 513, "513 MiB, of which 513 MiB"),
    (1 << 28, "1 TiB, of which 1 TiB"),
    ((1 << 40) - 1, "4096 TiB, of which 4096 TiB"),
    (MIB // 4096 * 64 + 2, "64.01 MiB, of which 64.01 MiB")])
def test_a_core_is_not_written_over_the_limit(tmp_path, pages, said):
    file, out = tmp_path / "it", tmp_path / "core"
    file.write_bytes(one_fill(pages, 0x4141414141414141))
    assert file.stat().st_size < 10000
    told = run("core", file, out, status=2)
    assert f"memory of {said} are written: more than 64" in told
    assert f"--limit {pages * 4096}" in told
    assert not out.exists()


def test_the_limit_is_lifted(tmp_path):
    pages = 20 * MIB // 4096
    file, out = tmp_path / "it", tmp_path / "core"
    file.write_bytes(one_fill(pages, 0x4141414141414141))
    for limit in ("1M", pages * 4096 - 1):
        run("core", file, out, "--limit", limit, status=2)
        assert not out.exists()
    for options in ([], ["--limit", pages * 4096], ["--limit", "20M"],
                    ["--limit", "0x1400000"], ["--limit", "1T"]):
        told = run("core", file, out, *options)
        assert told.startswith(f"hvstate: {out}: memory of 20 MiB, of which "
                               "20 MiB are written")
        content = out.read_bytes()
        assert content.count(0x41) >= 20 * MIB
        assert content.endswith(b"A" * 4096)
        out.unlink()
    assert "--limit" in run("core", file, out, "--limit", "much", status=2)


def test_zero_pages_take_no_room(tmp_path):
    file, out = tmp_path / "it", tmp_path / "core"
    file.write_bytes(one_fill(1 << 24, 0))
    told = run("core", file, out)
    assert "memory of 64 GiB, of which 0 bytes are written" in told
    assert out.stat().st_size > 1 << 36
    assert os.stat(out).st_blocks * 512 < MIB


def test_what_a_core_of_pages_says_first(tmp_path):
    told = run("core", write(tmp_path, "rich", RICH), tmp_path / "core")
    assert "memory of 200 KiB, of which 64 KiB are written" in told


def test_tables_that_map_the_same_over_and_over(monkeypatch):
    """1024 mappings of 4000 regions each, all where memory is already."""
    small = [(2 * i, 1) for i in range(4000)]
    large = [((i + 1) << 18, 1 << 18) for i in range(1024)]
    stream = read_stream(memory(
        small + large, [(gpn, count, 0) for gpn, count in small]
        + [(1 << 18, 1024 << 18, 0)]))
    assert stream.verdict is Verdict.COMPLETE, stream.problem
    mappings = [Mapping((i + 1) << 30, 0, 1 << 30) for i in range(1024)]

    class First:
        """All that the plan asks a VP for."""
        index = 0

    stream.vps = [First]
    monkeypatch.setattr("hvstate_lib.elfcore.walk",
                        lambda *_: (mappings, True))
    began = time.process_time()
    segments, remarks = plan_segments(stream, None)
    assert time.process_time() - began < 30
    assert len(segments) == 4001
    assert remarks[0].startswith("too many linear addresses")
    segments, remarks = plan_segments(stream, 0)
    assert len(segments) == 60000
    assert remarks[0].startswith("too many linear addresses")
