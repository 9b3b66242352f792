"""Variables of the hypervisor that all processors share: each is known, with its reason.

What a processor has for itself is in its structure, which arch_this_cpu finds (struct
cpu; arch has struct processor around it). Anything else that can be written is listed
here, as CONSTANT, when nobody writes it behind start-up, or with what keeps two
processors apart. The sources are compiled, so that it is the compiler that says which
variables there are. Run from the project's root; it prints what is not in the list,
and what the list has too much.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOTS = ("hv", "arch")
FLAGS = ("-std=gnu11", "-O0", "-ffreestanding", "-fno-pie", "-mcrc32", "-w", "-I.",
         "-Iinclude")

CONSTANT = "constant after start-up"
REPORT = "of the one report: the first processor that fails writes it, all others stop"
# File, function's or file's variable: why it may be shared.
SHARED = {
    # hv/base
    "cpus.cpus": "the lock of the machine: one more at a launch",
    "log.logged": "the lock of the machine: what is beside it does not log",
    # hv/memory
    "frame.frames": CONSTANT + "; what it points to: the lock of the machine",
    # hv/vp
    "partition.partitions": "the lock of the machine",
    # hv/run
    "vp_reg_table.by_msr": CONSTANT,
    # hv/stream
    "beside.count": "the lock of the machine",
    "beside.wanted": "the lock of the machine",
    "stream.count": "the lock of the machine: a process begins under it",
    # hv/call
    "cost.costs": "the lock of the machine",
    # arch
    "barriers.used": CONSTANT,
    "bitmaps.apicv_map": CONSTANT,
    "bitmaps.child_map": CONSTANT,
    "console.sinks": REPORT,
    "facts.facts": CONSTANT,
    "features.findings": CONSTANT,
    "features.found": CONSTANT,
    "features.must_be_1": CONSTANT,
    "machine.machine_lock": "the lock itself",
    "machine.machine_stopped": "one store, never taken back",
    "maps.child_map": CONSTANT,
    "maps.io_map": CONSTANT,
    "mtrr.mtrrs": CONSTANT,
    "paging.top": CONSTANT,
    "record.record": CONSTANT + "; what it points to: " + REPORT,
    "report.again": REPORT,
    "report.reporter": "one compare-and-exchange: the first one to come",
    "report.reporting": REPORT,
    "report.states": REPORT,
    "reset.by": CONSTANT,
    "reset.next": REPORT,
    "reset.seconds": CONSTANT,
    "reset.tsc_hz": CONSTANT,
    "root_apic.has_others": CONSTANT,
    "start.other_processors": CONSTANT,
    "run.changes": "one atomic addition; each processor looks before an entry",
    "screen.screen": REPORT,
    "serial.uart": CONSTANT,
    "start.boot_processor": "the structure itself, of the processor that boot runs on",
    "start.handoff": CONSTANT,
    "symbols.elf": CONSTANT,
    "symbols.elf_size": CONSTANT,
    "symbols.image_base": CONSTANT,
    "tables.idt": CONSTANT,
    "xstate.has_disabling": CONSTANT,
    "xstate.tells_in_use": CONSTANT,
}

SYMBOL = re.compile(r"^[0-9a-f]+ [bBdDC] (\w+)", re.M)
# What assembly has is in no section but those of code and constants.
SECTION = re.compile(r"^\s*section\s+(\.(?:data|bss)\S*)", re.M)


def variables(path: Path, folder: str) -> list[str]:
    """Names of what can be written, or what the compiler says instead."""
    built = os.path.join(folder, str(path).replace("/", "_") + ".o")
    done = subprocess.run([os.environ.get("CC", "gcc"), *FLAGS, "-c", str(path), "-o",
                           built], capture_output=True, text=True, check=False)
    if done.returncode:
        return [f"cannot be compiled: {done.stderr.strip()}"]
    listing = subprocess.run(["nm", built], capture_output=True, text=True, check=True)
    # A static of a function gets a number behind its name.
    return SYMBOL.findall(listing.stdout)


def main() -> int:
    files = sorted(path for root in ROOTS for path in Path(root).rglob("*.c"))
    wrong = []
    known = set()
    with tempfile.TemporaryDirectory() as folder, \
            ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda path: variables(path, folder), files)
        for path, names in zip(files, found):
            for name in names:
                known.add(f"{path.stem}.{name}")
                if f"{path.stem}.{name}" not in SHARED:
                    wrong.append(f"{path}: {name}: shared by all processors, and not "
                                 "in the list of tools/check/state.py")
    for path in sorted(Path("arch").rglob("*.asm")):
        wrong += [f"{path}: {name}: shared by all processors"
                  for name in SECTION.findall(path.read_text(encoding="utf-8"))]
    wrong += [f"tools/check/state.py: {name}: there is no such variable"
              for name in SHARED if name not in known]
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
