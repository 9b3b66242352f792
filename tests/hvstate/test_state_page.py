"""docs/state.md against the code: nothing of a child's state is in one alone.

The page is written from the SDM and the TLFS.  What the code has is asked of
the engine (`stream_tool fields`), and read from its sources where the host
cannot run them: the stream's structures, and what arch/x86_64 keeps in the
VMCS or switches by hand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from engine import ROOT, engine_tables

PAGE = ROOT / "docs/state.md"
MSR = r"#define (MSR_\w+) (0x[0-9a-f]+)"
NUMBERS = re.compile(r"0x([0-9A-Fa-f]+)"
                     r"(?: to 0x([0-9A-Fa-f]+)(?: by (\d+))?)?$")
FRAMING = {"PROLOG", "COMPAT", "VP", "EPILOG"}  # the page says so in a sentence
EVENT_FIELDS = {0x4016, 0x4018, 0x401a}         # VM-entry interruption: events
# CR shadows, TSC offset and multiplier
MASKED_FIELDS = {0x6004, 0x6006, 0x2010, 0x2032}


def numbers(cell: str) -> list[int]:
    """The numbers of a cell: `-`, or numbers and ranges with commas."""
    found: list[int] = []
    for part in cell.split(", "):
        if part == "-":
            continue
        match = NUMBERS.match(part)
        assert match, f"no number: {part!r}"
        first = int(match[1], 16)
        last = int(match[2], 16) if match[2] else first
        found += range(first, last + 1, int(match[3] or 1))
    return found


def tables(text: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows of all tables with these columns."""
    rows, header = [], None
    for line in text.splitlines():
        if not line.startswith("|"):
            header = None
            continue
        cells = [cell.strip() for cell in line.strip("|\n ").split("|")]
        if header is None:
            header = cells
        elif tuple(header) == columns and not cells[0].startswith("---"):
            line_cells = cells + [""] * (len(header) - len(cells))
            rows.append(dict(zip(header, line_cells)))
    return rows


@dataclass
class Page:
    """What docs/state.md says."""

    state: list[dict[str, str]]
    unused_fields: list[dict[str, str]]
    absent: list[dict[str, str]]
    constant: list[dict[str, str]]

    def all(self, column: str) -> list[int]:
        """Every number in this column of the state."""
        return [n for row in self.state for n in numbers(row[column])]

    def stream(self) -> set[str]:
        """Every `CHUNK` and `CHUNK.field`."""
        return {part for row in self.state if row["stream"] != "-"
                for part in row["stream"].split(", ")}


@pytest.fixture(scope="module")
def page() -> Page:
    text = PAGE.read_text()
    return Page(tables(text, ("state", "name", "MSR", "VMCS", "stream",
                              "reset", "defined", "remarks")),
                tables(text, ("field", "VMCS", "why")),
                tables(text, ("state", "name", "MSR")),
                tables(text, ("constant", "vendor", "MSR", "reads",
                              "who asks")))


@pytest.fixture(scope="module")
def code() -> dict[str, dict[str, list[int]]]:
    """What the engine says: kind, then name, then values."""
    return engine_tables()


def by_number(said: dict[str, list[int]]) -> set[int]:
    return {int(name, 0) for name in said}


def source(name: str) -> str:
    """Without comments: of what the VT-x image is made of, if the name has no folder."""
    path = ROOT / name if "/" in name else next(
        path for folder in ("vmx", "common")
        if (path := ROOT / "arch/x86_64" / folder / name).exists())
    return re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)


def constants(name: str, pattern: str) -> dict[str, int]:
    """Names and numbers of a header."""
    return {n: int(v, 16) for n, v in re.findall(pattern, source(name))}


def differences(here: set, there: set) -> str:
    def show(items: set) -> list[str]:
        return sorted(hex(i) if isinstance(i, int) else i for i in items)
    return (f"only in docs/state.md: {show(here - there)}; "
            f"only in the code: {show(there - here)}")


def same(here: set, there: set) -> None:
    assert here == there, differences(here, there)


# ---- Registers and MSRs ----

def test_register_names(page, code):
    names = page.all("name")
    assert len(names) == len(set(names)), "a name stands twice"
    same(set(names), by_number(code["register"]))


def test_absent_registers_are_unknown(page, code):
    absent = {n for row in page.absent for n in numbers(row["name"])}
    assert absent and not absent & set(page.all("name"))
    assert not absent & by_number(code["register"])


def passed_msrs(write: bool) -> set[int]:
    """MSRs that a child reaches without an exit."""
    msr = constants("include/x86_msr.h", MSR)
    rows = re.search(r"child_rows\[\] = \{(.*?)\n\};", source("child_msr.c"),
                     re.S)[1]
    found = {msr[n] for n, w in re.findall(r"\{ (MSR_\w+), (true|false) \}",
                                           rows) if not write or w == "true"}
    return found | {msr["MSR_IA32_TSC_AUX"]}    # where there is one


def test_msrs(page, code):
    same(set(page.all("MSR")), by_number(code["msr"]) | passed_msrs(False))


def test_absent_msrs_are_unknown(page, code):
    absent = {n for row in page.absent for n in numbers(row["MSR"])}
    assert absent and not absent & set(page.all("MSR"))
    assert not absent & (by_number(code["msr"]) | passed_msrs(False))


def test_constant_msrs(page, code):
    msr = constants("include/x86_msr.h", MSR)
    rows = re.search(r"} defaults\[\] = \{(.*?)\n\};",
                     source("hv/run/msr.c"), re.S)[1]
    here = {(row["vendor"].upper(), number) for row in page.constant
            for number in numbers(row["MSR"])}
    there = {(vendor, msr[name]) for name, vendor in
             re.findall(r"(MSR_\w+),\s+STREAM_VENDOR_(\w+)", rows)}
    assert here and here == there
    assert not {n for _, n in here} & set(page.all("MSR"))


def test_reset_values(page, code):
    compared, wrong = 0, []
    engine_values = {int(n, 0): v for n, v in code["register"].items()}
    for row in page.state:
        words = row["reset"].split()
        if not words or not all(w.startswith("0x") for w in words):
            continue
        want = [int(w, 16) for w in words]
        for name in numbers(row["name"]):
            got = engine_values.get(name)
            compared += 1
            if got != want:
                wrong.append(f"{name:#x}: {row['reset']}, engine {got}")
    assert not wrong
    assert compared > 200


# ---- The stream ----

OF_CHUNKS = {"position": "EXTENT", "extent": "GPA_MAP",
             "stimer": "VP_SYNIC.timer"}       # structures of other names


def stream_fields() -> set[str]:
    """Every field of a chunk's structure, but padding."""
    text = re.sub(r"/\*.*?\*/", "", (ROOT / "include/stream.h").read_text(),
                  flags=re.S)
    found = set()
    for name, body in re.findall(r"struct stream_(\w+) \{(.*?)\n\};", text,
                                 re.S):
        chunk = OF_CHUNKS.get(name, name.upper())
        for field in re.findall(r"(\w+)(?:\[[^;]*\])*;", body):
            if not field.startswith(("rsvd", "padding")):
                found.add(f"{chunk}.{field}")
    return found - {"VP_SYNIC.timer"}           # its fields are there


def test_stream_fields(page, code):
    chunks = set(code["chunk"]) - FRAMING
    fields = {f for f in stream_fields() if f.partition(".")[0] in chunks}
    said = page.stream()
    same({f for f in said if "." in f}, fields)
    same({f.partition(".")[0] for f in said}, chunks)


def test_framing_is_named(code):
    assert FRAMING <= set(code["chunk"])
    assert "PROLOG, COMPAT, VP and EPILOG carry no state" in PAGE.read_text()


def test_msrs_of_the_stream(page, code):
    names = {n for row in page.state if row["stream"] == "VP_MSRS"
             for n in numbers(row["name"])}
    same(names, by_number(code["in_msrs"]))


def test_chunks_of_registers(page, code):
    """The column of the engine's table.

    What follows from the rest (`-`) may be in the framing, or be a register of the
    local APIC, which is one row there.
    """
    ids = {values[0]: name for name, values in code["chunk"].items()}
    wrong, compared = [], 0
    for row in page.state:
        said = {part.partition(".")[0] for part in row["stream"].split(", ")}
        for name in numbers(row["name"]):
            chunk = code["kept_in"][f"{name:#x}" if name else "0"][0]
            has = ids[chunk] if chunk else "-"
            compared += 1
            follows = FRAMING | {"VP_APIC"} if said == {"-"} else set()
            if has not in said | follows:
                wrong.append(f"{name:#x}: {row['stream']}, engine {has}")
    assert not wrong
    assert compared > 200


# ---- The VMCS ----

def vmcs_fields(how: str, *files: str) -> set[int]:
    """State in the VMCS that these files read or write, by tables or alone."""
    fields = constants("vmcs.h", r"(VMCS_\w+) = (0x[0-9a-f]+)")
    found: set[int] = set()
    for name in files:
        text = source(name)
        used = re.findall(rf"vmcs_{how}\(\s*(VMCS_\w+)", text)
        if how == "read":
            for pair in re.findall(r"capture_cr\((VMCS_\w+),\s*(VMCS_\w+)",
                                   text):
                used += pair
        used += re.findall(r"\{ (VMCS_GUEST_\w+|VMCS_TSC_OFFSET|"
                           r"VMCS_LINK_POINTER),", text)
        used += re.findall(r"^\t(VMCS_GUEST_ES_\w+),$", text, re.M)
        for word in used:
            first = fields[word]
            more = 7 if word.startswith("VMCS_GUEST_ES_") else \
                3 if word == "VMCS_GUEST_PDPTE0" else 0
            found |= set(range(first, first + 2 * more + 1, 2))
    return {f for f in found if is_state(f)}


def is_state(field: int) -> bool:
    """Of the guest-state area (bits 11:10 are 2), or kept elsewhere."""
    return field >> 10 & 3 == 2 or field in EVENT_FIELDS | MASKED_FIELDS


def test_vmcs_fields(page):
    constant = {n for row in page.unused_fields for n in numbers(row["VMCS"])}
    used = set(page.all("VMCS"))
    assert constant and not constant & used
    same(used, vmcs_fields("write", "state.c", "vmcs.c", "entry.c", "events.c",
                           "interrupts.c", "exits.c") - constant)


@pytest.mark.parametrize("how", ["read", "write"])
def test_capture_and_apply_have_all(page, how):
    """RSP is the exit path's; HLT and the interrupt status are made anew.

    No guest changes the TSC offset or multiplier, nor EFER without an exit: these are
    known and not read.
    """
    known = {0x2010, 0x2032, 0x2806} if how == "read" else set()
    same(set(page.all("VMCS")) - {0x681c, 0x4826, 0x810} - known,
         vmcs_fields(how, "state.c"))


def test_unused_fields_have_no_value():
    """Of those that are not state the code knows two, and only these."""
    fields = constants("vmcs.h", r"(VMCS_\w+) = (0x[0-9a-f]+)")
    rows = tables(PAGE.read_text(), ("field", "VMCS", "why"))
    constant = {n for row in rows for n in numbers(row["VMCS"])}
    same({fields["VMCS_LINK_POINTER"], fields["VMCS_TIMER"]},
         constant & set(fields.values()))


# ---- What a child changes without an exit has to be kept somewhere ----

def test_msrs_that_pass_are_kept(page):
    msr = constants("include/x86_msr.h", MSR)
    switched = {msr[n] for n in re.findall(
        r"(?:\{ |msr_read\()(MSR_\w+)", source("switch.c") + source("state.c"))}
    in_vmcs = {n for row in page.state if row["VMCS"] != "-"
               for n in numbers(row["MSR"])}
    lost = passed_msrs(True) - switched - in_vmcs
    assert not lost, f"written by a child, and not kept: {lost}"
    said = {n for row in page.state if "switched" in row["remarks"]
            for n in numbers(row["MSR"])}
    same(said, switched)
