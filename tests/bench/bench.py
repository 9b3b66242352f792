"""Runs the host benchmark, shows one table, and writes it as JSON.

Speeds are GiB of guest memory a second: the median, with least and most.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def measure(program: Path, mib: str, rounds: str) -> list[dict]:
    """One row a figure, as the program prints them."""
    answer = subprocess.run([program, mib, rounds], text=True, check=True,
                            stdout=subprocess.PIPE)
    return [json.loads(line) for line in answer.stdout.splitlines()]


def show(rows: list[dict], mib: int) -> None:
    """The table."""
    print(f"{mib} MiB of guest memory, GiB/s: median (least to most)")
    for row in rows:
        name = f"  {row['memory']:8}{row['what']:12}"
        if "gib_s" in row:
            print(f"{name}{row['gib_s']:8.2f}  ({row['min']:.2f} to "
                  f"{row['max']:.2f})")
        else:
            print(f"{name}{row['bytes']:12d} bytes")


def main() -> int:
    """bench.py PROGRAM OUT.json [MiB [ROUNDS]]"""
    program, out = Path(sys.argv[1]), Path(sys.argv[2])
    mib = sys.argv[3] if len(sys.argv) > 3 else "256"
    rounds = sys.argv[4] if len(sys.argv) > 4 else "9"
    print("measuring; it takes half a minute", file=sys.stderr)
    rows = measure(program, mib, rounds)
    show(rows, int(mib))
    out.write_text(json.dumps({"mib": int(mib), "rows": rows}, indent=1))
    print(f"written to {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
