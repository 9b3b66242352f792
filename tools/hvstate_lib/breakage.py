"""What hvstate make can break on purpose: the steps of edit and damage.

A chunk is named NAME (the first of that name), NAME#n (the n-th, from 0),
or by its number in the stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .chunks import BY_ID, BY_NAME
from .frame import HEADER
from .problem import UserError
from .units import parse_number
from .writer import Draft, build, check_names, seal, set_field

Step = Mapping[str, Any]
Chunks = list[Any]                      # drafts, or bytes of sealed chunks


def chunk_id(chunk: Draft | bytes) -> int:
    """The id of a draft or of a sealed chunk."""
    if isinstance(chunk, Draft):
        return chunk.id
    return int.from_bytes(chunk[:4], "little")


def find(chunks: Chunks, where: Any) -> int:
    """The position of a chunk that a step names."""
    if isinstance(where, int):
        if not 0 <= where < len(chunks):
            raise UserError(f"there is no chunk {where}")
        return where
    name, _, nth = str(where).partition("#")
    if name not in BY_NAME:
        raise UserError(f"the chunk {name!r} is not known; there is "
                        + " ".join(BY_NAME))
    found = [i for i, chunk in enumerate(chunks)
             if chunk_id(chunk) == BY_NAME[name].id]
    if int(nth or 0) >= len(found):
        raise UserError(f"there is no {where}: the stream has {len(found)} "
                        f"of {name}")
    return found[int(nth or 0)]


# --- both before and after the CRCs


def do_remove(chunks: Chunks, step: Step) -> None:
    """Leave a chunk out."""
    del chunks[find(chunks, step["chunk"])]


def do_repeat(chunks: Chunks, step: Step) -> None:
    """Have a chunk twice."""
    at = find(chunks, step["chunk"])
    chunk = chunks[at]
    chunks.insert(at + 1, Draft(**vars(chunk))
                  if isinstance(chunk, Draft) else chunk)


def do_swap(chunks: Chunks, step: Step) -> None:
    """Exchange two chunks."""
    one, two = find(chunks, step["chunk"]), find(chunks, step["with"])
    chunks[one], chunks[two] = chunks[two], chunks[one]


# --- before the CRCs


def edit_set(chunks: Chunks, step: Step) -> None:
    """Give a field another value."""
    chunk = chunks[find(chunks, step["chunk"])]
    kind = BY_ID.get(chunk.id)
    if not kind:
        raise UserError("set: a chunk of an unknown id has no fields; "
                        "use bytes")
    set_field(chunk, kind.name, step["field"], step["value"])


def edit_bytes(chunks: Chunks, step: Step) -> None:
    """Put bytes into a payload."""
    chunk = chunks[find(chunks, step["chunk"])]
    at, raw = parse_number(step.get("offset", 0)), bytes.fromhex(step["hex"])
    if at + len(raw) > len(chunk.payload):
        raise UserError(f"bytes: {step['chunk']} has only "
                        f"{len(chunk.payload)} bytes; resize it before")
    chunk.payload = (chunk.payload[:at] + raw
                     + chunk.payload[at + len(raw):])


def edit_resize(chunks: Chunks, step: Step) -> None:
    """Cut a payload, or fill it up with zeros."""
    chunk = chunks[find(chunks, step["chunk"])]
    length = parse_number(step["length"])
    chunk.payload = chunk.payload[:length].ljust(length, b"\0")


def edit_length(chunks: Chunks, step: Step) -> None:
    """Put another length into the header, without changing the payload."""
    chunks[find(chunks, step["chunk"])].length = parse_number(step["length"])


def edit_id(chunks: Chunks, step: Step) -> None:
    """Give a chunk another id."""
    chunks[find(chunks, step["chunk"])].id = parse_number(step["id"])


def edit_insert(chunks: Chunks, step: Step) -> None:
    """Put a new chunk before another."""
    kind = BY_NAME.get(str(step["id"]))
    new_id = kind.id if kind else parse_number(step["id"])
    payload = bytes.fromhex(step.get("hex", ""))
    length = parse_number(step.get("length", len(payload)))
    chunks.insert(find(chunks, step["before"]),
                  Draft(new_id or 0, payload.ljust(length, b"\0")))


def edit_seed(chunks: Chunks, step: Step) -> None:
    """Compute the CRCs of a chunk with another number or stream id."""
    chunk = chunks[find(chunks, step["chunk"])]
    if "number" in step:
        chunk.number = parse_number(step["number"])
    if "stream_id" in step:
        chunk.stream_id = parse_number(step["stream_id"])


# --- after the CRCs


def damage_flip(chunks: Chunks, step: Step) -> None:
    """Flip one bit of a header or payload; bits count from the first byte."""
    at = find(chunks, step["chunk"])
    bit = parse_number(step.get("bit", 0))
    bit += 8 * (0 if step.get("part", "payload") == "header"
                else HEADER.size)
    chunk = bytearray(chunks[at])
    if bit // 8 >= len(chunk):
        raise UserError(f"flip: {step['chunk']} has only {len(chunk)} bytes "
                        "with its header")
    chunk[bit // 8] ^= 1 << bit % 8
    chunks[at] = bytes(chunk)


def damage_truncate(chunks: Chunks, step: Step) -> None:
    """Stop before a chunk, or after so many bytes."""
    if "before" in step:
        del chunks[find(chunks, step["before"]):]
    else:
        chunks[:] = [b"".join(chunks)[:parse_number(step["length"])]]


def damage_append(chunks: Chunks, step: Step) -> None:
    """Put bytes behind the stream."""
    chunks.append(bytes.fromhex(step["hex"]))


Action = Callable[[Chunks, Step], None]
BOTH: dict[str, Action] = {
    "remove": do_remove, "repeat": do_repeat, "swap": do_swap}
EDITS: dict[str, Action] = BOTH | {
    "set": edit_set, "bytes": edit_bytes, "resize": edit_resize,
    "length": edit_length, "id": edit_id, "insert": edit_insert,
    "seed": edit_seed}
DAMAGES: dict[str, Action] = BOTH | {
    "flip": damage_flip, "truncate": damage_truncate,
    "append": damage_append}


def apply_steps(what: str, actions: Mapping[str, Action],
                steps: list[Step], chunks: Chunks) -> None:
    """Do all steps; UserError says which one cannot be done."""
    for number, step in enumerate(steps):
        place = f"{what} step {number}"
        check_names(place, {step.get("do", ""): 0}, set(actions))
        try:
            actions[step["do"]](chunks, step)
        except KeyError as error:
            raise UserError(f"{place}: {error} is missing") from error
        except (ValueError, TypeError) as error:
            raise UserError(f"{place}: {error}") from error
        except UserError as error:
            raise UserError(f"{place}: {error}") from error


def make(description: Step, folder: Path) -> bytes:
    """The bytes of the stream that a description tells of."""
    try:
        drafts = build(description, folder)
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"the description: {error}") from error
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}") from error
    apply_steps("edit", EDITS, description.get("edit", []), drafts)
    sealed = seal(drafts)
    apply_steps("damage", DAMAGES, description.get("damage", []), sealed)
    return b"".join(sealed)
