"""Streams that no saver makes and every check lets pass: small files that
declare much, or much of the same."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import islice

from hvstate_lib import state
from hvstate_lib.chunks import BY_NAME
from hvstate_lib.crc import crc32c
from hvstate_lib.frame import HEADER, header_crc, payload_crc

STREAM_ID = 0x1234
MAP_ENTRIES = 254                       # of a GPA_MAP
COUNT_MAX = 0xFFFFFFFF                  # of an extent


class Chunks:
    """Bytes of a stream, chunk by chunk, with CRCs that hold."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.number = 0
        self.headers = 0

    def put(self, name: str, payload: bytes) -> None:
        """One more."""
        kind = BY_NAME[name]
        stream_id = STREAM_ID if self.number else 0
        pay = (self.headers if name == "EPILOG"
               else payload_crc(stream_id, self.number, payload))
        head = HEADER.pack(kind.id, len(payload), header_crc(
            stream_id, self.number, kind.id, len(payload), pay), pay)
        self.headers = crc32c(head, self.headers)
        self.data += head + payload
        self.number += 1


def memory(extents: Iterable[tuple[int, int]],
           fills: Iterable[tuple[int, int, int]]) -> bytes:
    """A stream without VPs: extents (gpn, count), fills (gpn, count, word)."""
    extents = list(extents)
    chunks = Chunks()
    pages = sum(count for _, count in extents)
    chunks.put("PROLOG", BY_NAME["PROLOG"].encode(
        {**state.PROLOG, "stream_id": STREAM_ID}))
    chunks.put("COMPAT", BY_NAME["COMPAT"].encode(
        {**state.COMPAT, "phys_bits": 52}))
    chunks.put("VP_INDICES", BY_NAME["VP_INDICES"].encode({}))
    chunks.put("OS_ID", bytes(16))
    chunks.put("PARTITION", BY_NAME["PARTITION"].encode(
        {"page_count": pages, "flags": 1}))
    rows = iter(extents)
    while part := list(islice(rows, MAP_ENTRIES)):
        chunks.put("GPA_MAP", b"".join(struct.pack("<QII", gpn, count, 3)
                                       for gpn, count in part))
    position = None
    for gpn, count, word in fills:
        if gpn != position:
            chunks.put("EXTENT", struct.pack("<QQ", gpn, 0))
        chunks.put("FILL", struct.pack("<QQ", count, word))
        position = gpn + count
    chunks.put("EPILOG", b"")
    return bytes(chunks.data)


def one_fill(pages: int, word: int) -> bytes:
    """So many pages of a word, in a few KiB."""
    extents, at = [], 0
    while at < pages:
        count = min(pages - at, COUNT_MAX)
        extents.append((at, count))
        at += count
    return memory(extents, [(0, pages, word)])
