"""Speed of save and restore beside their limits, and QEMU.

All contenders work on the same bytes, on one processor, in turns: a loop runs
the host program for a few rounds and then QEMU once out and once in for each
memory.  A figure is the median of all rounds, with the least and the most;
speeds are GiB of guest memory a second of processor time.  A ratio is the
median of the ratios of what ran side by side, in one round: a busy machine, or
a processor whose clock changes, makes both slow.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench_qemu import Qemu, QemuError

KINDS = ("empty", "random", "linux", "image")
LOOPS = 5
PROCESSOR = 0                           # the one that bench_host takes
FIGURES = ("save", "save limit", "save bare",
           "restore", "restore limit", "restore bare",
           "dirty", "dirty limit", "dirty bare",
           "QEMU save", "QEMU restore")

Row = dict[str, Any]


def lines_of(*command: Any) -> list[Row]:
    """A program's output: one JSON object a line."""
    answer = subprocess.run([str(word) for word in command], text=True,
                            check=True, stdout=subprocess.PIPE)
    return [json.loads(line) for line in answer.stdout.splitlines()]


def speed_row(memory: str, what: str, mib: int, seconds: float) -> Row:
    """One measurement, in the form of the host program's rows."""
    return {"memory": memory, "what": what, "gib_s": [mib / 1024 / seconds]}


def run_qemu(memory: str, content: Path, mib: int,
             work: Path) -> Iterator[Row]:
    """Out of one QEMU and into another; what arrives must be what left."""
    stream = work / "stream"
    with Qemu(mib, work, PROCESSOR) as source:
        source.fill(content)
        yield speed_row(memory, "QEMU save", mib, source.save(stream))
    with Qemu(mib, work, PROCESSOR, incoming=True) as target:
        yield speed_row(memory, "QEMU restore", mib, target.restore(stream))
        if not target.holds(content):
            raise QemuError(f"{memory}: QEMU restored something else")


def merge(rows: list[Row]) -> list[Row]:
    """One row a figure, in the order of KINDS and FIGURES."""
    merged = []
    for memory in KINDS:
        for what in FIGURES:
            loops = [row["gib_s"] for row in rows
                     if (row["memory"], row["what"]) == (memory, what)]
            rounds = [speed for loop in loops for speed in loop]
            if rounds:
                merged.append({
                    "memory": memory, "what": what,
                    "gib_s": statistics.median(rounds),
                    "min": min(rounds), "max": max(rounds), "loops": loops})
    return merged


def ratio(ours: Row, theirs: Row) -> float:
    """Of what was measured side by side: round by round, QEMU loop by loop."""
    ratios: list[float] = []
    for mine, other in zip(ours["loops"], theirs["loops"], strict=True):
        if len(other) == 1:
            mine = [statistics.median(mine)]
        ratios += [a / b for a, b in zip(mine, other, strict=True)]
    return statistics.median(ratios)


def prepare(programs: Path, mib: int, work: Path,
            image: str | None) -> list[Row]:
    """The memories as files, and the file that streams go to."""
    shares = []
    for kind in KINDS if image else KINDS[:-1]:
        source = [image] if kind == "image" else []
        shares += lines_of(programs / "bench_memory", kind, mib, work / kind,
                           *source)
    with open(work / "stream", "wb") as stream:
        for _ in range(mib + mib // 64 + 16):
            stream.write(b"\xff" * (1 << 20))
    return shares


def measure(programs: Path, mib: int, rounds: int, work: Path,
            with_qemu: bool, image: str | None) -> dict[str, Any]:
    """All figures; `work` is a folder in memory."""
    shares = prepare(programs, mib, work, image)
    kinds = [row["memory"] for row in shares]
    files = [word for kind in kinds for word in (kind, work / kind)]
    rows: list[Row] = []
    for loop in range(LOOPS):
        print(f"  round {loop + 1} of {LOOPS}", file=sys.stderr, flush=True)
        rows += lines_of(programs / "bench_host", mib, rounds, *files)
        for kind in kinds if with_qemu else ():
            rows += run_qemu(kind, work / kind, mib, work)
    streams = {row["memory"]: row["bytes"] for row in rows
               if row["what"] == "stream"}
    return {"rows": merge(rows),
            "streams": [stream_row(one, streams) for one in shares]}


def stream_row(shares: Row, streams: dict[str, int]) -> Row:
    """A stream's size beside what it has to carry.

    The stream of the empty memory is the processors' state, and the map.
    """
    nonzero = (shares["pages"] - shares["zero"]) * 4096
    carried = nonzero + streams["empty"]
    return {**shares, "stream_bytes": streams[shares["memory"]],
            "nonzero_bytes": nonzero,
            "ratio": streams[shares["memory"]] / carried}
