"""What the engine writes is read here, and what is written anew goes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine import engine, offer
from hvstate_lib.breakage import make
from hvstate_lib.problem import Verdict
from hvstate_lib.reader import load_stream, read_stream
from samples import RICH, build
from test_refuse import VALUES

MACHINES = ("skylake_x", "haswell", "no_xsave")
SEEDS = range(36)


def machine_of(seed: int) -> str:
    """All machines, with all kinds of shapes."""
    return MACHINES[seed % 3]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_child_of_any_shape_is_read(seed: int, tmp_path: Path):
    path = tmp_path / "child"
    saved = engine("save", path, seed=seed, machine=machine_of(seed))
    assert saved.result == 0
    stream = load_stream(path)
    assert stream.verdict is Verdict.COMPLETE, stream.problem
    assert stream.end == path.stat().st_size
    assert sum(1 << vp.index for vp in stream.vps) == saved.values["vps"]
    for vp in stream.vps:
        assert vp.get("VP_GP", "rip") == saved.values[f"rip{vp.index}"]
    assert sum(extent.count for extent in stream.memory.extents) \
        == saved.values["pages"]


@pytest.mark.parametrize("seed", range(12))
def test_written_anew_it_is_restored(seed: int, tmp_path: Path):
    path, anew = tmp_path / "child", tmp_path / "anew"
    saved = engine("save", path, seed=seed, machine=machine_of(seed))
    anew.write_bytes(make({"from": "child", "stream_id": seed + 5}, tmp_path))
    assert anew.read_bytes() != path.read_bytes()
    answer = offer(anew, seed=seed, machine=machine_of(seed), like_seed=1,
                   piece=1 + 777 * seed % 4080)
    assert answer.result == 0, answer.log
    registers = {name: value for name, value in saved.values.items()
                 if name.startswith("rip")}
    assert registers and registers.items() <= answer.values.items()


@pytest.mark.parametrize("machine", MACHINES)
def test_a_child_whose_memory_the_parent_keeps(machine: str, tmp_path: Path):
    path = tmp_path / "child"
    engine("save", path, seed=4, machine=machine, memory=0)
    stream = load_stream(path)
    assert stream.verdict is Verdict.COMPLETE, stream.problem
    assert stream.get("PARTITION", "flags") == 0
    assert not stream.memory.extents


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("system", (0, 1), ids=["partition", "system"])
def test_a_summary(machine: str, system: int, tmp_path: Path):
    path = tmp_path / "summary"
    saved = engine("save", path, seed=5, machine=machine, flags=2,
                   system=system)
    stream = load_stream(path)
    assert stream.verdict is Verdict.COMPLETE, stream.problem
    assert stream.is_summary
    assert stream.get("COMPAT", "scope") == 1 - system
    names = ["PROLOG", "COMPAT", "VP_INDICES", "EPILOG"]
    if system:
        names.remove("VP_INDICES")
    else:
        bitmap = stream.get("VP_INDICES", "bitmap")
        assert int.from_bytes(bitmap, "little") == saved.values["vps"]
    assert [frame.name for frame in stream.frames] == names


# What a reader answers, as docs/hypercalls.md numbers it.
RESULTS = {Verdict.COMPLETE: 0, Verdict.CORRUPT: 3, Verdict.UNSUPPORTED: 4,
           Verdict.INCOMPATIBLE: 11}
# Of these chunks; memory and processor are another matter for each target.
BREAKAGES = [row for row in VALUES
             if row[0]["chunk"].startswith(("PROLOG", "OS_ID", "VP"))
             or "reference" in row[0].get("field", "")]


@pytest.mark.parametrize("step, verdict, word", BREAKAGES, ids=lambda v: "-"
                         .join(map(str, v.values())) if isinstance(v, dict)
                         else None)
def test_the_engine_says_the_same_of_each_breakage(
        step: dict[str, Any], verdict: Verdict, word: str,
        tmp_path: Path) -> None:
    """Of the same change to a stream without memory, and a target with the
    VPs that it names.
    """
    path = tmp_path / "stream"
    path.write_bytes(build(RICH | {"memory": [], "edit": [step]}))
    stream = read_stream(path.read_bytes())
    assert stream.verdict is verdict, word
    bitmap = stream.get("VP_INDICES", "bitmap") or b"!"
    vps = int.from_bytes(bitmap[:8], "little")
    assert offer(path, vps=vps).result == RESULTS[verdict]
