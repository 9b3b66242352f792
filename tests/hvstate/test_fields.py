"""The inspector's tables of chunks against the engine's, field by field.

Both were written from docs/stream.md, and neither knows of the other; here they have
to agree. The engine moves some fields in one piece that a person wants by name: its
GPR is RAX, RCX and so on there. Such a piece has to be covered without a gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from engine import engine_tables
from hvstate_lib.chunks import (BY_NAME, KINDS, MAP_ENTRY, MSR_ENTRY,
                                QUEUE_ENTRY, Field, Kind)

ENTRIES = {"GPA_MAP": MAP_ENTRY, "VP_MSRS": MSR_ENTRY, "VP_QUEUE": QUEUE_ENTRY}
ALL_ONES = (1 << 64) - 1
Tables = dict[str, dict[str, list[int]]]


@dataclass(frozen=True)
class Row:
    """A field of the engine's."""

    name: str
    at: int
    width: int
    count: int
    rsvd: int

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.at + self.width * self.count


@pytest.fixture(scope="module")
def tables() -> Tables:
    return engine_tables()


def rows_of(tables: Tables, chunk: str) -> list[Row]:
    """The engine's fields of a chunk."""
    return [Row(name.partition(".")[2], *values)
            for name, values in tables["field"].items()
            if name.partition(".")[0] == chunk]


def described(chunk: str) -> Kind:
    """The inspector's description: of the entries, where it consists of them."""
    return ENTRIES.get(chunk, BY_NAME[chunk])


def test_kinds_ids_and_lengths(tables):
    ours = {kind.name: [kind.id, kind.least, kind.most] for kind in KINDS}
    assert tables["chunk"] == ours


def inside(row: Row, kind: Kind) -> list[Field]:
    """The inspector's fields where the engine has this one, ascending."""
    return sorted((f for f in kind.fields if row.at <= f.offset < row.end),
                  key=lambda f: f.offset)


def covered(fields: list[Field]) -> list[tuple[int, int]]:
    """From where to where they reach; one behind the other is one piece."""
    pieces: list[tuple[int, int]] = []
    for field in fields:
        start, end = field.offset, field.offset + field.length
        if pieces and pieces[-1][1] == start:
            start = pieces.pop()[0]
        pieces.append((start, end))
    return pieces


CHUNKS = [kind.name for kind in KINDS if described(kind.name).fields]


def agrees(row: Row, kind: Kind) -> bool:
    """Whether the inspector has the field, or the pieces of it."""
    fields = inside(row, kind)
    if covered(fields) != [(row.at, row.end)]:
        return False
    if len(fields) > 1:
        return all(field.name != row.name for field in fields)
    return fields[0].name == row.name and (
        not fields[0].size                      # bytes, whatever they mean
        or (fields[0].size, fields[0].count) == (row.width, row.count))


@pytest.mark.parametrize("chunk", CHUNKS)
def test_fields_lie_where_they_lie(chunk, tables):
    kind, rows = described(chunk), rows_of(tables, chunk)
    assert [row for row in rows if not agrees(row, kind)] == []
    assert [field for field in kind.fields
            if not any(row.at <= field.offset < row.end for row in rows)] == []


@pytest.mark.parametrize("chunk", CHUNKS)
def test_reserved_bytes_are_the_same(chunk, tables):
    """And rows ascend, as whoever walks them expects."""
    gaps: list[tuple[int, int]] = []
    end = 0
    for row in rows_of(tables, chunk):
        assert row.at >= end, row
        if row.at > end:
            gaps.append((end, row.at))
        end = row.end
    least = tables["chunk"][chunk][1]
    assert end <= least
    if end < least:
        gaps.append((end, least))
    assert gaps == list(described(chunk).reserved())


def allowed(field: Field) -> int:
    """Bits that the inspector lets pass in a field."""
    if not field.values:
        return ALL_ONES if field.mask is None else field.mask & ALL_ONES
    bits = 0
    for value in field.values:
        assert isinstance(value, int)
        bits |= value
    return bits


@pytest.mark.parametrize("chunk", CHUNKS)
def test_reserved_bits_are_reserved_here(chunk, tables):
    kind = described(chunk)
    for row in rows_of(tables, chunk):
        if not row.rsvd:
            continue
        for field in inside(row, kind):
            ones = (1 << 8 * row.width) - 1
            assert allowed(field) & ones == ~row.rsvd & ones, row


@pytest.mark.parametrize("bad", [
    Row("activity", 24, 8, 1, 0), Row("activity", 16, 4, 1, 0),
    Row("activity", 16, 8, 3, 0), Row("activities", 16, 8, 1, 0),
    Row("activity", 16, 4, 2, 0), Row("more", 96, 8, 1, 0)],
    ids=lambda row: f"{row.name}-{row.at}-{row.width}-{row.count}")
def test_a_difference_is_noticed(bad):
    """A field that moved, is of another size or name, or is not there."""
    kind = described("VP_EVENTS")
    assert agrees(Row("activity", 16, 8, 1, 0), kind)
    assert not agrees(bad, kind)
