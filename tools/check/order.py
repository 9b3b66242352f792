"""The order of lib/ and of hv's folders, and the largest cycle of calls between its files.

A file may include, and call, what is in its own folder and in those before it; lib/,
which boot and parents have as well, is before all of them. The
door (hv/arch.h) may be included by all, and main.c includes all. A file of C and its
header count as one. Run from the project's root; it prints what breaks the order.
With --draw it prints the drawing that docs/architecture.md has, which it compares.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections import defaultdict
from pathlib import Path

ORDER = ("lib", "base", "memory", "vp", "interrupt", "run", "stream", "call")
DOCUMENT = Path("docs/architecture.md")
LARGEST = 5                             # files that may call one another

COMMENT = re.compile(r"/\*.*?\*/", re.S)
ATTRIBUTE = re.compile(r"\b__attribute__\s*\(\([^()]*(?:\([^()]*\))?[^()]*\)\)\s*")
STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
INCLUDE = re.compile(r'^#include "(?:hv/|(?=lib/))([\w/]+)\.h"', re.M)
DEFINED = re.compile(r"^(?!static\b|typedef\b|#)[a-z][^;{}()=#]*?\b(\w+)\("
                     r"(?:[^()]|\([^()]*\))*\)\s*\{", re.M)
WORD = re.compile(r"\b[a-z]\w+\b")

Graph = dict[str, dict[str, set[str]]]


def rank(module: str) -> int:
    """The place in the order of a file, by its path below hv/ without its ending."""
    if module == "arch":
        return ORDER.index("base")
    folder = module.split("/")[0] if "/" in module else ""
    return ORDER.index(folder) if folder in ORDER else len(ORDER)


def place(module: str) -> str:
    """The path of a module from the project's root."""
    return module if module.startswith("lib/") else f"hv/{module}"


def read(roots: dict[Path, Path]) -> tuple[dict[str, str], list[str]]:
    """The text of each module without comments, and what is in no folder. roots:
    where to look, and what the names of the modules found there count from."""
    text: dict[str, str] = defaultdict(str)
    lost = []
    for path, base in sorted((path, base) for root, base in roots.items()
                             for path in root.rglob("*.[ch]")):
        module = str(path.relative_to(base).with_suffix(""))
        code = COMMENT.sub("", path.read_text(encoding="utf-8"))
        text[module] += ATTRIBUTE.sub("", code) + "\n"
        if rank(module) == len(ORDER) and module != "main":
            lost.append(f"{path}: in no folder of the order ({' < '.join(ORDER)})")
    return text, lost


def calls(text: dict[str, str]) -> Graph:
    """Which functions of others each module names."""
    owner = {name: module for module, source in text.items()
             for name in DEFINED.findall(source)}
    graph: Graph = {module: defaultdict(set) for module in text}
    for module, source in text.items():
        code = STRING.sub("", source)
        # A declaration in a header is no call, and neither is a field or a tag.
        code = re.sub(r"(?:->|\.)\s*\w+|\b(?:struct|enum|union)\s+\w+", "", code)
        code = re.sub(r"^(?!static inline)[a-z *][^;{}=#]*?\([^;{}]*\);", "", code,
                      flags=re.M)
        for name in set(WORD.findall(code)):
            other = owner.get(name)
            if other and other != module:
                graph[module][other].add(name)
    return graph


def cycles(graph: Graph) -> list[list[str]]:
    """Sets of modules that reach one another, largest first."""
    reach: dict[str, set[str]] = {}
    for start in graph:
        seen: set[str] = set()
        todo = [start]
        while todo:
            for other in graph[todo.pop()]:
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        reach[start] = seen
    found = {tuple(sorted(b for b in reach[a] if a in reach[b]))
             for a in graph if a in reach[a]}
    return sorted((list(c) for c in found), key=len, reverse=True)


def judge(text: dict[str, str], graph: Graph) -> list[str]:
    """What breaks the order."""
    bad = []
    for module, source in text.items():
        for other in INCLUDE.findall(source):
            if rank(other) > rank(module):
                bad.append(f"{place(module)}: may not include {place(other)}.h")
        for other, names in graph[module].items():
            if rank(other) > rank(module):
                bad.append(f"{place(module)}: may not call "
                           f"{', '.join(sorted(names))} of {place(other)}")
    bad += [f"hv: {len(cycle)} files call one another, {LARGEST} may: "
            + ", ".join(cycle) for cycle in cycles(graph) if len(cycle) > LARGEST]
    return bad


def draw(text: dict[str, str], graph: Graph) -> str:
    """A paragraph a folder, the last first: what it calls, and its files."""
    lines = []
    for folder in reversed(ORDER):
        files = sorted(m for m in text if m.startswith(folder + "/"))
        called = {ORDER[rank(other)] for module in files for other in graph[module]
                  if rank(other) < rank(module)}
        below = [f for f in reversed(ORDER) if f in called]
        lines.append(f"{folder:10} calls {', '.join(below) or 'nobody'}")
        names = " ".join(m.split("/")[1] for m in files)
        lines += textwrap.wrap(names, 72, initial_indent=" " * 11,
                               subsequent_indent=" " * 11)
    for cycle in cycles(graph):
        lines.append("call one another: " + " ".join(cycle))
    return "\n".join(lines) + "\n"


def main() -> int:
    text, bad = read({Path("lib"): Path(), Path("hv"): Path("hv")})
    graph = calls(text)
    drawing = draw(text, graph)
    if sys.argv[1:] == ["--draw"]:
        print(drawing, end="")
        return 0
    bad += judge(text, graph)
    if not bad and drawing not in DOCUMENT.read_text(encoding="utf-8"):
        bad = [f"{DOCUMENT}: has another drawing of the folders than"
               " tools/check/order.py --draw"]
    print("\n".join(bad), end="\n" if bad else "", file=sys.stderr)
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
