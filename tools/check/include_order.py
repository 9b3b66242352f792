"""The order of the includes of each .c file, and headers that include one another.

1. The header that it implements comes first, by itself: so each header shows that it
   needs nothing before it. Where there is one of its own name, that is it.
2. Then system headers, <...>.
3. Then the project's, in one piece and sorted.
4. No header includes itself, over others or not: it would compile by its guard, and
   only as long as nobody includes another one of them first.

Run from the project's root; it prints what it finds, and fails if that is anything.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

FOLDERS = ("include", "boot", "hv", "arch", "lib", "parent", "tools", "tests")
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


def headers() -> dict[str, list[str]]:
    """What of the project each header includes. Those of include/ have no folder."""
    return {str(path): [name if "/" in name else f"include/{name}"
                        for name in re.findall(r'^#[ \t]*include[ \t]+"([^"]+)"',
                                               path.read_text(encoding="utf-8"), re.M)]
            for folder in FOLDERS for path in sorted(Path(folder).rglob("*.h"))}


def cycles(graph: dict[str, list[str]]) -> Iterator[str]:
    """The ways from a header to itself, each once."""
    done: set[str] = set()
    way: list[str] = []

    def walk(name: str) -> Iterator[str]:
        if name in way:
            yield f"{' includes '.join(way[way.index(name):])} includes {name}"
        elif name not in done:
            way.append(name)
            for other in graph.get(name, []):
                yield from walk(other)
            way.pop()
            done.add(name)

    for name in graph:
        yield from walk(name)


def main() -> int:
    """Of the tree that we are in."""
    wrong = [line for folder in FOLDERS
             for path in sorted(Path(folder).rglob("*.c"))
             for line in wrong_of(path, path.read_text(encoding="utf-8"))]
    wrong += cycles(headers())
    for line in wrong:
        print(line, file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
