"""Sizes that style asks for.

1. No file of C, assembly, Python, shell, make or mutants has more than 500 lines, the
   Makefile not more than 250.
2. No function of C, of Python or of a shell has more than 60.
3. All assembly together has at most 400 lines, but for the child that is a tour of
   processor modes; of the vendors' the longest counts.
4. No .c file has conditional compilation.

Run from the project's root; it prints what it finds, and fails if that is anything.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

FOLDERS = ("include", "lib", "boot", "hv", "arch", "parent", "tools", "tests", "mk")
SUFFIXES = (".c", ".h", ".asm", ".inc", ".py", ".sh", ".toml", ".mk")
FILE_MAX = 500
FILES_MAX = {"Makefile": 250}
FUNCTION_MAX = 60
ASSEMBLY_MAX = 400
TOUR = "tests/guest/child/anywhere/"
VENDORS = ("arch/x86_64/vmx", "arch/x86_64/svm")


def c_functions(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Where each body begins, and its lines: between braces in the first column."""
    begin = 0
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            begin = number
        elif line.startswith("}") and begin:
            yield begin, number - begin - 1
            begin = 0


def shell_functions(lines: list[str]) -> Iterator[tuple[int, int]]:
    """The same of a shell: between `name() {` and a brace in the first column."""
    begin = 0
    for number, line in enumerate(lines, 1):
        if re.match(r"\w+\(\) \{$", line):
            begin = number
        elif line.startswith("}") and begin:
            yield begin, number - begin - 1
            begin = 0


def python_functions(text: str) -> Iterator[tuple[int, int]]:
    """The same of Python: what is behind the line with `def`."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, (node.end_lineno or 0) - node.lineno


def wrong_of(name: str, text: str) -> Iterator[str]:
    """What is wrong with one file."""
    lines = text.splitlines()
    most = FILES_MAX.get(name, FILE_MAX)
    if len(lines) > most:
        yield f"{name}: {len(lines)} lines, at most {most}"
    functions: Iterator[tuple[int, int]] = iter(())
    if name.endswith((".c", ".h")):
        functions = c_functions(lines)
    elif name.endswith(".py"):
        functions = python_functions(text)
    elif name.endswith(".sh"):
        functions = shell_functions(lines)
    for begin, length in functions:
        if length > FUNCTION_MAX:
            yield (f"{name}:{begin}: a function of {length} lines, at most "
                   f"{FUNCTION_MAX}")
    if name.endswith(".c"):
        for number, line in enumerate(lines, 1):
            if re.match(r"\s*#\s*if", line):
                yield f"{name}:{number}:{line}"


def main() -> int:
    """Of the tree that we are in."""
    paths = sorted(path for folder in FOLDERS
                   for path in Path(folder).rglob("*")
                   if path.suffix in SUFFIXES and path.is_file())
    paths += map(Path, FILES_MAX)
    wrong, assembly, vendors = [], 0, dict.fromkeys(VENDORS, 0)
    for path in paths:
        text = path.read_text(encoding="utf-8")
        wrong += wrong_of(str(path), text)
        if path.suffix != ".asm" or str(path).startswith(TOUR):
            continue
        if str(path.parent) in vendors:
            vendors[str(path.parent)] += len(text.splitlines())
        else:
            assembly += len(text.splitlines())
    assembly += max(vendors.values())
    if assembly > ASSEMBLY_MAX:
        wrong.append(f"all: {assembly} lines of assembly, at most {ASSEMBLY_MAX}")
    for line in wrong:
        print(line, file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
