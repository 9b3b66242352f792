"""Every result of a restore: hvstate writes the stream, the engine answers.

The streams come from the writer that was made from docs/stream.md alone, and
differ in one thing from a stream that fits. What the results are and what the
log says is from docs/hypercalls.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engine import Answer, offer
from samples import build

COMPLETE, INCOMPLETE, RESTORABLE, CORRUPT = range(4)
SUMMARY = 2
BARE: dict[str, Any] = {"bare": 1}
SYSTEM: dict[str, Any] = {"flags": SUMMARY, "system": 1}

# Where a full stream's COMPAT and VP_INDICES end: what a verdict needs.
COMPAT_END = 4080 + 16 + 256
INDICES_END = COMPAT_END + 16 + 16

# Result, feature word, bit, name.
FEATURES = (
    (12, "CPUID.1:ECX", 0, "SSE3"),
    (13, "CPUID.80000001:ECX", 0, "LAHF/SAHF"),
    (14, "CPUID.1:ECX", 9, "SSSE3"),
    (15, "CPUID.1:ECX", 19, "SSE4.1"),
    (16, "CPUID.1:ECX", 20, "SSE4.2"),
    (17, "CPUID.80000001:ECX", 6, "SSE4a"),
    (18, "CPUID.80000001:ECX", 11, "SSE5"),
    (19, "CPUID.1:ECX", 23, "POPCNT"),
    (20, "CPUID.1:ECX", 13, "CMPXCHG16B"),
    (21, "CPUID.80000001:ECX", 4, "ALTMOVCR8"),
    (22, "CPUID.80000001:ECX", 5, "LZCNT"),
    (23, "CPUID.80000001:ECX", 7, "misaligned SSE"),
    (24, "CPUID.80000001:EDX", 22, "MMX extensions"),
    (25, "CPUID.80000001:EDX", 31, "3DNow!"),
    (26, "CPUID.80000001:EDX", 30, "extended 3DNow!"),
    (27, "CPUID.80000001:EDX", 26, "1-GiB pages"),
    (29, "CPUID.1:ECX", 26, "XSAVE"),
    (30, "CPUID.D.1:EAX", 0, "XSAVEOPT"),
    (32, "CPUID.1:ECX", 28, "AVX"),
    (35, "CPUID.1:ECX", 25, "AES"),
    (36, "CPUID.1:ECX", 1, "PCLMULQDQ"),
    (37, "CPUID.1:ECX", 17, "PCID"),
    (38, "CPUID.80000001:ECX", 16, "FMA4"),
    (39, "CPUID.1:ECX", 29, "F16C"),
    (40, "CPUID.1:ECX", 30, "RDRAND"),
    (41, "CPUID.7.0:EBX", 0, "FSGSBASE"),
    (42, "CPUID.7.0:EBX", 7, "SMEP"),
    (43, "CPUID.7.0:EBX", 9, "enhanced REP MOVSB"),
    (44, "CPUID.1:ECX", 12, "FMA"),
    (45, "CPUID.7.0:EBX", 5, "AVX2"),
    (46, "CPUID.7.0:EBX", 3, "BMI1"),
    (47, "CPUID.7.0:EBX", 8, "BMI2"),
    (48, "CPUID.7.0:EBX", 4, "HLE"),
    (49, "CPUID.7.0:EBX", 11, "RTM"),
    (50, "CPUID.1:ECX", 22, "MOVBE"),
)


@dataclass(frozen=True)
class Case:
    """A stream that differs in one thing, and what it is answered with."""

    name: str
    result: int
    change: Mapping[str, Any] = field(default_factory=dict)
    log: str = ""                       # a line of it, without "restore: "
    target: Mapping[str, Any] = field(default_factory=dict)


def compat(**change: Any) -> dict[str, Any]:
    """A change of COMPAT."""
    return {"compat": change}


def place(word: str, bit: int) -> str:
    """A bit, as the log names it."""
    leaf, register = word.removeprefix("CPUID.").split(":")
    return f"CPUID {leaf} {register} bit {bit}"


def named(result: int, word: str, bit: int, name: str) -> Case:
    """A guest may have seen the feature, and it is not here."""
    return Case(f"no {name}", result, compat(features={word: 1 << bit}),
                f"result {result}: {name} ({place(word, bit)}) is not here",
                BARE)


def put(chunk: str, what: str, value: Any) -> dict[str, Any]:
    """One field of a chunk, with checks that hold."""
    return {"edit": [{"do": "set", "chunk": chunk, "field": what,
                      "value": value}]}


AVX = {"xcr0": 7, "xsave_size": 832, "xsave_offset": {"2": 576}}
HASWELL = {"machine": "haswell"}
NO_XSAVE = {"machine": "no_xsave"}
PAGE_FAR_AWAY = {"os_id": {"os_id": 1},
                 "partition": {"hypercall": 0x100000001}}

STREAM = (
    Case("a stream that fits", COMPLETE),
    Case("the same on a machine without XSAVE", COMPLETE, {}, "", NO_XSAVE),
    Case("a stream that stops before its end", INCOMPLETE,
         {"damage": [{"do": "truncate", "before": "EPILOG"}]}),
    Case("a stream that stops in memory", INCOMPLETE,
         {"damage": [{"do": "truncate", "before": "FILL"}]}),
    Case("a flipped bit", CORRUPT,
         {"damage": [{"do": "flip", "chunk": "VP_GP", "bit": 77}]}),
    Case("two chunks swapped", CORRUPT,
         {"damage": [{"do": "swap", "chunk": "VP_GP", "with": "VP_FP"}]}),
    Case("a chunk left out, checks made anew", CORRUPT,
         {"edit": [{"do": "remove", "chunk": "OS_ID"}]},
         "partition 2: result 3 in chunk 3"),
    Case("a summary for the whole", CORRUPT,
         {"prolog": {"is_summary": 1}}, "partition 2: result 3 in chunk 0"),
    Case("a value that a register cannot have", CORRUPT,
         {"vps": [{"vp_gp": {"rflags": 0}}]}),
    Case("a boot processor that is not there", CORRUPT,
         put("VP_INDICES", "bsp_index", 1)),
    Case("another major version", 4, {"prolog": {"version_major": 2}},
         "partition 2: result 4 in chunk 0"),
    Case("a mandatory chunk that is not known", 4,
         {"edit": [{"do": "insert", "id": 0x71000000, "before": "OS_ID"}]},
         "partition 2: result 4 in chunk 3"),
)
TARGET = (
    Case("two VPs, one here", 7, {"vps": [{}, {}]},
         "result 7: VPs: 2 saved, 1 here"),
    Case("one VP, two here", 7, {}, "result 7: VPs: 1 saved, 2 here",
         {"vps": 3}),
    Case("VP 1 boots", 8,
         {"vps": [{}, {}]} | put("VP_INDICES", "bsp_index", 1),
         "result 8: VP that is the boot processor: 1 saved, 0 here",
         {"vps": 3}),
    Case("another VP", 9, {"vps": [{"index": 63}]},
         "result 9: set of VPs: 8000000000000000 saved, 1 here"),
    Case("as many, and one other", 9, {"vps": [{}, {"index": 2}]},
         "result 9: set of VPs: 5 saved, 3 here", {"vps": 3}),
)
MEMORY = (
    Case("fewer pages here", 10, {}, "partition 2: result 10 in chunk 4",
         {"pages": 4}),
    Case("as many pages, elsewhere", 10, {"memory": [{"gpn": 1}]},
         "partition 2: result 10 in chunk 5"),
    Case("a page that cannot be written here", 10, {},
         "partition 2: result 10 in chunk 5", {"rights": 5}),
)
MACHINE = (
    Case("another bit", 5, compat(features={"CPUID.7.0:EBX": 1 << 18}),
         "result 5: CPUID 7.0 EBX bits not here: 18"),
    Case("a bit of a word that is not used", 5, compat(features={"12": 8}),
         "result 5: feature word 12 bits not here: 3"),
    Case("more in MXCSR", 5, compat(mxcsr_mask=0x2FFFF),
         "result 5: MXCSR mask: 2ffff saved, ffff here"),
    Case("wider physical addresses", 6, compat(phys_bits=52),
         "result 6: physical address bits: 52 saved, 46 here"),
    Case("other linear addresses", 6, compat(linear_bits=57),
         "result 6: linear address bits: 57 saved, 48 here"),
    Case("another vendor", 11, compat(cpu_vendor=0),
         "result 11: vendor: 0 saved, 1 here"),
    *(named(*row) for row in FEATURES),
    Case("another CLFLUSH", 28, compat(clflush=32),
         "result 28: bytes of a CLFLUSH line: 32 saved, 64 here"),
    Case("no SSE state", 31, compat(xcr0=3, xsave_size=576),
         "result 31: XSAVE component 1 (XCR0) is not here", NO_XSAVE),
    Case("no AVX state", 32, compat(**AVX),
         "result 32: XSAVE component 2 (XCR0) is not here", {"xcr0": 3}),
    Case("no PKRU", 33, compat(**AVX | {"xcr0": 0x207}),
         "result 33: XSAVE component 9 (XCR0) is not here", HASWELL),
    Case("no AVX-512 state", 33, compat(**AVX | {"xcr0": 0xE7}),
         "result 33: XSAVE component 6 (XCR0) is not here", HASWELL),
    Case("a supervisor component", 33, compat(xss=1 << 8),
         "result 33: XSAVE component 8 (XSS) is not here"),
    Case("another size of the XSAVE area", 34,
         compat(**AVX | {"xsave_size": 896}),
         "result 34: bytes of the XSAVE area: 896 saved, 832 here", HASWELL),
    Case("another place of AVX", 34,
         compat(**AVX | {"xsave_offset": {"2": 640}}),
         "result 34: offset of XSAVE component 2: 640 saved, 576 here"),
)
ELSEWHERE = (
    Case("the PROLOG's vendor", 11, {"prolog": {"vendor": 0}},
         "result 11: vendor: 0 saved, 1 here"),
    Case("AMD's", 11, {"prolog": {"vendor": 2}} | compat(cpu_vendor=2),
         "result 11: vendor: 2 saved, 1 here"),
    Case("a register that is not known", 11,
         {"vps": [{"vp_msrs": {"0x8000f": 0}}]}),
)
ALL = STREAM + TARGET + MEMORY + MACHINE + ELSEWHERE
RESTORES = (
    Case("a summary of the system", RESTORABLE, {"summary": True}, "",
         SYSTEM),
    Case("a summary of a partition", RESTORABLE,
         {"summary": True} | compat(scope=1), "", {"flags": SUMMARY}),
    Case("a whole stream, for the system", RESTORABLE, {}, "", SYSTEM),
    Case("a whole stream, for a partition", RESTORABLE, {}, "",
         {"flags": SUMMARY}),
    Case("no pool page for the hypercall page", 0, PAGE_FAR_AWAY, "",
         {"dry": 1}),
)


def named_cases(cases: tuple[Case, ...]) -> pytest.MarkDecorator:
    """One test a case, named after its result."""
    return pytest.mark.parametrize(
        "case", cases, ids=[f"{case.result} {case.name}" for case in cases])


def ask(folder: Path, change: Mapping[str, Any],
        **target: Any) -> Answer:
    """What the engine answers to a stream with that change."""
    path = folder / "stream"
    path.write_bytes(build(dict(change)))
    return offer(path, **target)


def test_every_result_is_here():
    """51, NPIEP1, has no bit in a stream: docs/hypercalls.md."""
    assert {case.result for case in ALL + RESTORES} == set(range(51))


@named_cases(ALL + RESTORES)
def test_the_engine_answers(case: Case, tmp_path: Path):
    answer = ask(tmp_path, case.change, **case.target)
    assert answer.result == case.result, answer.log
    if case.log:
        assert "restore: " + case.log in answer.log


@named_cases(ALL + RESTORES)
def test_the_pieces_do_not_matter(case: Case, tmp_path: Path):
    assert ask(tmp_path, case.change, **case.target,
               piece=97).result == case.result


@named_cases(MACHINE)
def test_the_verdict_comes_before_all_that_is_behind(case: Case,
                                                     tmp_path: Path):
    answer = ask(tmp_path, case.change, **case.target)
    assert answer.values["consumed"] == COMPAT_END
    assert not answer.values["half_restored"]


@named_cases(MACHINE)
def test_d13_a_whole_stream_gets_the_same_verdict_for_the_system(
        case: Case, tmp_path: Path):
    answer = ask(tmp_path, case.change, **dict(case.target) | SYSTEM)
    assert answer.result == case.result
    assert answer.values["consumed"] == COMPAT_END


@named_cases(TARGET)
def test_d21_and_for_a_partition(case: Case, tmp_path: Path):
    answer = ask(tmp_path, case.change,
                 **dict(case.target) | {"flags": SUMMARY})
    assert answer.result == case.result
    assert answer.values["consumed"] == INDICES_END
    assert "restore: " + case.log in answer.log


@named_cases(TARGET)
def test_the_system_has_no_set_of_vps(case: Case, tmp_path: Path):
    """But which of them boots is the same in all partitions here."""
    assert ask(tmp_path, case.change, **SYSTEM).result == (
        8 if case.result == 8 else RESTORABLE)


@pytest.mark.parametrize("target", [SYSTEM, {"flags": SUMMARY}],
                         ids=["system", "partition"])
def test_d13_restorable_comes_before_any_memory(target: dict[str, Any],
                                                tmp_path: Path):
    broken = {"damage": [{"do": "flip", "chunk": "GPA_MAP", "bit": 3}]}
    answer = ask(tmp_path, broken, **target)
    assert answer.result == RESTORABLE
    assert answer.values["consumed"] == INDICES_END
    assert not answer.values["half_restored"]


@pytest.mark.parametrize("at", range(len(FEATURES)),
                         ids=[str(row[0]) for row in FEATURES])
def test_the_first_mismatch_is_the_result_and_all_are_named(
        at: int, tmp_path: Path):
    words: dict[str, int] = {"CPUID.1:EDX": 1}
    for _, word, bit, _ in FEATURES[at:]:
        words[word] = words.get(word, 0) | 1 << bit
    answer = ask(tmp_path, compat(features=words, linear_bits=57), **BARE)
    assert answer.result == FEATURES[at][0]
    said = {line for line in answer.log
            if line.startswith("restore: result")}
    assert said == {"restore: " + named(*row).log for row in FEATURES[at:]} | {
        "restore: result 5: CPUID 1 EDX bits not here: 0",
        "restore: result 6: linear address bits: 57 saved, 48 here"}


def test_what_has_no_name_comes_last(tmp_path: Path):
    both = compat(features={"CPUID.1:EDX": 1}, linear_bits=57)
    assert ask(tmp_path, both, **BARE).result == 5
    three = compat(linear_bits=57, xss=2)
    assert ask(tmp_path, three).result == 33


def test_a_stream_of_all_bits_does_not_flood_the_log(tmp_path: Path):
    every = compat(features=[0xFFFFFFFF] * 16, xcr0=(1 << 64) - 1,
                   xss=(1 << 64) - 1)
    answer = ask(tmp_path, every, **BARE)
    assert answer.result == 12
    assert "stasis" in answer.log[0]    # the oldest line is still there
    every_bit = " ".join(str(bit) for bit in range(32))
    assert (f"restore: result 5: CPUID 1 EDX bits not here: {every_bit}"
            in answer.log)
    assert sum("bits not here" in line for line in answer.log) == 16
