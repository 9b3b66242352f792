"""Leaves out what Stasis does for the caches of VT-x: does a scenario notice?

mutants.py [WORD...], with BOCHS: the folder of the strict Bochs. Each mutant of
mutants.toml is made in a copy of the tree, in build/strict/copy, and its scenarios are
run there. With words: those whose name has one. Exit code 1: one is not noticed, or is
though it is said not to be, or does not fit the source any more.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COPY = ROOT / "build/strict/copy"
MODEL = "corei7_skylake_x"
PYTHON = "/usr/bin/python3"
SUM = re.compile(r"^(\d+) passed, (\d+) failed, \d+ skipped$", re.M)


@dataclass(frozen=True)
class Mutant:
    """One break; its text is there exactly once."""

    name: str
    file: str
    old: str
    new: str
    by: list[str] = field(default_factory=list)
    cpus: int = 1
    passes: str = ""                    # why nothing notices it

    def source(self) -> str:
        """The broken file."""
        text = (ROOT / self.file).read_text(encoding="utf-8")
        old, new = self.old.lstrip("\n"), self.new.lstrip("\n")
        if text.count(old) != 1:
            raise ValueError(f"{self.file} has the text {text.count(old)} times, wanted 1")
        return text.replace(old, new)


def copy_tree() -> None:
    """All that git knows here, with its times, so that make does little the next time."""
    COPY.mkdir(parents=True, exist_ok=True)
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT,
                           capture_output=True, check=True, text=True).stdout
    subprocess.run(["tar", "-cf", str(COPY.parent / "copy.tar"), "-T", "-"], cwd=ROOT,
                   input=names, check=True, text=True)
    subprocess.run(["tar", "-xf", "../copy.tar"], cwd=COPY, check=True)
    (COPY.parent / "copy.tar").unlink()


def make() -> None:
    """All of the copy, with what is broken in it."""
    done = subprocess.run(["make", "all"], cwd=COPY, capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise ValueError("does not compile:\n" + done.stderr[-1500:])


def scenarios(mutant: Mutant) -> tuple[int, int]:
    """How many cases passed and failed."""
    env = dict(os.environ, EMU="bochs", STASIS_MODELS=MODEL, STASIS_CPUS=str(mutant.cpus))
    # A scenario of that name, of a model: not the tests of the list itself.
    wanted = " or ".join(f"{MODEL} and {name}" for name in mutant.by)
    done = subprocess.run(
        [PYTHON, "-m", "pytest", "-q", "tests/vm/test_scenarios.py", "-k", wanted],
        cwd=COPY, env=env, capture_output=True, text=True, check=False)
    (COPY.parent / "mutant.log").write_text(done.stdout + done.stderr)
    found = SUM.findall(done.stdout)
    if not found:
        raise ValueError("the scenarios did not run:\n" + done.stdout[-1500:])
    return int(found[-1][0]), int(found[-1][1])


def one(mutant: Mutant) -> bool:
    """Whether what is said of it is right."""
    try:
        text = mutant.source()
        (COPY / mutant.file).write_text(text, encoding="utf-8")
        make()
        passed, failed = scenarios(mutant)
    except ValueError as error:
        print(f"{mutant.name}: {error}", flush=True)
        return False
    right = bool(failed) != bool(mutant.passes)
    print(f"{'' if right else 'WRONG: '}{mutant.name}: "
          f"{'noticed' if failed else 'NOT noticed'} by {', '.join(mutant.by)} "
          f"({passed} passed, {failed} failed)", flush=True)
    return right


def main() -> int:
    """See the head of the file."""
    if not os.environ.get("BOCHS"):
        print("BOCHS is not set: make test-strict MUTANTS=1", file=sys.stderr)
        return 2
    os.environ["BOCHS"] = os.path.abspath(os.environ["BOCHS"])
    with open(HERE / "mutants.toml", "rb") as file:
        every = [Mutant(**fields) for fields in tomllib.load(file)["mutant"]]
    words = sys.argv[1:]
    chosen = [one for one in every if not words or any(w in one.name for w in words)]
    wrong = 0
    for mutant in chosen:
        copy_tree()
        wrong += not one(mutant)
    print(f"{len(chosen) - wrong} passed, {wrong} failed")
    return 1 if wrong or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
