"""The hypervisor's engine on the host, behind tests/host/stream_tool.c."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / os.environ.get("B", "build") / "host/gcc/stream_tool"


@dataclass
class Answer:
    """What the engine made of a call: values by name, and its log."""

    values: dict[str, int]
    log: list[str]

    @property
    def result(self) -> int:
        """The HV_SAVE_RESTORE_STATE_RESULT of the last call."""
        return self.values["result"]


def engine(command: str, path: Path, **options: int | str) -> Answer:
    """Run it once."""
    words = [f"{name}={value}" for name, value in options.items()]
    assert TOOL.exists(), f"make {TOOL.relative_to(ROOT)} builds it"
    done = subprocess.run([TOOL, command, path, *words], text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    values, _, log = done.stdout.partition("log\n")
    return Answer({name: int(value, 0) for name, value in
                   map(str.split, values.splitlines())}, log.splitlines())


def offer(path: Path, **options: int | str) -> Answer:
    """Offer a stream to a fresh target; the call itself succeeds."""
    answer = engine("restore", path, **options)
    assert answer.values["status"] == 0
    return answer


def engine_tables() -> dict[str, dict[str, list[int]]]:
    """What the engine's tables say there is: kind of line, name, values."""
    assert TOOL.exists(), f"make {TOOL.relative_to(ROOT)} builds it"
    done = subprocess.run([TOOL, "fields", "-"], text=True, check=True,
                          capture_output=True, timeout=60)
    said: dict[str, dict[str, list[int]]] = {}
    for line in done.stdout.partition("\nlog\n")[0].splitlines():
        kind, name, *values = line.split()
        said.setdefault(kind, {})[name] = [int(v, 0) for v in values]
    return said
