"""Each breakage gets the verdict that docs/stream.md gives it."""

import random
from dataclasses import replace

import pytest

from hvstate_lib.chunks import KINDS
from hvstate_lib.diff import diff
from hvstate_lib.elfcore import plan_segments
from hvstate_lib.problem import Verdict
from hvstate_lib.reader import read_stream
from hvstate_lib.show import dump, info
from hvstate_lib.svg import draw_map
from hvstate_lib.writer import drafts_of, seal
from hostile import memory
from samples import RICH, build, read

CORRUPT, INCOMPLETE = Verdict.CORRUPT, Verdict.INCOMPLETE
UNSUPPORTED, INCOMPATIBLE = Verdict.UNSUPPORTED, Verdict.INCOMPATIBLE
COMPLETE = Verdict.COMPLETE


def put(chunk, field, value):
    """A step that gives a field a value."""
    return {"do": "set", "chunk": chunk, "field": field, "value": value}


def raw(chunk, offset, digits):
    """A step that puts bytes into a payload."""
    return {"do": "bytes", "chunk": chunk, "offset": offset, "hex": digits}


# One broken rule each: the step, the verdict, a word of the reason.
VALUES = [
    (put("PROLOG", "tag", 1), CORRUPT, "tag"),
    (put("PROLOG", "magic", "535441"), CORRUPT, "magic"),
    (put("PROLOG", "version_major", 2), UNSUPPORTED, "version 2.0"),
    (put("PROLOG", "version_major", 0), UNSUPPORTED, "version 0.0"),
    (put("PROLOG", "version_minor", 9), COMPLETE, ""),
    (put("PROLOG", "is_summary", 2), CORRUPT, "is_summary"),
    (put("PROLOG", "vendor", 3), INCOMPATIBLE, "vendor"),
    (put("COMPAT", "scope", 0), CORRUPT, "scope"),
    (put("COMPAT", "scope", 2), CORRUPT, "scope"),
    (put("COMPAT", "cpu_vendor", 2), CORRUPT, "cpu_vendor"),
    (put("COMPAT", "features", {"10": 1}), CORRUPT, "feature word 10"),
    (put("COMPAT", "phys_bits", 31), CORRUPT, "31 bits"),
    (put("COMPAT", "xsave_size", 960), CORRUPT, "length"),
    (put("COMPAT", "xsave_size", 0), CORRUPT, "VP_EVENTS has its turn"),
    (put("VP_INDICES", "bsp_index", 1), CORRUPT, "bsp_index"),
    (raw("VP_INDICES", 12, "01"), CORRUPT, "VP index"),
    (raw("VP_INDICES", 4, "23"), CORRUPT, "VP 5 where VP 1"),
    (raw("VP_INDICES", 4, "01"), CORRUPT, "EPILOG has its turn"),
    (raw("OS_ID", 8, "01"), CORRUPT, "reserved"),
    (put("OS_ID", "os_id", 0), CORRUPT, "os_id is 0"),
    (put("PARTITION", "hypercall", 0x5005), CORRUPT, "reserved"),
    (put("PARTITION", "flags", 2), CORRUPT, "reserved"),
    (put("PARTITION", "flags", 0), CORRUPT, "no memory"),
    (put("PARTITION", "page_count", 49), CORRUPT, "page_count"),
    (put("PARTITION", "page_count", 51), CORRUPT, "GPA_MAP has its turn"),
    (put("PARTITION", "page_count", 0), CORRUPT, "VP has its turn"),
    (put("PARTITION", "reference_tsc", 0x3801), CORRUPT, "reserved"),
    (put("PARTITION", "reference_tsc", 0x5001), CORRUPT, "as hypercall"),
    (put("PARTITION", "reference_tsc", 0x5000), COMPLETE, ""),
    (put("PARTITION", "reference_tsc", 0x6001), COMPLETE, ""),
    (put("PARTITION", "reference_tsc", 0x7001), CORRUPT, "as reference_tsc"),
    (put("PARTITION", "reference_tsc", 1 << 60), CORRUPT, "beyond"),
    (put("PARTITION", "hypercall", 1 << 60 | 1), CORRUPT, "beyond"),
    (put("PARTITION", "tsc_sequence", "0xffffffff"), COMPLETE, ""),
    (raw("PARTITION", 47, "80"), CORRUPT, "reserved"),
    (raw("GPA_MAP", 8, "00000000"), CORRUPT, "no pages"),
    (raw("GPA_MAP", 12, "02"), CORRUPT, "rights"),
    (raw("GPA_MAP", 12, "0f"), CORRUPT, "rights"),
    (raw("GPA_MAP", 16, "10"), CORRUPT, "do not ascend"),
    (raw("GPA_MAP", 39, "01"), CORRUPT, "40 bits"),
    (raw("EXTENT", 8, "01"), CORRUPT, "reserved"),
    (put("EXTENT", "gpn", 1), CORRUPT, "not the next"),
    (put("EXTENT#1", "gpn", 18), CORRUPT, "does not grow"),
    (put("EXTENT#1", "gpn", 0x100001), CORRUPT, "not the next"),
    (put("FILL", "count", 0), CORRUPT, "no pages"),
    (put("FILL#1", "count", 15), CORRUPT, "where the map has"),
    (put("FILL#3", "count", 33), CORRUPT, "where the map has"),
    (put("FILL#3", "count", 31), CORRUPT, "has its turn"),
    (put("FILL#3", "count", "0xffffffffffffffff"), CORRUPT, "the map has"),
    (put("FILL#3", "word", 1), COMPLETE, ""),
    (put("VP", "vp_index", 1), CORRUPT, "VP 1 where VP 0"),
    (raw("VP", 4, "01"), CORRUPT, "reserved"),
    (put("VP_SEGMENT", "cs.attributes", "0xa19b"), CORRUPT, "reserved"),
    (put("VP_SEGMENT", "cpl", 3), CORRUPT, "CPL"),
    (raw("VP_SEGMENT", 143, "01"), CORRUPT, "reserved"),
    (raw("VP_TABLE", 21, "01"), CORRUPT, "reserved"),
    (raw("VP_XSAVE_CONTROL", 8, "01"), CORRUPT, "reserved"),
    (raw("VP_MSRS", 4, "01"), CORRUPT, "reserved"),
    (raw("VP_MSRS", 16, "00000800"), CORRUPT, "do not ascend"),
    (raw("VP_MSRS", 16, "ffff0800"), INCOMPATIBLE, "not known"),
    (raw("VP_MSRS", 0, "00000000"), INCOMPATIBLE, "not known"),
    (raw("VP_XSAVE", 8, "01"), CORRUPT, "xcomp_bv"),
    (raw("VP_XSAVE", 63, "01"), CORRUPT, "reserved"),
    (put("VP_EVENTS", "explicit_suspend", 0), CORRUPT, "explicit_suspend"),
    (put("VP_EVENTS", "intercept_suspend", 4), CORRUPT, "reserved"),
    (put("VP_EVENTS", "activity", 4), CORRUPT, "reserved"),
    (put("VP_EVENTS", "interrupt_state", 4), CORRUPT, "section 5"),
    (put("VP_EVENTS", "interrupt_state", 8), CORRUPT, "reserved"),
    (put("VP_EVENTS", "pending_interruption", 0x200), CORRUPT, "reserved"),
    (put("VP_EVENTS", "pending_debug", 0x10), CORRUPT, "reserved"),
    (put("VP_EVENTS", "has_message", 2), CORRUPT, "has_message"),
    (put("VP_EVENTS", "has_message", 1), CORRUPT, "no intercept suspend"),
    (put("VP_EVENTS#1", "has_message", 0), CORRUPT, "EPILOG has its turn"),
    (put("VP_EVENTS", "runtime", (1 << 54) - 1), COMPLETE, ""),
    (put("VP_EVENTS", "runtime", 1 << 54), CORRUPT, "runtime"),
    (put("VP_APIC", "tpr", 0x100), CORRUPT, "reserved"),
    (put("VP_APIC", "tpr", 0x10), CORRUPT, "cr8"),
    (put("VP_APIC", "ldr", 1), CORRUPT, "reserved"),
    (put("VP_APIC", "dfr", 0), CORRUPT, "dfr"),
    (put("VP_APIC", "svr", 0x200), CORRUPT, "reserved"),
    (raw("VP_APIC", 17, "80"), CORRUPT, "isr has a vector"),
    (raw("VP_APIC", 48, "01"), CORRUPT, "tmr has a vector"),
    (raw("VP_APIC", 81, "01"), CORRUPT, "irr has a vector"),
    (put("VP_APIC", "icr", 0x1000), CORRUPT, "reserved"),
    (put("VP_APIC", "lvt_timer", 0x80000), CORRUPT, "reserved"),
    (put("VP_APIC", "lvt_lint0", 0x4000), CORRUPT, "reserved"),
    (put("VP_APIC", "assist", 2), CORRUPT, "reserved"),
    (put("VP_APIC", "events", 0x20), CORRUPT, "reserved"),
    (put("VP_SYNIC", "scontrol", 2), CORRUPT, "reserved"),
    (put("VP_SYNIC", "simp", 0x7003), CORRUPT, "reserved"),
    (put("VP_SYNIC", "siefp", 0x8801), CORRUPT, "reserved"),
    (put("VP_SYNIC", "siefp", 0x7001), CORRUPT, "as simp"),
    (put("VP_SYNIC#1", "siefp", 0x7001), CORRUPT, "as simp"),
    (put("VP_SYNIC", "siefp", 0x5001), CORRUPT, "as hypercall"),
    (raw("VP_SYNIC", 24, "10000000"), COMPLETE, ""),
    (raw("VP_SYNIC", 24, "0f000000"), CORRUPT, "sint 0 has vector 15"),
    (raw("VP_SYNIC", 144, "00000000"), CORRUPT, "sint 15 has vector 0"),
    (raw("VP_SYNIC", 144, "00000700"), COMPLETE, ""),
    (raw("VP_SYNIC", 144, "00010100"), CORRUPT, "sint[15]"),
    (raw("VP_SYNIC", 34, "08"), CORRUPT, "sint[1]"),
    (put("VP_SYNIC", "timer1.config", 0x2000), CORRUPT, "reserved"),
    (put("VP_SYNIC", "timer1.config", 1 << 20), CORRUPT, "reserved"),
    (put("VP_SYNIC", "timer1.config", 0xF0FFE), COMPLETE, ""),
    (put("VP_SYNIC", "timer1.config", 1), CORRUPT, "no SINT"),
    (put("VP_SYNIC", "timer1.config", 0x10001), COMPLETE, ""),
    (put("VP_SYNIC", "timer1.expired", 1), CORRUPT, "no SINT"),
    (put("VP_SYNIC", "timer1.config", 0x1100), COMPLETE, ""),
    (put("VP_SYNIC", "timer1.config", 0x1101), COMPLETE, ""),
    (put("VP_SYNIC", "timer1.config", 0x10F0), CORRUPT, "vector 15"),
    (put("VP_SYNIC", "timer1.due", 1), CORRUPT, "not armed"),
    (put("VP_SYNIC", "timer0.due", 0), CORRUPT, "armed"),
    (put("VP_SYNIC", "timer0.count", 0), CORRUPT, "not armed"),
    (put("VP_SYNIC", "timer0.config", 0x20002), CORRUPT, "not armed"),
    (put("VP_SYNIC", "timer3.config", 0), CORRUPT, "no SINT"),
    (put("VP_SYNIC", "timer3.expired", 0), COMPLETE, ""),
    (put("VP_SYNIC", "flags", 7), CORRUPT, "reserved"),
    (put("VP_SYNIC", "flags", 0), CORRUPT, "VP_QUEUE has its turn"),
    (put("VP_SYNIC", "flags", 1), CORRUPT, "VP_QUEUE has its turn"),
    (put("VP_SYNIC", "flags", 2), CORRUPT, "VP_SIEF has its turn"),
    (put("VP_SYNIC", "queued", 0), CORRUPT, "VP has its turn"),
    (put("VP_SYNIC", "queued", 1), CORRUPT, "queued"),
    (put("VP_SYNIC", "queued", 3), CORRUPT, "queued"),
    (put("VP_SYNIC", "queued", 17), CORRUPT, "17 messages"),
    (put("VP_SYNIC#1", "flags", 1), CORRUPT, "VP_SIM has its turn"),
    (put("VP_SYNIC#1", "queued", 1), CORRUPT, "VP_QUEUE has its turn"),
    (raw("VP_SIM", 4095, "80"), COMPLETE, ""),
    (raw("VP_SIEF", 0, "00"), COMPLETE, ""),
    (raw("VP_QUEUE", 0, "00"), CORRUPT, "type 0x0"),
    (raw("VP_QUEUE", 3, "80"), CORRUPT, "type 0x8"),
    (raw("VP_QUEUE", 256, "00"), CORRUPT, "type 0x0"),
    (raw("VP_QUEUE", 4, "f0"), COMPLETE, ""),
    (raw("VP_QUEUE", 260, "f1"), CORRUPT, "payload size"),
    (raw("VP_QUEUE", 5, "01"), CORRUPT, "flags"),
    (raw("VP_QUEUE", 262, "0000"), CORRUPT, "sint 0"),
    (raw("VP_QUEUE", 262, "1000"), CORRUPT, "sint 16"),
    (raw("VP_QUEUE", 262, "0201"), CORRUPT, "sint 258"),
    (raw("VP_QUEUE", 511, "80"), COMPLETE, ""),
    (put("VP_MESSAGE", "type", 1), CORRUPT, "type"),
    (put("VP_MESSAGE", "type", "0x80010004"), CORRUPT, "type"),
    (put("VP_MESSAGE", "type", "0x80000022"), COMPLETE, ""),
    (put("VP_MESSAGE", "payload_size", 241), CORRUPT, "payload size"),
    (put("VP_MESSAGE", "flags", 1), CORRUPT, "flags"),
    (raw("VP_MESSAGE", 6, "01"), CORRUPT, "reserved"),
]


@pytest.mark.parametrize("step, verdict, word", VALUES, ids=lambda v: "-".join(
    map(str, v.values())) if isinstance(v, dict) else None)
def test_values(step, verdict, word):
    stream = read(RICH | {"edit": [step]})
    assert stream.verdict is verdict, stream.problem
    assert word in (stream.problem.text if stream.problem else "")


def test_every_reserved_byte_is_looked_at():
    for kind in KINDS:
        # GPA_MAP, PAGE and VP_MSRS have no fields of their own.
        for start, end in kind.reserved() if kind.fields else ():
            for at in (start, end - 1):
                stream = read(RICH | {"edit": [raw(kind.name, at, "80")]})
                assert stream.verdict is CORRUPT, (kind.name, at)


@pytest.mark.parametrize("chunk_id, verdict", [
    ("0x78000000", COMPLETE), ("0x7fffffff", COMPLETE),
    ("0x70000000", UNSUPPORTED), ("0x77ffffff", UNSUPPORTED),
    ("0x38000000", UNSUPPORTED), ("0xf8000000", UNSUPPORTED),
    ("0x00000001", UNSUPPORTED)])
def test_unknown_chunks(chunk_id, verdict):
    stream = read({"edit": [{"do": "insert", "id": chunk_id, "length": 16,
                             "before": "PARTITION"}]})
    assert stream.verdict is verdict, stream.problem


@pytest.mark.parametrize("part, bit", [("header", 3), ("header", 70),
                                       ("header", 100), ("payload", 5)])
def test_an_optional_chunk_shall_check_too(part, bit):
    stream = read({"edit": [{"do": "insert", "id": "0x78000000",
                             "length": 16, "before": 3}],
                   "damage": [{"do": "flip", "chunk": 3, "part": part,
                               "bit": bit}]})
    assert stream.verdict is CORRUPT


@pytest.mark.parametrize("when", ["edit", "damage"])
@pytest.mark.parametrize("what", ["remove", "repeat", "swap"])
def test_chunks_missing_repeated_swapped(when, what):
    """With CRCs that are right for the new place, and with the old ones."""
    count = len(read(RICH).frames)
    for chunk in range(count - (what == "swap")):
        steps = [{"do": what, "chunk": chunk, "with": chunk + 1}]
        # Equal neighbours and memory in pieces are no fault behind CRCs.
        stream = read(RICH | {when: steps})
        if what == "remove" and chunk == count - 1:
            assert stream.verdict is INCOMPLETE
        elif what == "repeat" and chunk == count - 1:
            assert stream.verdict is COMPLETE, "behind the EPILOG"
        elif when == "edit" and swaps_pages(what, chunk):
            assert stream.verdict is COMPLETE
        else:
            assert stream.verdict is CORRUPT, (chunk, stream.problem)


def swaps_pages(what, chunk):
    """Whether a swap only exchanges the content of memory."""
    frames = read(RICH).frames
    names = {frame.name for frame in frames[chunk:chunk + 2]}
    return what == "swap" and names <= {"PAGE", "FILL"}


def test_the_reader_says_what_happened_to_the_chunks():
    stream = read(RICH | {"damage": [{"do": "remove", "chunk": "VP_GP"}]})
    assert "missing, repeated or swapped" in stream.problem.text
    stream = read(RICH | {"edit": [{"do": "seed", "chunk": "VP_GP",
                                    "stream_id": 5}]})
    assert stream.verdict is CORRUPT
    assert "another stream" in stream.problem.text


def test_lengths():
    for length, verdict in ((24, CORRUPT), (8192, CORRUPT),
                            (160, CORRUPT), (128, CORRUPT)):
        for step in ("resize", "length"):
            stream = read({"edit": [{"do": step, "chunk": "VP_GP",
                                     "length": length}]})
            assert stream.verdict is verdict
            assert stream.problem.name == "VP_GP"


def test_the_epilog_holds_the_whole():
    stream = read({"damage": [{"do": "flip", "chunk": "EPILOG",
                               "part": "header", "bit": 96}]})
    assert stream.verdict is CORRUPT
    data = bytearray(build({}))
    stream = read({"edit": [{"do": "resize", "chunk": "EPILOG",
                             "length": 16}]})
    assert stream.verdict is CORRUPT
    assert read_stream(bytes(data)).verdict is COMPLETE


def test_what_is_no_stream():
    assert read_stream(b"").verdict is INCOMPLETE
    stream = read_stream(b"\x7fELF" + bytes(9000))
    assert stream.verdict is CORRUPT
    assert "not a saved stream" in stream.problem.text
    stream = read({"edit": [{"do": "remove", "chunk": "PROLOG"}]})
    assert stream.verdict is CORRUPT


def test_the_place_is_that_of_the_field():
    stream = read({"edit": [raw("VP_TABLE", 21, "01")]})
    frame = next(f for f in read({}).frames if f.name == "VP_TABLE")
    assert stream.problem.offset == frame.offset + 16 + 21
    assert stream.problem.number == frame.number
    assert "VP_TABLE" in str(stream.problem)


def test_flipped_bits_are_never_complete():
    data = build({"memory": [{"count": 1}, {"gpn": 1, "hex": "01"}]})
    chance = random.Random(1)
    for at in range(0, len(data), 3):
        broken = bytearray(data)
        broken[at] ^= 1 << chance.randrange(8)
        stream = read_stream(bytes(broken))
        # The PROLOG's and all other CRCs see it: nothing else is possible.
        assert stream.verdict is CORRUPT, at


def scramble(chance, chunks):
    """Change one chunk behind good CRCs, or the row of them."""
    at = chance.randrange(1, len(chunks))
    chunk = chunks[at]
    what = chance.randrange(8)
    if what < 5 and chunk.payload:
        payload = bytearray(chunk.payload)
        byte = chance.randrange(min(len(payload), 160))
        payload[byte] ^= 1 << chance.randrange(8)
        chunk.payload = bytes(payload)
    elif what == 5:
        del chunks[at]
    elif what == 6:
        chunks.insert(at, replace(chance.choice(chunks)))
    else:
        units = len(chunk.payload) // 16
        chunk.payload = chunk.payload[:16 * chance.randrange(units + 1)]


def test_nothing_makes_the_tools_stumble():
    """Random faults behind right CRCs: a verdict, and it can be shown."""
    chance = random.Random(7)
    good = read(RICH)
    verdicts = set()
    for _ in range(600):
        chunks = drafts_of(good, None)
        for _ in range(chance.randint(1, 3)):
            scramble(chance, chunks)
        stream = read_stream(b"".join(seal(chunks)))
        verdicts.add(stream.verdict)
        assert list(info(stream, "it")) and list(dump(stream, True))
        if stream.verdict is COMPLETE:
            list(diff(good, stream))
            assert draw_map(stream, "it") and plan_segments(stream, None)
    assert {COMPLETE, CORRUPT, INCOMPLETE} <= verdicts


# Two sets of pages (a bit each) whose runs have one CRC-32C, and others.
SETS = [(0x19D2C3FA92, 0xCFDC05E823), (0xCFDC05E823, 0x19D2C3FA92),
        (0b0111, 0b1011), (0b0111, 0b0011), (0b0011, 0b0111), (0b1, 0b10)]


def bits(word):
    """The numbers of the bits that are set, apart from one another."""
    return [2 * i for i in range(64) if word >> i & 1]


@pytest.mark.parametrize("pages, came", SETS)
def test_memory_is_that_of_the_map(pages, came):
    extents = [(gpn, 1) for gpn in bits(pages)]
    data = memory(extents, [(gpn, 1, 7) for gpn in bits(came)])
    assert read_stream(data).verdict is Verdict.CORRUPT
    data = memory(extents, [(gpn, 1, 7) for gpn in bits(pages)])
    assert read_stream(data).verdict is Verdict.COMPLETE
