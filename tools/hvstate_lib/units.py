"""Numbers as people read them, and as they write them."""

from __future__ import annotations

from typing import Any


def size_text(size: int) -> str:
    """Bytes in the largest unit that makes a short number."""
    for unit, shift in (("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >= 1 << shift:
            return f"{size / (1 << shift):.4g} {unit}"
    return f"{size} bytes"


def parse_number(value: Any) -> int:
    """An int, or a text as C writes one; ValueError for all else."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError(f"{value!r} is not a number")
    return int(value, 0) if isinstance(value, str) else value
