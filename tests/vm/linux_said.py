"""What a Linux with our tests has said on its console, and whether it is right.

tests/linux says what the lines are. The kernel's own are held against what it has kept
of them, and those of check against their numbers: so the console of two lives of one
machine, joined, shows whether a character was lost between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass, field

KERNEL = re.compile(r"\[ *\d+\.\d{6}\] ")
READY = re.compile(r"INIT ready (\d+) (\d+)")
NUMBERED = re.compile(r"(\d{4,}) (.*)")
PROMPT = "stasis# "
LOGIN = "stasis login: "
REST_OF_CPUS = re.compile(r"4 ( *#\d+)+")
TESTS = 21                              # kinds, at least
FNV_BASIS, FNV_PRIME = 0x811C9DC5, 0x01000193


@dataclass
class Said:
    """The console's text, taken apart."""

    kernel: list[str] = field(default_factory=list)     # before user space
    least: int = 0                      # of the kernel's lines must be there
    most: int = 0
    check: list[str] = field(default_factory=list)      # without their numbers
    strange: list[str] = field(default_factory=list)    # numbers that do not follow
    text: str = ""

    def words(self, head: str) -> list[str]:
        """What is behind a word that lines of check begin with."""
        return [line[len(head) + 1:] for line in self.check
                if line.startswith(head + " ")]

    @property
    def complaints(self) -> set[str]:
        """Warnings of the kernel's; numbers in them differ from boot to boot.

        With several processors the rest of a line may be among them: of "CPUs: #1 #2",
        where another processor's line came between, and it has lost its level.
        """
        return {re.sub(r"0x[0-9a-f]+|\d+", "#", line)
                for line in self.words("COMPLAINT")
                if not REST_OF_CPUS.fullmatch(line)}

    @property
    def verdicts(self) -> dict[str, str]:
        """Of each test its checksum."""
        rows = (line.split() for line in self.words("STRESS"))
        return {row[0]: row[1] for row in rows if row[0] != "end:"}


def parse(text: str) -> Said:
    """Take a console's text apart; line ends may be those of a terminal."""
    said = Said(text=text)
    ready = False
    for line in text.replace("\r", "").split("\n"):
        if found := READY.fullmatch(line):
            said.least, said.most, ready = int(found[1]), int(found[2]), True
        elif not ready and KERNEL.match(line):
            said.kernel.append(line)
        elif ready and (found := NUMBERED.fullmatch(line)):
            said.check.append(found[2])
            if int(found[1]) != len(said.check):
                said.strange.append(line)
    return said


def problems(said: Said, bare: Set[str], vps: int = 1) -> list[str]:
    """All that is wrong; bare: complaints that are no fault of the hypervisor's."""
    return [*console_problems(said), *check_problems(said, vps),
            *(f"the kernel complains: {line}"
              for line in sorted(said.complaints - bare))]


def check_problems(said: Said, vps: int) -> Iterator[str]:
    """Of what the tests found."""
    for line in said.words("STRESS"):
        if "WRONG" in line:
            yield f"a checksum is wrong: {line}"
    if said.words("CHECK") != ["end 0"]:
        yield "the tests did not come to a good end"
    if len(said.verdicts) < TESTS:
        yield f"only {len(said.verdicts)} tests were made"
    if said.words("VPS") != [str(vps)]:
        yield f"it has {said.words('VPS')} processors instead of {vps}"


def console_problems(said: Said) -> Iterator[str]:
    """Of characters lost, doubled or changed."""
    for line in said.strange:
        yield f"a line of check is missing or came twice before: {line}"
    if not said.most:
        yield "user space was not reached"
        return
    shown = [line_hash(line) for line in said.kernel]
    kept = " ".join(said.words("LINES")).split()
    if not said.least <= len(shown) <= said.most:
        yield (f"{len(shown)} lines of the kernel's came, {said.least} to "
               f"{said.most} were written")
    for i, (one, other) in enumerate(zip(shown, kept, strict=False)):
        if one != other:
            yield f"line {i + 1} of the kernel's is another: {said.kernel[i]}"
            return


def line_hash(line: str) -> str:
    """As tests/linux/stress/lines.c has it."""
    value = FNV_BASIS
    for byte in line.encode("latin-1"):
        value = (value ^ byte) * FNV_PRIME & 0xFFFFFFFF
    return f"{value:08x}"
