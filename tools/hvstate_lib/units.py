"""Numbers as people read them, and as they write them."""

from __future__ import annotations

from typing import Any


def size_text(size: int) -> str:
    """Bytes in the largest unit that makes a short number."""
    for unit, shift in (("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >= 1 << shift:
            return f"{size / (1 << shift):.4g} {unit}"
    return f"{size} bytes"


def parse_size(text: str) -> int:
    """Bytes as people write them: 100, 0x1000, 64M, 2G; ValueError."""
    shift = {"K": 10, "M": 20, "G": 30, "T": 40}.get(text[-1:].upper(), 0)
    size = int(text[:-1] if shift else text, 0)
    if size < 0:
        raise ValueError(f"{text!r} is no size")
    return size << shift


def parse_number(value: Any) -> int:
    """An int, or a text as C writes one; ValueError for all else."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError(f"{value!r} is not a number")
    return int(value, 0) if isinstance(value, str) else value
