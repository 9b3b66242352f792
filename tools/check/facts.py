"""Finds facts of the processor that are stated twice, in C and in assembly.

1. A name that include/ defines, or one with a prefix of FAMILIES, is defined in one
   file alone.
2. No other name of the same family has the value of one that include/ defines.
3. A fact of include/ does not come back without its prefix: no TF for RFLAGS_TF.
   tests/host and tests/fuzz may have such names: what judges the code may read the
   SDM by itself.
4. Outside the tests no two files define the same name as the same number.

Run from the project's root; it prints what it finds, and fails if that is anything.
"""

from __future__ import annotations

import ast
import operator
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

FOLDERS = ("include", "lib", "boot", "hv", "arch", "parent", "tools", "tests")

# What the names of one register, or of one list of numbers, begin with; where two
# fit, the longer one counts. The names that others have for the same are here too.
FAMILIES = {prefix: prefix for prefix in (
    "MSR_", "CR0_", "CR3_", "CR4_", "EFER_", "RFLAGS_", "DR6_", "DR7_", "DEBUG_",
    "DEBUGCTL_", "XSTATE_", "RIGHTS_", "GATE_", "PTE_", "PDPTE_", "VECTOR_",
    "FEATURE_CONTROL_", "MTRR_CAP_", "MTRR_DEF_", "MTRR_MASK_", "PAT_", "UART_",
    "SELECTOR_", "LAPIC_BASE_", "LAPIC_DFR_", "LAPIC_SVR_", "LAPIC_LVT_",
    "LAPIC_ESR_", "LAPIC_ICR_",
    "PORT_", "VMCS_", "VMX_EXIT_", "PROC_", "PROC2_", "EPT_CAP_")}
FAMILIES |= {"MSR_IA32_": "MSR_", "IA32_": "MSR_", "XCR0_": "XSTATE_",
             "PENDING_": "DEBUG_", "APIC_BASE_": "LAPIC_BASE_"}
# Names of one list where one number means several things: as a bit, as a whole type,
# of code or of the system. Each is defined in one file; its value says nothing.
NAMES = ("TYPE_",)
CPUID = re.compile(r"(?:CPUID|LEAF)_[0-9A-F]+_(?:[0-9]+_)?E[ABCD]X_")

OPERATORS = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.LShift: operator.lshift, ast.RShift: operator.rshift,
    ast.BitOr: operator.or_, ast.BitAnd: operator.and_, ast.Invert: operator.inv,
    ast.FloorDiv: operator.floordiv,
}


@dataclass(frozen=True)
class Definition:
    """A name, the file that defines it, and as what: a number if it is one."""

    name: str
    file: str
    text: str
    value: int | None

    @property
    def family(self) -> str | None:
        """The register or list that the name belongs to."""
        leaf = CPUID.match(self.name)
        if leaf:
            return leaf[0].replace("LEAF_", "CPUID_")
        prefixes = [p for p in FAMILIES if self.name.startswith(p)]
        return FAMILIES[max(prefixes, key=len)] if prefixes else None

    @property
    def is_number(self) -> bool:
        """It says a number itself, not by other names."""
        names = re.findall(r"\b[A-Za-z_]\w*", re.sub(r"0x[0-9a-fA-F]+", "",
                                                     self.text))
        return self.value is not None and set(names) <= {
            "BIT", "u", "ul", "ull", "u8", "u16", "u32", "u64"}


def of_c(text: str) -> list[tuple[str, str]]:
    """Macros without arguments and constants of enums: names, and as what."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
    found = re.findall(r"^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+((?:.*\\\n)*.*)$",
                       text, re.M)
    for body in re.findall(r"\benum\b[^;{}()=]*\{([^}]*)\}", text):
        last = "-1"
        for row in re.split(r",(?![^()]*\))", body):
            name, _, value = (part.strip() for part in row.partition("="))
            if name:
                last = value or f"({last}) + 1"
                found.append((name, last))
    return found


def of_asm(text: str) -> list[tuple[str, str]]:
    """What nasm knows by %define and by equ."""
    text = re.sub(r";.*", "", text)
    return (re.findall(r"^[ \t]*%define[ \t]+(\w+)[ \t]+(.*)$", text, re.M) +
            re.findall(r"^[ \t]*(\w+):?[ \t]+equ[ \t]+(.*)$", text, re.M))


def number(text: str, known: dict[str, str], depth: int = 0) -> int | None:
    """The value of an expression; None: it is none that can be told from here."""
    def names(match: re.Match[str]) -> str:
        value = number(known.get(match[0], ""), known, depth + 1)
        return str(value) if value is not None else match[0]

    if not text or depth > 8:
        return None
    text = re.sub(r"\b(0x[0-9a-fA-F]+|\d+)[uUlL]+\b", r"\1", text)
    text = re.sub(r"\b0+(\d)", r"\1", text)
    text = re.sub(r"\(u(?:8|16|32|64)\)", "", text).replace("/", "//")
    text = re.sub(r"\bBIT\(", "(1 << ", text)
    text = re.sub(r"\b[A-Za-z_]\w*", names, text)
    try:
        return calculate(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError):
        return None


def calculate(node: ast.expr) -> int:
    """Of the few kinds of expression that say facts."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.UnaryOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)](calculate(node.operand))
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)](calculate(node.left),
                                        calculate(node.right))
    raise ValueError


def read(root: Path) -> list[Definition]:
    """All definitions of the tree. Values may be of names from include/."""
    texts: dict[str, list[tuple[str, str]]] = {}
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            name = str(path.relative_to(root))
            if path.suffix in (".c", ".h"):
                texts[name] = of_c(path.read_text(encoding="utf-8"))
            elif path.suffix in (".asm", ".inc"):
                texts[name] = of_asm(path.read_text(encoding="utf-8"))
    shared = {n: t for f, rows in texts.items() if f.startswith("include/")
              for n, t in rows}
    return [Definition(n, f, " ".join(t.split()), number(t, shared | dict(rows)))
            for f, rows in texts.items() for n, t in rows]


def check(definitions: list[Definition]) -> list[str]:
    """What is wrong, a line for each."""
    by_name = defaultdict(list)
    for d in definitions:
        by_name[d.name].append(d)
    facts = [d for d in definitions if d.file.startswith("include/")]
    names = {d.name for d in facts}
    by_value = {(d.family, d.value): d for d in reversed(facts)
                if d.family and d.value is not None}
    tails = defaultdict(list)  # of one letter too much could be meant
    for d in facts:
        if d.family and d.value is not None:
            tail = re.sub(r"^(MSR_IA32|[A-Z0-9]+)_", "", d.name)
            if len(tail) > 1:
                tails[tail].append(d)

    wrong = []
    for name, places in by_name.items():
        files = sorted({d.file for d in places})
        if len(files) > 1 and (name in names or places[0].family or
                               name.startswith(NAMES)):
            wrong.append(f"{name}: defined in {' and '.join(files)}")
        same = defaultdict(set)
        for d in places:
            if d.is_number and not d.file.startswith("tests/"):
                same[d.value].add(d.file)
        wrong += [f"{name}: the same number in {' and '.join(sorted(fs))}"
                  for fs in same.values() if len(fs) > 1 and name not in names
                  and not places[0].family]
    for d in definitions:
        fact = by_value.get((d.family, d.value))
        if fact and fact.name != d.name:
            wrong.append(f"{d.file}: {d.name} is {fact.name} of {fact.file}")
        if d.name in names or d.file.startswith(("tests/host/", "tests/fuzz/")) or not d.is_number:
            continue
        wrong += [f"{d.file}: {d.name} is {f.name} of {f.file}"
                  for f in tails[d.name] if f.value == d.value]
    return wrong


def main() -> int:
    """Of the tree that we are in."""
    wrong = check(read(Path()))
    for line in wrong:
        print(line, file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
