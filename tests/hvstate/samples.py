"""Streams for the tests, and the command under test."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from hvstate_lib.breakage import make
from hvstate_lib.reader import read_stream
from hvstate_lib.stream import Stream

HVSTATE = Path(__file__).resolve().parents[2] / "tools" / "hvstate"

# Code that a disassembler shows as something to be recognised.
CODE = "48c7c078563412" "48ffc0" "f4" "ebfd"    # mov, inc, hlt, jmp
CODE_AT = 0x10000
UPPER = 0xFFFF_8000_0000_0000

# Page tables at 0x1000: the first 2 MiB identically, the same at UPPER.
TABLES = {"0x0": "0x2003", "0x800": "0x2003", "0x1000": "0x3003",
          "0x2000": "0x83"}

AVX = {"xcr0": 7, "xsave_size": 832, "xsave_offset": {"2": 576}}

# Two VPs in long mode, all kinds of memory, a message: every kind of chunk.
RICH: dict[str, Any] = {
    "stream_id": "0x1122334455667788",
    "compat": {"phys_bits": 40, "features": {"CPUID.1:EDX": "0x2000020"},
               "tsc_hz": 1000000000, **AVX},
    "os_id": {"os_id": 1}, "partition": {"hypercall": 0x5001},
    "memory": [
        {"gpn": 0, "count": 1},
        {"gpn": 1, "words": TABLES, "count": 4},
        {"gpn": 5, "word": "0x4141414142424242", "count": 11},
        {"gpn": 16, "hex": CODE},
        {"gpn": 17, "hex": CODE, "rights": "r"},
        {"gpn": "0x100000", "count": 32, "rights": "rw"}],
    "vps": [
        {"mode": "long",
         "vp_gp": {"rip": CODE_AT, "rsp": "0x8000", "rax": "0xabcdef"},
         "vp_control": {"cr3": "0x1000"},
         "vp_segment": {"fs.base": "0x123456789"},
         "vp_fp": {"xmm": "000102030405060708090a0b0c0d0e0f"},
         "vp_xsave_control": {"xcr0": 7},
         "vp_xsave": {"xstate_bv": 7, "components": {
             "2": "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"}},
         "vp_msrs": {"TSC": 99, "LSTAR": "0x777"},
         "vp_synic": {"scontrol": 1, "simp": "0x7001", "siefp": "0x8001",
                      "sint": {"2": "0x20031", "3": "0x32"},
                      "timer0.config": "0x20003", "timer0.count": 10000000,
                      "timer0.due": 25000000, "timer3.config": "0x30000",
                      "timer3.expired": 7},
         "vp_sim": {"page": {"0x200": "0x1880000010"}},
         "vp_sief": {"page": "80"},
         "vp_queue": [{"payload_size": 4, "payload": "01020304"},
                      {"type": 9, "sint": 3, "sender": 5}]},
        {"index": 5, "mode": "long", "vp_gp": {"rip": UPPER + CODE_AT},
         "vp_control": {"cr3": "0x1000"},
         "vp_apic": {"svr": "0x1ff", "irr": [0, "0x80000001"],
                     "lvt_timer": "0x200d1", "timer_due": 4711},
         "vp_message": {"type": "0x80000001", "payload_size": 16}}]}


def build(description: dict[str, Any]) -> bytes:
    """The bytes of a description that needs no files."""
    return make(description, Path("."))


def read(description: dict[str, Any]) -> Stream:
    """The same, read."""
    return read_stream(build(description))


def run(*args: object, status: int = 0) -> str:
    """Run the command; its output and what it said of errors."""
    done = subprocess.run([HVSTATE, *map(str, args)], text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def write(folder: Path, name: str, description: dict[str, Any]) -> Path:
    """Make a stream by the command."""
    source, target = folder / (name + ".json"), folder / (name + ".sav")
    source.write_text(json.dumps(description))
    run("make", source, target)
    return target
