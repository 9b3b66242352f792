"""The order of the includes of each .c file.

1. The header that it implements comes first, by itself: so each header shows that it
   needs nothing before it. Where there is one of its own name, that is it.
2. Then system headers, <...>.
3. Then the project's, in one piece and sorted.

Run from the project's root; it prints what it finds, and fails if that is anything.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

FOLDERS = ("boot", "hv", "arch", "lib", "parent", "tools", "tests")
INCLUDE = re.compile(r'^#[ \t]*include[ \t]+(<[^>]+>|"[^"]+")', re.M)


def wrong_of(path: Path, text: str) -> Iterator[str]:
    """What is wrong with one file."""
    found = list(INCLUDE.finditer(text))
    names = [match[1] for match in found]
    own = f'"{path.with_suffix(".h")}"'
    if own in names and names[0] != own:
        yield f"{path}: its own header is not the first"
        return
    # Alone before a blank line: what it implements.
    if (len(found) > 1 and not names[0].startswith("<") and
            (names[0] == own or text[found[0].end():].startswith("\n\n"))):
        if not text[found[0].end():].startswith("\n\n"):
            yield f"{path}: no blank line behind its own header"
        found = found[1:]
        names = names[1:]
    kinds = [name.startswith("<") for name in names]
    if kinds != sorted(kinds, reverse=True):
        yield f"{path}: a system header behind one of the project"
    project = [match for match in found if not match[1].startswith("<")]
    names = [match[1] for match in project]
    if names != sorted(names):
        yield f"{path}: the project's headers are not sorted"
    if len(project) > 1 and "\n\n" in text[project[0].end():project[-1].start()]:
        yield f"{path}: the project's headers are not in one piece"


def main() -> int:
    """Of the tree that we are in."""
    wrong = [line for folder in FOLDERS
             for path in sorted(Path(folder).rglob("*.c"))
             for line in wrong_of(path, path.read_text(encoding="utf-8"))]
    for line in wrong:
        print(line, file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
