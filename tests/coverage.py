#!/usr/bin/python3
"""Runs the unit tests built for coverage; says which of hv/ they reach.

coverage.py [-v] PROGRAM...    -v names each line and branch that is missing

A branch is one outcome of one condition in the source (clang's count: every
operand of && and || has two). Not counted: the conditions of CHECK, whose
failing outcome no input may reach. Fails when a test fails, or when the engine
is below its goals.
"""

import fnmatch
import json
import os
import re
import subprocess
import sys

GOAL_LINES = 98.0
GOAL_BRANCHES = 95.0

# What a stream passes through on its way out and in.
ENGINE = ("stream/*.c", "lib/crc32c.c", "call/hvcall_save.c", "run/vp_reg*.c",
          "vp/vp_state.c", "vp/vp_check.c", "vp/vp_xsave.c")


class File:
    """The counts of one source file."""

    def __init__(self):
        self.lines = {}     # number: times executed
        self.branches = {}  # (line, column, ...): [times true, times false]

    def add_branch(self, place, true, false):
        counts = self.branches.setdefault(place, [0, 0])
        counts[0] += true
        counts[1] += false

    def outcomes(self):
        """(place, outcome, times) of every branch."""
        for place, counts in sorted(self.branches.items()):
            yield place, "true", counts[0]
            yield place, "false", counts[1]


class Sum:
    """Reached and all, of lines and of branches."""

    def __init__(self, files):
        lines = [n for f in files for n in f.lines.values()]
        branches = [n for f in files for _, _, n in f.outcomes()]
        self.lines = (sum(n > 0 for n in lines), len(lines))
        self.branches = (sum(n > 0 for n in branches), len(branches))


def percent(part):
    return 100.0 * part[0] / part[1] if part[1] else 100.0


def cell(part):
    return f"{part[0]:5}/{part[1]:<5} {percent(part):5.1f} %"


def run_tests(programs, folder):
    """Runs each; the profiles that they write. None: one has failed."""
    os.makedirs(folder, exist_ok=True)
    profiles = []
    failed = False
    for program in programs:
        profile = os.path.join(folder, os.path.basename(program) + ".profraw")
        done = subprocess.run(
            [program], env=dict(os.environ, LLVM_PROFILE_FILE=profile),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            print(f"# {program}: exit code {done.returncode}")
            sys.stdout.write(done.stdout.decode(errors="replace"))
            failed = True
        profiles.append(profile)
    return None if failed else profiles


def export(program, profiles, folder, form):
    """What llvm-cov has on hv/, of which every program holds all."""
    merged = os.path.join(folder, "all.profdata")
    subprocess.run(["llvm-profdata", "merge", "-sparse", "-o", merged]
                   + profiles, check=True)
    done = subprocess.run(
        ["llvm-cov", "export", f"-format={form}", "-instr-profile", merged,
         program], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


def wanted(name):
    """The name below hv/, or one of lib/; None: of no interest here."""
    path = os.path.relpath(name)
    if path.startswith("lib/"):
        return path
    return os.path.relpath(path, "hv") if path.startswith("hv/") else None


def read_lines(lcov, files):
    current = None
    for line in lcov.splitlines():
        key, _, value = line.partition(":")
        if key == "SF":
            base = wanted(value)
            current = files.setdefault(base, File()) if base else None
        elif key == "DA" and current:
            number, count = value.split(",")[:2]
            current.lines[int(number)] = int(count)


def check_spans(text):
    """(line, column) of the begin and the end of every CHECK(...)."""
    spans = []
    for found in re.finditer(r"\bCHECK\(", text):
        depth, end = 1, found.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        spans.append(tuple((text.count("\n", 0, at) + 1,
                            at - text.rfind("\n", 0, at))
                           for at in (found.start(), end)))
    return spans


def read_branches(exported, files):
    """A macro's branches count at the place where it is used."""
    for entry in json.loads(exported)["data"][0]["files"]:
        base = wanted(entry["filename"])
        if not base:
            continue
        with open(entry["filename"], encoding="utf-8") as source:
            spans = check_spans(source.read())
        found = [(tuple(b[:2]), tuple(b[:4]), b)
                 for b in entry["branches"]]
        found += [(tuple(e["source_region"][:2]),
                   tuple(e["source_region"][:2] + b[:4]), b)
                  for e in entry["expansions"] for b in e["branches"]]
        for at, place, b in found:
            if not any(first <= at < last for first, last in spans):
                files[base].add_branch(place, b[4], b[5])


def print_group(title, files):
    print(f"\n{title:22}{'lines':^19}   {'branches':^19}")
    for name in sorted(files):
        s = Sum([files[name]])
        print(f"  {name:20}{cell(s.lines)}   {cell(s.branches)}")
    s = Sum(files.values())
    print(f"  {'all':20}{cell(s.lines)}   {cell(s.branches)}")
    return s


def print_missing(files):
    print("\nnot reached")
    for name in sorted(files):
        for number, count in sorted(files[name].lines.items()):
            if not count:
                print(f"  hv/{name}:{number}: line")
        for place, outcome, count in files[name].outcomes():
            if not count:
                print(f"  hv/{name}:{place[0]}:{place[1]}: never {outcome}")


def main(arguments):
    verbose = "-v" in arguments
    programs = [a for a in arguments if a != "-v"]
    folder = os.path.join(os.path.dirname(programs[0]), "profile")
    profiles = run_tests(programs, folder)
    if not profiles:
        return 1
    files = {}
    read_lines(export(programs[0], profiles, folder, "lcov"), files)
    read_branches(export(programs[0], profiles, folder, "text"), files)
    engine = {name: f for name, f in files.items()
              if any(fnmatch.fnmatch(name, p) for p in ENGINE)}
    s = print_group("the engine", engine)
    print_group("the rest of hv/", {name: f for name, f in files.items()
                                    if name not in engine})
    if verbose:
        print_missing(files)
    lines, branches = percent(s.lines), percent(s.branches)
    good = lines >= GOAL_LINES and branches >= GOAL_BRANCHES
    print(f"\ncoverage of the engine: {lines:.1f} % of lines (goal "
          f"{GOAL_LINES:.0f}), {branches:.1f} % of branches (goal "
          f"{GOAL_BRANCHES:.0f}){'' if good else ': FAILED'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
