"""Streams cross between the two implementations.

The hypervisor saves the pi child in the middle; hvstate, which was written
from docs/stream.md alone, reads the stream, makes a core that gdb opens, and
writes the stream anew under another id. The hypervisor restores that one, and
the child prints the rest.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from boots import BUILD, ROOT, Plan, Result, Step
from emulator import Processor
from pi import check_digits, extract_digits, pi_digits
from scenarios import one_of_each

CHARS = 250
HVSTATE = ROOT / "tools/hvstate"
PROGRAMS = (("stasis.efi", BUILD / "stasis.efi"),
            ("hvctl.efi", BUILD / "hvctl.efi"))

SAVE = Plan(
    "hvstate-save",
    (Step("load", "stasis.efi"), Step("create", "hvctl create pi.img"),
     Step("run", f"hvctl run 2 for={CHARS}"),
     Step("save", "hvctl save 2 pi.sav")),
    PROGRAMS + (("pi.img", BUILD / "child/pi.img"),))

# XMM7 begins at 112 of VP_FP; the checks of the stream are made right again.
OTHER_XMM7 = {"do": "bytes", "chunk": "VP_FP", "offset": 112,
              "hex": "0123456789abcdef"}


def hvstate(*args: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the inspector."""
    return subprocess.run([HVSTATE, *args], capture_output=True, text=True,
                          timeout=60, check=False)


@dataclass
class Journey:
    """Both boots and what lay between them."""

    first: Result
    saved: Path
    made: Path
    second: Result


@dataclass(frozen=True)
class JourneyJob:
    """Hypervisor to inspector to hypervisor."""

    processor: Processor

    @property
    def key(self) -> tuple[str, ...]:
        """What tells this one from all others."""
        return "hvstate", "journey", str(self.processor)

    def run(self, work: Path) -> Journey:
        """Save, write anew, restore."""
        first = replace(SAVE, processor=self.processor).run(work / "save")
        saved, made = work / "pi.sav", work / "made.sav"
        saved.write_bytes(first.disk.read("pi.sav"))
        (work / "description.json").write_text(json.dumps(
            {"from": str(saved), "stream_id": 0x1234567}))
        hvstate("make", work / "description.json", made)
        other = work / "other.sav"
        (work / "other.json").write_text(json.dumps(
            {"from": str(saved), "edit": [OTHER_XMM7]}))
        hvstate("make", work / "other.json", other)
        second = Plan(
            "hvstate-restore",
            (Step("load", "stasis.efi"), Step("restore", "hvctl restore m.sav"),
             Step("run", "hvctl run 2"), Step("delete", "hvctl delete 2"),
             Step("restore-other", "hvctl restore o.sav"),
             Step("run-other", "hvctl run 3")),
            PROGRAMS + (("m.sav", made.read_bytes()),
                        ("o.sav", other.read_bytes())),
            self.processor).run(work / "restore")
        return Journey(first, saved, made, second)


pytestmark = pytest.mark.parametrize(
    "job", [JourneyJob(one) for one in one_of_each()],
    ids=lambda job: str(job.processor))


def test_the_inspector_finds_the_stream_whole(outcome: Journey):
    answer = hvstate("verify", outcome.saved)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_inspector_finds_damage(outcome: Journey, tmp_path: Path):
    data = bytearray(outcome.saved.read_bytes())
    data[len(data) // 3] ^= 0x10
    damaged = tmp_path / "damaged"
    damaged.write_bytes(data)
    assert hvstate("verify", damaged).returncode == 4


def test_gdb_opens_a_core(outcome: Journey, tmp_path: Path):
    core = tmp_path / "core"
    assert hvstate("core", outcome.saved, core).returncode == 0
    answer = subprocess.run(
        ["gdb", "-batch", "-nx", "-ex", f"core-file {core}",
         "-ex", "printf \"rip is %#lx\\n\", $rip", "-ex", "x/3i $rip"],
        capture_output=True, text=True, timeout=60, check=False)
    # The child is loaded at 64 KiB; it was stopped behind or at its OUT.
    assert "rip is 0x10" in answer.stdout, answer.stdout + answer.stderr
    lines = [line for line in answer.stdout.splitlines() if "=>" in line]
    assert len(lines) == 1 and "(bad)" not in lines[0], answer.stdout


def test_the_hypervisor_takes_what_the_inspector_wrote(outcome: Journey):
    assert outcome.made.read_bytes() != outcome.saved.read_bytes()
    assert not outcome.second.problem, outcome.second.problem
    statuses = outcome.second.transcript.statuses
    assert {statuses[step] for step in ("restore", "run", "delete")} == {0}
    wrong = check_digits(extract_digits(outcome.first.section("run")),
                         extract_digits(outcome.second.section("run")),
                         pi_digits())
    assert not wrong, wrong


def test_the_child_notices_a_register_that_is_not_its_own(outcome: Journey):
    said = outcome.second.section("run-other")
    assert said.startswith("!"), said
    assert "ended with code 2" in said, said
