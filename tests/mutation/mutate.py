"""Breaks the core on purpose, one place at a time: do the host tests notice?

mutate.py FOLDER [WORD...]: FOLDER has the objects of the host tests as built by
gcc. Each mutant of mutants/*.toml replaces one piece of text of one file; the
file is compiled anew, each test program is linked with it and run until one
fails. With words: only mutants whose name has one of them. FROM, a word in the
environment: from the first one on whose name has it. Exit code 1: one survived, or
does not fit the source any more.

mutate.py fit: only looks whether all of them fit.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 120  # seconds that a test program may take


@dataclass(frozen=True)
class Mutant:
    """One break. The text is there exactly once."""

    name: str
    file: str
    old: str
    new: str
    by: str = ""                        # a test that notices: it is run first

    def source(self) -> str:
        """The broken file."""
        text = Path(self.file).read_text(encoding="utf-8")
        if text.count(self.old) != 1 or self.old == self.new:
            raise ValueError(f"{self.file} has the text "
                             f"{text.count(self.old)} times, wanted 1")
        return text.replace(self.old, self.new)


def compiled(source: Path, work: Path) -> Path:
    """The object of a file. It must compile: else it shows nothing."""
    out = work / source.with_suffix(".o").name
    flags = [f for f in os.environ["HOST_CFLAGS"].split() if f != "-Werror"]
    # What is broken comes before what is whole, also for a test that includes it.
    done = subprocess.run(["gcc", "-I", work, *flags, "-w", "-c", source, "-o", out],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError("does not compile:\n" + done.stderr)
    return out


def compile_mutant(mutant: Mutant, work: Path) -> Path:
    """The object of the broken file, which is in its place below `work`."""
    source = work / mutant.file
    source.parent.mkdir(parents=True)
    source.write_text(mutant.source(), encoding="utf-8")
    return compiled(source, work)


def test_object(test: Path, mutant: Mutant, folder: Path, work: Path) -> Path:
    """As it was built, but of one that has the broken file in itself."""
    if f'#include "{mutant.file}"' in test.read_text(encoding="utf-8"):
        return compiled(test, work)
    return (folder / test).with_suffix(".o")


def link(test: Path, mutant: Mutant, broken: Path, folder: Path,
         work: Path) -> Path:
    """The test program with the broken object in the place of the whole one."""
    program, test = work / "program", test_object(test, mutant, folder, work)
    core = [broken if str(path) == str(folder / mutant.file)[:-2] + ".o"
            else path for path in core_objects(folder)]
    flags = os.environ["HOST_CFLAGS"].split()
    subprocess.run(["gcc", *flags, test, *core, "-lcmocka", "-o", program],
                   check=True)
    return program


def core_objects(folder: Path) -> list[Path]:
    """What every test program has: the core and the fakes."""
    return [(folder / source).with_suffix(".o")
            for source in os.environ["HOST_CORE"].split()]


def fails(program: Path) -> bool:
    """Does the test program notice? One that hangs does."""
    try:
        return subprocess.run([program], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False,
                              timeout=PATIENCE).returncode != 0
    except subprocess.TimeoutExpired:
        return True


def likely_first(tests: list[Path], mutant: Mutant) -> list[Path]:
    """The one that is said to notice, the file's own, its folder's, then small ones; the
    exhaustive ones come last."""
    file = Path(mutant.file)
    late = ("golden", "decisions")
    return sorted(tests, key=lambda t: (
        t.stem != mutant.by,
        f"test_{file.stem}" not in t.stem, f"test_{file.parent.name}_" not in t.stem,
        any(word in t.stem for word in late), t.stem))


def caught_by(mutant: Mutant, folder: Path) -> str:
    """The name of the test program that fails, empty: none."""
    tests = list(Path("tests/host").glob("test_*.c"))
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        broken = compile_mutant(mutant, work)
        for test in likely_first(tests, mutant):
            if fails(link(test, mutant, broken, folder, work)):
                return test.stem
    return ""


def verdict(mutant: Mutant, folder: Path) -> tuple[bool, str]:
    """Is it caught, and what there is to say."""
    try:
        by = caught_by(mutant, folder)
    except ValueError as error:
        return False, f"INVALID: {error}"
    return bool(by), f"caught by {by}" if by else "SURVIVED"


def fit(mutants: list[Mutant]) -> int:
    """Names those that do not fit the source. How many they are."""
    bad = 0
    for mutant in mutants:
        try:
            mutant.source()
            if mutant.by and not Path(f"tests/host/{mutant.by}.c").exists():
                raise ValueError(f"there is no tests/host/{mutant.by}.c")
        except ValueError as error:
            print(f"mutant '{mutant.name}': {error}", file=sys.stderr)
            bad += 1
    return bad


def read_all() -> list[Mutant]:
    """Of all subjects, in the order of their files' names."""
    return [Mutant(**row)
            for path in sorted(Path(__file__).with_name("mutants").glob("*.toml"))
            for row in tomllib.loads(path.read_text(encoding="utf-8"))["mutant"]]


def chosen(mutants: list[Mutant], words: list[str],
           start: str) -> list[tuple[int, Mutant]]:
    """Those that are asked for, with their places among all."""
    first = next((n for n, m in enumerate(mutants) if start in m.name), len(mutants))
    return [(n, m) for n, m in enumerate(mutants, 1)
            if n > first and (not words or any(w in m.name for w in words))]


def main() -> int:
    """All mutants, one line each."""
    mutants = read_all()
    if sys.argv[1:] == ["fit"]:
        return 1 if fit(mutants) else 0
    folder = Path(sys.argv[1])
    some = chosen(mutants, sys.argv[2:], os.environ.get("FROM", ""))
    bad = 0
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        verdicts = pool.map(lambda m: verdict(m[1], folder), some)
        for (place, mutant), (caught, says) in zip(some, verdicts):
            bad += not caught
            print(f"  {place:3}/{len(mutants)} {mutant.name}: {says}", flush=True)
    print(f"{len(some) - bad} of {len(some)} mutants caught")
    return 1 if bad or not some else 0


if __name__ == "__main__":
    sys.exit(main())
