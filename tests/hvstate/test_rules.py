"""The rules of section 5: each is broken alone, and two readers refuse it.

hvstate was written from docs/stream.md alone and shares nothing with the
engine: where one of them takes what the other refuses, it is found here.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine import ROOT, offer
from hvstate_lib.problem import Verdict
from hvstate_lib.reader import read_stream
from hvstate_lib.registers import Here
from hvstate_lib.rules import TOGETHER as RULES_TOGETHER
from hvstate_lib.rules import VALUES as RULES_VALUES
from hvstate_lib.rules import broken
from rule_cases import (BASES, KEPT, MEMORY, RTM, TOGETHER, VALUES, Case,
                        event, vp_of)
from samples import build, read

ALL = tuple(case for cases in TOGETHER.values() for case in cases) + VALUES
RTM_BIT, PCIDE_BIT = 1 << 11, 1 << 17
COMPLETE, CORRUPT = 0, 3


def cases(these: tuple[Case, ...]) -> pytest.MarkDecorator:
    """One test a case."""
    return pytest.mark.parametrize("case", these, ids=lambda c: c.name)


def described(case: Case) -> dict[str, Any]:
    """The stream of a case."""
    return {"compat": dict(case.compat), "memory": [],
            "vps": [vp_of(case.base, case.vp)]}


def answer(folder: Path, data: bytes, rtm: bool = True, **target: int) -> int:
    """The engine's, on a machine with all that rules speak of."""
    path = folder / "stream"
    path.write_bytes(data)
    return offer(path, cr4=PCIDE_BIT, ebx7=RTM_BIT * rtm, **target).result


def test_every_rule_of_the_page_is_broken() -> None:
    """A rule that comes to the page has to come here."""
    page = (ROOT / "docs/stream.md").read_text("utf-8")
    table = re.search(r"^\| rule \|\n\|---\|\n((?:\|.*\|\n)+)", page, re.M)
    assert table
    rows = re.findall(r"^\| (.*) \|$", table.group(1), re.M)
    assert rows == list(TOGETHER)
    assert all(TOGETHER.values())


def test_every_rule_of_the_reader_is_broken() -> None:
    together = {case.rule for rows in TOGETHER.values() for case in rows}
    assert {rule.text for rule in RULES_TOGETHER} == together
    assert {rule.text for rule in RULES_VALUES} \
        == {case.rule for case in VALUES}


@cases(ALL)
def test_it_breaks_just_that_rule(case: Case, tmp_path: Path) -> None:
    data = build(described(case))
    stream = read_stream(data)
    assert stream.verdict is Verdict.CORRUPT
    assert stream.problem and case.rule in stream.problem.text
    rules = broken(stream.vps[0], Here.of(stream.values["COMPAT"]))
    assert [rule.text for rule in rules] == [case.rule]
    assert answer(tmp_path, data, bool(case.compat)) == CORRUPT


@cases(KEPT)
def test_what_is_next_to_the_rules_is_taken(case: Case,
                                            tmp_path: Path) -> None:
    data = build(described(case))
    stream = read_stream(data)
    assert stream.verdict is Verdict.COMPLETE, stream.problem
    assert answer(tmp_path, data) == COMPLETE


def test_smep_smap_and_pke_exist() -> None:
    """The engine of the tests has a processor without them."""
    data = build(described(Case("", "long", {"vp_control": {"cr4": 0x700620}})))
    assert read_stream(data).verdict is Verdict.COMPLETE


# Rules that AMD's processors do not have.
NOT_AMDS = ("rip has all bits from the linear width on the same",
            "pdpte has no reserved bits where one is present",
            "pending_debug: in a shadow or halted")


def test_the_rules_of_amd() -> None:
    let_be = 0
    for case in ALL:
        stream = read_stream(build(described(case)))
        here = replace(Here.of(stream.values["COMPAT"]), amd=True)
        rules = [rule.text for rule in broken(stream.vps[0], here)]
        free = case.rule.startswith(NOT_AMDS)
        let_be += free
        assert rules == ([] if free else [case.rule]), case.name
    assert let_be >= len(NOT_AMDS)


def test_the_bases_of_all_cases_keep_the_rules() -> None:
    """test_what_is_next_to_the_rules_is_taken has each base as it is."""
    assert {case.base for case in ALL} <= {
        case.base for case in KEPT if not case.vp} == set(BASES)


def test_the_place_is_that_of_the_register() -> None:
    for vp, chunk, at in (
            ({"vp_gp": {"rip": 1 << 60}}, "VP_GP", 128),
            ({"vp_segment": {"tr.selector": 4}}, "VP_SEGMENT", 124),
            ({"vp_msrs": {"PAT": 2, "LSTAR": 5}}, "VP_MSRS", 16)):
        stream = read({"vps": [vp, {}]})
        assert stream.problem
        frame = next(f for f in stream.frames if f.name == chunk)
        assert stream.problem.offset == frame.offset + 16 + at
        assert stream.problem.name == chunk


@pytest.mark.parametrize("behind", ["VP#1", "EPILOG"])
def test_a_vp_is_judged_when_what_is_behind_it_begins(
        behind: str, tmp_path: Path) -> None:
    """Before, the stream has merely stopped; registers come together."""
    bad = {"vp_gp": {"rflags": 0}}
    vps = [bad, {}] if behind == "VP#1" else [{}, bad]
    for change, verdict in (
            ([{"do": "truncate", "before": behind}], Verdict.INCOMPLETE),
            ([], Verdict.CORRUPT)):
        data = build({"vps": vps, "memory": [], "damage": change})
        assert read_stream(data).verdict is verdict
        assert answer(tmp_path, data, vps=3) == (
            CORRUPT if verdict is Verdict.CORRUPT else 1)


# --- pages that cover the guest's memory

OS = {"os_id": {"os_id": 1}}
PAGES: tuple[tuple[str, dict[str, Any], int], ...] = (
    ("simp is siefp", {"vps": [{}, {"vp_synic": {
        "simp": 0x5001, "siefp": 0x5001}}]}, CORRUPT),
    ("siefp is the simp of another VP", {"vps": [
        {"vp_synic": {"simp": 0x5001}}, {"vp_synic": {"siefp": 0x5001}}]},
     CORRUPT),
    ("two VPs have one simp", {"vps": [
        {"vp_synic": {"simp": 0x5001}}, {"vp_synic": {"simp": 0x5001}}]},
     CORRUPT),
    ("simp is the hypercall page", OS | {
        "partition": {"hypercall": 0x5001},
        "vps": [{}, {"vp_synic": {"simp": 0x5001}}]}, CORRUPT),
    ("siefp is the reference TSC page", {
        "partition": {"reference_tsc": 0x5001},
        "vps": [{"vp_synic": {"siefp": 0x5001}}, {}]}, CORRUPT),
    ("reference TSC and hypercall page", OS | {
        "partition": {"reference_tsc": 0x5001, "hypercall": 0x5001}},
     CORRUPT),
    ("a hypercall page far away", OS | {
        "partition": {"hypercall": 1 << 50 | 1}}, CORRUPT),
    ("a reference TSC page far away", {
        "partition": {"reference_tsc": 1 << 50 | 1}}, CORRUPT),
    ("all of their own", OS | {
        "partition": {"reference_tsc": 0x5001, "hypercall": 0x6001},
        "vps": [{"vp_synic": {"simp": 0x7001, "siefp": 0x8001}},
                {"vp_synic": {"simp": 0x9001, "siefp": 0xA001}}]}, COMPLETE),
    ("the same, but not enabled", {
        "partition": {"reference_tsc": 0x5001, "hypercall": 0x5000},
        "vps": [{"vp_synic": {"simp": 0x5000, "siefp": 0x5000}},
                {"vp_synic": {"simp": 0x5000, "siefp": 0x5000}}]}, COMPLETE),
)


@pytest.mark.parametrize("name, change, result", PAGES, ids=lambda v: v
                         if isinstance(v, str) else "")
def test_pages(name: str, change: dict[str, Any], result: int,
               tmp_path: Path) -> None:
    data = build({"vps": [{}, {}], "memory": []} | change)
    verdict = Verdict.CORRUPT if result else Verdict.COMPLETE
    assert read_stream(data).verdict is verdict, name
    assert answer(tmp_path, data, vps=3) == result


# --- states that nobody thought of

ATTRIBUTES = (0xC093, 0xC09B, 0xA09B, 0x8B, 0x83, 0x82, 0, 0xF3, 0xF7, 0x1B)
LIMITS = (0xFFFF, 0xFFFFF, 0xFFFFF000, 0xFFFFFFFF, 0, 0x100000, 0xFFE)
ADDRESSES = (0, 0x1000, 0xFFFFFFFF, 1 << 32, (1 << 47) - 1, 1 << 47, 1 << 48,
             0xFFFF8000_00000000, 0xFFFF_0000_0000_0000)
WILD: tuple[tuple[str, str, tuple[Any, ...]], ...] = (
    ("vp_gp", "rip", ADDRESSES),
    ("vp_gp", "rflags", (2, 0x202, 0x102, 0x302, 0x20002, 0x23202, 0)),
    ("vp_control", "cr0", (0x10, 0x33, 0x80000011, 0x80010033, 0x60000010,
                           0x20000010, 0x40000011, 0x80000010)),
    ("vp_control", "cr4", (0, 0x20, 0x620, 0x20620, 0x20600)),
    ("vp_control", "efer", (0, 0x100, 0x400, 0x500, 0xD01, 0x901)),
    ("vp_control", "cr3", (0, 1 << 45, 1 << 46)),
    ("vp_events", "activity", (0, 1, 2, 3)),
    ("vp_events", "interrupt_state", tuple(range(8))),
    ("vp_events", "pending_debug", (0, 0x4000, 0x4001, 0x1000, 0x11000,
                                    0x10000, 0x15000, 0x11001, 15)),
    ("vp_events", "pending_interruption", tuple(
        event(kind, vector, code, length)["pending_interruption"]
        for kind in range(8) for code in (None, 0, 5, 0x10000)
        for length in (0, 1) for vector in (1, 2, 6, 8, 13, 14, 18, 32, 256))),
    ("vp_events", "pdpte", tuple(
        [0] * i + [bits] for i in range(4)
        for bits in (1, 3, 0x21, 0x1E6, 1 << 46, 1 << 46 | 1, 1 << 45 | 1))),
    ("vp_msrs", "DEBUGCTL", (0, 1, 2, 3)),
    *(("vp_segment", f"{name}.{part}", values)
      for name in (*MEMORY, "ldtr", "tr") for part, values in (
          ("base", ADDRESSES), ("limit", LIMITS),
          ("attributes", ATTRIBUTES),
          ("selector", (0, 4, 7, 0x10, 0x1000, 0xFFFF)))),
)
# What decides most rules is to be changed most.
OFTEN = WILD[:2] + WILD[6:10] + tuple(
    row for row in WILD if row[1] in ("cs.attributes", "ss.attributes"))


def wild_vp(chance: random.Random) -> dict[str, Any]:
    """A base with some registers changed."""
    vp = vp_of(chance.choice(sorted(BASES)), {})
    for _ in range(chance.randint(1, 4)):
        chunk, name, values = chance.choice(WILD + OFTEN * 3)
        value = chance.choice(values)
        if name.endswith("attributes") and chance.random() < 0.6:
            value = (chance.randrange(16) | chance.choice((0, 16, 16))
                     | chance.choice((0, 0, 0x60)) | chance.choice((0, 128))
                     | chance.choice((0, 0x8000, 0xA000, 0xC000, 0xE000)))
        vp[chunk] = {**vp.get(chunk, {}), name: value}
        if name == "ss.attributes":
            vp[chunk]["cpl"] = value >> 5 & 3
    return vp


def wild(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """Streams of a machine that is as wide as the engine's."""
    chance = random.Random(seed)
    for _ in range(count):
        yield {"compat": RTM | {"phys_bits": 46, "mxcsr_mask": 0xFFFF},
               "memory": [], "vps": [wild_vp(chance)]}


@pytest.mark.parametrize("seed", range(12))
def test_both_readers_agree_on_any_state(seed: int, tmp_path: Path) -> None:
    seen = set()
    for description in wild(seed, 25):
        data = build(description)
        stream = read_stream(data)
        result = answer(tmp_path, data)
        seen.add(result)
        assert result == (CORRUPT if stream.problem else COMPLETE), (
            description["vps"], stream.problem)
    assert seen == {COMPLETE, CORRUPT}
