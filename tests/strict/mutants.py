"""Leaves out what Stasis does for a processor's caches: does a scenario notice?

mutants.py [WORD...], with BOCHS: the folder of the strict Bochs. Each mutant of
mutants.toml is made in a copy of the tree, in build/strict/copy, and its scenarios are
run there, with the books of the image for tests. With words: those whose name has one.
Exit code 1: one is not noticed, or does not fit the source any more.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests/mutation"))

import mutate  # noqa: E402

COPY = ROOT / "build/strict/copy"
STRICT = "corei7_skylake_x"
PYTHON = "/usr/bin/python3"
OTHERS = {"given-up": ("test_start.py", "TestGivenUp and ")}    # what is no scenario
FAILED = re.compile(r"^FAILED \S*?(\w+)\[(?:\S*-)?([^\]\s]+)\](.*)$", re.M)
SUM = re.compile(r"^(\d+) passed, (\d+) failed, \d+ skipped$", re.M)


Run = tuple[str, int, str]              # a scenario, processors, a model


@dataclass(frozen=True)
class Mutant(mutate.Mutant):
    """One break, and the scenarios that have to notice it."""

    scenarios: list[str] = field(default_factory=list)
    cpus: int = 1
    model: str = STRICT                 # EPYC: on QEMU, where the books alone notice

    def run(self, name: str) -> Run:
        """What one of its scenarios is run on."""
        return name, self.cpus, self.model


def copy_tree() -> None:
    """All that git knows here. Only what differs is written, so it is newer than what was
    made of it: also the whole file in the place of one that was broken."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"],
                           capture_output=True, check=True, text=True).stdout
    for name in filter(os.path.isfile, names.splitlines()):
        to = COPY / name
        data = Path(name).read_bytes()
        if to.exists() and to.read_bytes() == data:
            continue
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(data)
        shutil.copymode(name, to)


def make() -> None:
    """All of the copy, with what is broken in it."""
    done = subprocess.run(["make", "all"], cwd=COPY, capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise ValueError("does not compile:\n" + done.stderr[-1500:])


def failing(name: str, cpus: int, model: str) -> set[str]:
    """The cases of a scenario, alone in its boot, that fail in the copy; or of others."""
    env = dict(os.environ, STASIS_MODELS=model, STASIS_CPUS=str(cpus),
               STASIS_SCENARIOS=name, STASIS_BOOKS="1")
    env.pop("EMU", None)
    file, words = OTHERS.get(name, ("test_scenarios.py", ""))
    done = subprocess.run(
        [PYTHON, "-m", "pytest", "-q", "tests/vm/" + file, "-k", words + model],
        cwd=COPY, env=env, capture_output=True, text=True, check=False)
    (COPY.parent / "mutant.log").write_text(done.stdout + done.stderr)
    found = SUM.findall(done.stdout)
    if not found or found[-1] == ("0", "0"):
        raise ValueError(f"{name} did not run:\n" + done.stdout[-1500:])
    lines = {"".join(parts) for parts in FAILED.findall(done.stdout)}
    # That of the whole scenario says nothing more, unless no case did.
    return {line for line in lines if "::" in line} or lines


def finders(mutant: Mutant, before: dict[Run, set[str]]) -> list[str]:
    """The scenarios that notice it, each tried by itself."""
    (COPY / mutant.file).write_text(mutant.source(), encoding="utf-8")
    make()
    return [name for name in mutant.scenarios
            if failing(*mutant.run(name)) - before[mutant.run(name)]]


def one(mutant: Mutant, before: dict[Run, set[str]]) -> bool:
    """Whether what is said of it is right."""
    copy_tree()
    try:
        found = finders(mutant, before)
    except ValueError as error:
        print(f"WRONG: {mutant.name}: {error}", flush=True)
        return False
    quiet = sorted(set(mutant.scenarios) - set(found))
    print(f"{'' if found == mutant.scenarios else 'WRONG: '}{mutant.name}: "
          f"noticed by {', '.join(found) or 'NONE'}"
          + (f", not by {', '.join(quiet)}" if quiet else ""), flush=True)
    return found == mutant.scenarios


def whole(mutants: list[Mutant]) -> dict[Run, set[str]]:
    """Of the tree as it is what fails all the same: by that nothing is noticed."""
    copy_tree()
    make()
    runs = sorted({mutant.run(name) for mutant in mutants for name in mutant.scenarios})
    return {run: failing(*run) for run in runs}


def main() -> int:
    """See the head of the file."""
    if not os.environ.get("BOCHS"):
        print("BOCHS is not set: make test-strict MUTANTS=1", file=sys.stderr)
        return 2
    os.environ["BOCHS"] = os.path.abspath(os.environ["BOCHS"])
    os.chdir(ROOT)                      # whence a mutant names its file
    with open(HERE / "mutants.toml", "rb") as file:
        every = [Mutant(**fields) for fields in tomllib.load(file)["mutant"]]
    words = sys.argv[1:]
    chosen = [one for one in every if not words or any(w in one.name for w in words)]
    before = whole(chosen)
    for (name, cpus, model), cases in before.items():
        print(f"unbroken, {name} on {cpus} of {model}: {', '.join(sorted(cases)) or 'all pass'}",
              flush=True)
    wrong = sum(not one(mutant, before) for mutant in chosen)
    print(f"{len(chosen) - wrong} passed, {wrong} failed")
    return 1 if wrong or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
