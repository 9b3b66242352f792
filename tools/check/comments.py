"""Comments of the product's .c files, folder by folder.

A comment says why, where the code decides: between 12 and 20 % of the lines that
are neither blank nor in a file's head have one. Fewer leave a reader alone, more say
what the code says.

Run from the project's root; it prints what it finds, and fails if that is anything.
With -v it prints the share of each folder and of each file.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

TOPS = ("hv", "arch", "boot", "lib", "parent", "tools/hvctl")
LEAST, MOST = 12, 20            # percent

# What looks like a comment in a string or a character is none.
TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
                   re.S)
HEAD = re.compile(r"\s*/\*.*?\*/", re.S)


def count(text: str) -> tuple[int, int]:
    """Lines with a comment, and lines that are not blank, behind the head."""
    head = HEAD.match(text)
    text = text[head.end():] if head else text
    commented: set[int] = set()
    for token in TOKEN.finditer(text):
        if token[0].startswith(("/*", "//")):
            first = text.count("\n", 0, token.start())
            commented.update(range(first, first + token[0].count("\n") + 1))
    lines = [number for number, line in enumerate(text.split("\n"))
             if line.strip()]
    return len(commented.intersection(lines)), len(lines)


def main() -> int:
    """Of the tree that we are in."""
    folders: dict[Path, list[tuple[Path, int, int]]] = defaultdict(list)
    for top in TOPS:
        for path in sorted(Path(top).rglob("*.c")):
            folders[path.parent].append(
                (path, *count(path.read_text(encoding="utf-8"))))
    wrong = 0
    for folder, files in folders.items():
        commented = sum(c for _, c, _ in files)
        lines = sum(n for _, _, n in files)
        bad = not LEAST * lines <= 100 * commented <= MOST * lines
        wrong += bad
        if bad or "-v" in sys.argv:
            print(f"{folder}: comments on {100 * commented / lines:.1f} % of "
                  f"{lines} lines, wanted {LEAST} to {MOST}", file=sys.stderr)
        if "-v" in sys.argv:
            for path, c, n in files:
                print(f"  {path.name}: {100 * c / n:.1f} % of {n}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
