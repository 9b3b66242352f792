"""The golden streams, as the inspector sees and makes them."""

import json
import re
from pathlib import Path

import pytest

from hvstate_lib.breakage import make
from hvstate_lib.chunks import KINDS
from hvstate_lib.problem import Verdict
from hvstate_lib.reader import read_stream
from samples import run

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
STREAMS = sorted(GOLDEN.glob("*.stream"))
DESCRIPTIONS = sorted(GOLDEN.glob("*.json"))


def by_name(path):
    """What pytest calls a case."""
    return path.stem


@pytest.mark.parametrize("path", STREAMS, ids=by_name)
def test_every_golden_is_complete(path):
    stream = read_stream(path.read_bytes())
    assert stream.verdict is Verdict.COMPLETE, stream.problem
    assert stream.end == path.stat().st_size
    assert "complete" in run("verify", path)


@pytest.mark.parametrize("path", DESCRIPTIONS, ids=by_name)
def test_a_description_makes_the_committed_bytes(path):
    description = json.loads(path.read_text("utf-8"))
    assert make(description, GOLDEN) == \
        path.with_suffix(".stream").read_bytes()


def test_every_chunk_of_the_page_is_in_a_golden():
    seen = {frame.name for path in STREAMS
            for frame in read_stream(path.read_bytes()).frames}
    assert {kind.name for kind in KINDS} <= seen


def test_the_readme_names_exactly_the_streams_there_are():
    rows = re.findall(r"^\| ([a-z0-9-]+) \|", (GOLDEN / "README.md")
                      .read_text("utf-8"), re.M)
    assert sorted(name for name in rows if name != "stream") == \
        [path.stem for path in STREAMS]
    made = {path.stem for path in DESCRIPTIONS}
    assert {path.stem for path in STREAMS
            if not path.stem.startswith("engine-")} == made
    assert len(STREAMS) == 17
