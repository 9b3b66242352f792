"""The command line of hvstate."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from .breakage import make
from .diff import diff
from .elfcore import Sizes, write_core
from .problem import ADVICE, UserError, Verdict
from .reader import load_complete, load_stream
from .show import dump, info, verdict_line
from .svg import draw_map
from .units import parse_size, size_text

EXIT_CODES = {Verdict.COMPLETE: 0, Verdict.INCOMPLETE: 3, Verdict.CORRUPT: 4,
              Verdict.UNSUPPORTED: 5, Verdict.INCOMPATIBLE: 6}
EXIT_DIFFERENT = 1
EXIT_TROUBLE = 2
CORE_SPARE = 64 << 20                   # a core may be so much larger

EPILOG = """\
exit status: verify, info and dump give 0 for a complete stream, 3 incomplete,
4 corrupt, 5 unsupported version, 6 a processor that the format does not know
(of several files the first that is not complete counts); diff gives 1 when
the streams differ; 2 is an error. The format is in docs/stream.md.
"""
CORE_HELP = """\
The core has a thread for each VP; gdb's thread 1 is the first VP. Addresses
are GUEST-PHYSICAL ones: where the child maps its memory identically, as most
small ones do, they are also those that its code uses. What the page tables of
VP 0 map at other linear addresses (those where no memory is guest-physically)
is there too. With --linear N only linear addresses are there, all that VP N
maps. A VP in real mode runs at CS base + RIP.

Zero pages are holes of OUT and take no room. A page of another repeated word
is 8 bytes of the stream, and 4096 of OUT: a core for which more is written than
the size of FILE and 64 MiB is refused, with the size that --limit has to give.

  gdb -batch -ex 'info registers' -ex 'x/4i $rip' --core OUT
"""
MAKE_HELP = """\
DESCRIPTION is JSON; {} is a good stream of one VP after reset with 16 zero
pages. Numbers may be texts as "0x1000". Members, all optional:

  stream_id, summary (true), and by chunk its fields under their names in
  docs/stream.md: prolog, compat, vp_indices, os_id, partition
  memory: [{gpn, count, rights "rwx"; content: word, or hex, file, or
    words {"byte offset": 64-bit word}; what is left of count is zero}]
  vps: [{index, mode "reset", "protected", "v86", "pae" or "long",
    vp_gp {"rip": ..}, vp_fp, vp_control, vp_debug, vp_segment {"cs.base": ..},
    vp_table {"idtr.base": ..}, vp_xsave_control, vp_msrs {"TSC": ..},
    vp_xsave {xstate_bv, components}, vp_events, vp_apic,
    vp_synic {"sint": {"2": ..}, "timer0.config": ..}, vp_sim and vp_sief
    {page: hex, or words as above}, vp_queue [{type, sint, payload, ..}],
    vp_message}]; what VP_SYNIC and VP_EVENTS announce is put in
  from: a stream to begin with, instead of all of these but stream_id

  edit: steps before numbers and CRCs are given, damage: steps after that.
  Each step is {"do": ..., "chunk": WHICH, ...}; WHICH is NAME, NAME#n
  (n-th from 0), or a number:
    both    remove, repeat, swap (with)
    edit    set (field, value), bytes (offset, hex), resize (length),
            length (length: in the header only), id (id),
            insert (id or NAME, hex, length, before WHICH),
            seed (number, stream_id: CRCs as of another place or stream)
    damage  flip (part "payload" or "header", bit), append (hex),
            truncate (before WHICH, or length)
"""


def cmd_info(args: argparse.Namespace) -> int:
    """Summaries."""
    worst = 0
    for path in args.files:
        stream = load_stream(path)
        print("\n".join(info(stream, str(path))))
        worst = worst or EXIT_CODES[stream.verdict]
    return worst


def cmd_dump(args: argparse.Namespace) -> int:
    """Everything."""
    worst = 0
    for path in args.files:
        if len(args.files) > 1:
            print(f"== {path}")
        stream = load_stream(path)
        for line in dump(stream, args.pages):
            print(line)
        worst = worst or EXIT_CODES[stream.verdict]
    return worst


def cmd_verify(args: argparse.Namespace) -> int:
    """Verdicts."""
    worst = 0
    for path in args.files:
        stream = load_stream(path)
        if stream.problem:
            print(f"{path}: {stream.problem}")
            print(f"  {ADVICE[stream.verdict]}")
        else:
            print(f"{path}: {verdict_line(stream)}")
        worst = worst or EXIT_CODES[stream.verdict]
    return worst


def cmd_diff(args: argparse.Namespace) -> int:
    """Differences."""
    same = True
    for line in diff(load_complete(args.one), load_complete(args.two)):
        print(line)
        same = False
    return 0 if same else EXIT_DIFFERENT


def cmd_map(args: argparse.Namespace) -> int:
    """The picture."""
    stream = load_complete(args.file)
    picture = draw_map(stream, args.file.name)
    if args.output:
        args.output.write_text(picture, encoding="utf-8")
    else:
        sys.stdout.write(picture)
    return 0


def cmd_core(args: argparse.Namespace) -> int:
    """The core."""
    stream = load_complete(args.file)
    sizes = Sizes.of(stream.memory)
    limit = args.limit
    if limit is None:
        limit = len(stream.data) + CORE_SPARE
    said = (f"{args.out}: memory of {size_text(sizes.declared)}, of which "
            f"{size_text(sizes.written)} are written")
    if sizes.written > limit:
        raise UserError(f"{said}: more than {size_text(limit)}\n  with "
                        f"--limit {sizes.written} it is written all the same")
    print(f"hvstate: {said}", file=sys.stderr, flush=True)
    for remark in write_core(stream, args.out, args.linear):
        print(f"hvstate: {remark}", file=sys.stderr)
    return 0


def cmd_make(args: argparse.Namespace) -> int:
    """A stream from a description."""
    try:
        description = json.loads(args.description.read_text("utf-8"))
    except ValueError as error:
        raise UserError(f"{args.description}: {error}") from error
    if not isinstance(description, dict):
        raise UserError(f"{args.description}: shall be a JSON object")
    args.out.write_bytes(make(description, args.description.parent))
    return 0


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """The commands."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="hvstate", formatter_class=raw, epilog=EPILOG,
        description="Looks into saved streams of Stasis, and makes them.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int],
                text: str, more: str = "") -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, formatter_class=raw,
                                   description=f"hvstate {name}: {text}.",
                                   epilog=more)
        made.set_defaults(run=run)
        return made

    for name, run, text in (
            ("info", cmd_info, "a summary of each stream"),
            ("dump", cmd_dump, "all that is in the streams"),
            ("verify", cmd_verify, "the verdict on each stream")):
        made = command(name, run, text)
        made.add_argument("files", nargs="+", type=Path, metavar="FILE")
        if name == "dump":
            made.add_argument("--pages", action="store_true",
                              help="the bytes of memory too")
    made = command("diff", cmd_diff, "what differs between two streams")
    made.add_argument("one", type=Path, metavar="FILE")
    made.add_argument("two", type=Path, metavar="FILE")
    made = command("map", cmd_map, "a picture of the memory, as SVG")
    made.add_argument("file", type=Path, metavar="FILE")
    made.add_argument("-o", "--output", type=Path, metavar="SVG",
                      help="where to write it (default: standard output)")
    made = command("core", cmd_core, "a core file for gdb", CORE_HELP)
    made.add_argument("file", type=Path, metavar="FILE")
    made.add_argument("out", type=Path, metavar="OUT")
    made.add_argument("--linear", type=int, metavar="N",
                      help="addresses as VP N's page tables have them")
    made.add_argument("--limit", type=parse_size, metavar="SIZE",
                      help="write up to so many bytes of memory (or 64M, 2G)")
    made = command("make", cmd_make, "a stream from a description",
                   MAKE_HELP)
    made.add_argument("description", type=Path, metavar="DESCRIPTION")
    made.add_argument("out", type=Path, metavar="OUT")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run a command; the exit status."""
    args = parse_args(argv)
    try:
        status: int = args.run(args)
        sys.stdout.flush()
        return status
    except UserError as error:
        print(f"hvstate: {error}", file=sys.stderr)
    except BrokenPipeError:             # the reader of a pipe has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"hvstate: {where}{error.strerror}", file=sys.stderr)
    return EXIT_TROUBLE
