"""Streams on their way from one machine to another, and what may befall them.

What is changed and still has good checks comes from hvstate make.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from boots import ROOT

HVSTATE = ROOT / "tools/hvstate"

# Features by result: feature word and bit.
FEATURES = {
    14: ("CPUID.1:ECX", 9), 15: ("CPUID.1:ECX", 19), 16: ("CPUID.1:ECX", 20),
    17: ("CPUID.80000001:ECX", 6), 18: ("CPUID.80000001:ECX", 11),
    21: ("CPUID.80000001:ECX", 4), 22: ("CPUID.80000001:ECX", 5),
    23: ("CPUID.80000001:ECX", 7), 24: ("CPUID.80000001:EDX", 22),
    25: ("CPUID.80000001:EDX", 31), 26: ("CPUID.80000001:EDX", 30),
    27: ("CPUID.80000001:EDX", 26), 29: ("CPUID.1:ECX", 26),
    30: ("CPUID.D.1:EAX", 0), 32: ("CPUID.1:ECX", 28),
    35: ("CPUID.1:ECX", 25), 36: ("CPUID.1:ECX", 1),
    37: ("CPUID.1:ECX", 17), 38: ("CPUID.80000001:ECX", 16),
    39: ("CPUID.1:ECX", 29), 40: ("CPUID.1:ECX", 30),
    41: ("CPUID.7.0:EBX", 0), 42: ("CPUID.7.0:EBX", 7),
    43: ("CPUID.7.0:EBX", 9), 44: ("CPUID.1:ECX", 12),
    45: ("CPUID.7.0:EBX", 5), 46: ("CPUID.7.0:EBX", 3),
    47: ("CPUID.7.0:EBX", 8), 48: ("CPUID.7.0:EBX", 4),
    49: ("CPUID.7.0:EBX", 11), 50: ("CPUID.1:ECX", 22),
}


def make(description: dict[str, Any], data: bytes = b"") -> bytes:
    """What hvstate makes of a description; data is its from."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if data:
            (folder / "from.sav").write_bytes(data)
            description = {"from": "from.sav"} | description
        source, target = folder / "description.json", folder / "made.sav"
        source.write_text(json.dumps(description))
        subprocess.run([HVSTATE, "make", source, target], check=True,
                       timeout=60)
        return target.read_bytes()


def put(data: bytes, *fields: tuple[str, str, Any]) -> bytes:
    """Other values in fields, with checks that hold."""
    return make({"edit": [
        {"do": "set", "chunk": chunk, "field": field, "value": value}
        for chunk, field, value in fields]}, data)


def unchanged(data: bytes) -> bytes:
    """As it was saved."""
    return data


def cut(data: bytes) -> bytes:
    """All of the map is there, not all of the memory."""
    return data[:len(data) // 2]


def damaged(data: bytes) -> bytes:
    """One bit, in the middle of the memory."""
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 0x20]) + data[at + 1:]


def later_version(data: bytes) -> bytes:
    """Of a format that is not known yet."""
    return put(data, ("PROLOG", "version_major", 2))


def other_vp(data: bytes) -> bytes:
    """VP 1 in place of VP 0."""
    return put(data, ("VP_INDICES", "bitmap", "02" + "00" * 11))


def other_boot_vp(data: bytes) -> bytes:
    """VP 1, and it is the boot processor."""
    return put(data, ("VP_INDICES", "bitmap", "02" + "00" * 11),
               ("VP_INDICES", "bsp_index", 1))


def other_vendor(data: bytes) -> bytes:
    """Saved on a processor that is not Intel's."""
    return put(data, ("PROLOG", "vendor", 0), ("COMPAT", "cpu_vendor", 0))


def one_feature(result: int, vendor: int) -> bytes:
    """A summary of a system of which a guest sees just this feature."""
    word, bit = FEATURES[result]
    return make({"summary": True, "prolog": {"vendor": vendor},
                 "compat": {"cpu_vendor": vendor,
                            "features": {word: 1 << bit}}})


def features(stream: bytes) -> set[tuple[str, int]]:
    """What its guest has seen, as hvstate reads it: words and bits."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(stream)
        file.flush()
        said = subprocess.run([HVSTATE, "dump", file.name], check=True, text=True,
                              capture_output=True, timeout=60).stdout
    words = re.findall(r"^ +(CPUID\.\S+) +0x([0-9a-f]+)$", said, re.M)
    assert words, said
    return {(word, bit) for word, value in words for bit in range(32)
            if int(value, 16) >> bit & 1}
