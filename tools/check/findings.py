"""The tests that docs/findings.md names are there.

Each row is `| number | wrong | right | its test | further cases |`. A name is a file and
a case of it, `file/case` in backticks. Run from the project's root; it prints what is
wrong.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

PAGE = Path("docs/findings.md")
ROW = re.compile(r"\| *(\d+) *\| (.+?) *\|$")
NAME = re.compile(r"`(\w+)/([^`]+)`")
OWN, FURTHER = 1, 3                     # names in a row, at least

# Where a file may be, and how it has a case: each of these is in its text.
PLACES = (
    ("tests/host/{}.c", (r"^static void {}\(", r"^\t\t.*\b[A-Za-z_]+\({}\)")),
    ("tests/guest/root/{}.c", (r'^\t\{{ "{}",',)),
    ("tests/hvstate/{}.py", (r"^ *def {}\(",)),
    ("tests/vm/{}.py", (r"^ *def {}\(",)),
)


def is_there(file: str, case: str) -> bool:
    """One of the files has it."""
    for place, forms in PLACES:
        path = Path(place.format(file))
        if path.exists() and all(
                re.search(form.format(re.escape(case)),
                          path.read_text(encoding="utf-8"), re.M)
                for form in forms):
            return True
    return False


def problems(text: str) -> list[str]:
    """What is wrong with the page."""
    found = []
    rows = [match for line in text.splitlines() if (match := ROW.match(line))]
    if [int(row[1]) for row in rows] != list(range(1, len(rows) + 1)) or not rows:
        found.append("the rows are not numbered from 1 on")
    for row in rows:
        cells = row[2].split(" | ")
        if len(cells) != 4:
            found.append(f"row {row[1]}: {len(cells) + 1} columns")
            continue
        for cell, what, least in ((cells[2], "tests of its own", OWN),
                                  (cells[3], "further cases", FURTHER)):
            names = NAME.findall(cell)
            if len(names) < least:
                found.append(f"row {row[1]}: {len(names)} {what}")
            found += [f"row {row[1]}: no test {file}/{case}"
                      for file, case in names if not is_there(file, case)]
    return found


if __name__ == "__main__":
    WRONG = problems(PAGE.read_text(encoding="utf-8"))
    for line in WRONG:
        print(f"{PAGE}: {line}", file=sys.stderr)
    sys.exit(bool(WRONG))
