"""The judgement of the demonstration, and the demonstration itself."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import demo
from boots import Plan, Result, Transcript
from disk import Disk
from pi import pi_digits

PI = pi_digits()


def transcript(sections: dict[str, str]) -> Transcript:
    """What a boot with these outputs would have left."""
    text = Transcript()
    text.feed("Shell> echo -off\n")
    for name, output in sections.items():
        text.feed(f"=== step {name}\n{output}\n=== status 0x0\n")
    text.feed("=== step end\n")
    return text


def made_up(run: str, **sections: str) -> Result:
    """A boot's result without a boot."""
    result = Result(Plan("boot", ()), Disk(Path("none")), Path("none"))
    result.transcript = transcript({"run": run} | sections)
    return result


def grouped(digits: str, width: int = 50) -> str:
    """Digits in lines, as a guest may print them."""
    return "\n".join(digits[at:at + width]
                     for at in range(0, len(digits), width))


def test_right_boots_pass():
    first = made_up("3." + grouped(PI[1:421]) + "\nhvctl: stopped after 400")
    assert demo.judge_digits(first, made_up(grouped(PI[421:]))) == (421, 579)


@pytest.mark.parametrize("first, second, said", [
    (PI[:400], PI[401:], "1 digits are missing where"),
    (PI[:400], PI[399:], "1 digits came twice"),
    (PI[:400], PI, "400 digits came twice"),
    (PI[:399] + "x", PI[400:], "digits are missing"),
    (PI[:400], PI[400:-1] + "0", "digit 1000"),
    (PI, "", "not interrupted"),
    ("", PI, "no digits"),
    (PI[:400], "!\n", "register damaged"),
    (PI[:400] + "!\n", PI[400:], "register damaged"),
])
def test_wrong_boots_fail(first, second, said):
    with pytest.raises(demo.DemoError, match=said):
        demo.judge_digits(made_up(first), made_up(second))


def test_a_boot_with_a_problem_fails():
    result = made_up("3.14")
    result.problem = "the console was silent for 45 s"
    with pytest.raises(demo.DemoError, match="silent for 45 s"):
        demo.judge_boot(result)


def test_transfer_report_is_required():
    good = made_up("", save="saved: 123456 bytes in 31 pieces, 20 ms")
    assert demo.judge_transfer(good, "save") == (123456, 31, 20)
    with pytest.raises(demo.DemoError, match="did not report"):
        demo.judge_transfer(made_up("", save="error 0x13"), "save")


def test_transcript_shows_digits_at_once_and_markers_never():
    text = Transcript()
    pieces = "Shell> x\n=== step run\n3.1", "41\n=", "== status 0x0\n"
    assert [text.feed(piece) for piece in pieces] == ["3.1", "41\n", ""]
    assert text.sections == {"run": "3.141\n"}
    assert text.statuses == {"run": 0}


def test_transcript_does_not_lose_a_line_of_equal_signs():
    text = Transcript()
    shown = "".join(text.feed(char) for char in "=== step a\n=\n===b\n")
    assert shown == "=\n===b\n"
    assert text.sections["a"] == "=\n===b\n"


def test_failed_command_stops_the_boot():
    text = Transcript()
    text.feed("=== step restore\nrefused\n=== status 0x15\n")
    with pytest.raises(demo.MachineError, match="hvctl restore.*0x15"):
        demo.Screen(demo.SECOND).watch(None, text, "")


@dataclass(frozen=True)
class DemoJob:
    """The whole demonstration as its users start it."""

    args: tuple[str, ...] = ()
    emulator: str = ""                  # else as the caller's environment says

    @property
    def key(self) -> tuple[str, ...]:
        return ("demo", *self.args, self.emulator)

    def run(self, work: Path) -> subprocess.CompletedProcess[str]:
        work.mkdir(parents=True)
        return subprocess.run(
            [sys.executable, demo.__file__, *self.args], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=dict(os.environ, TMPDIR=str(work), KEEP="1")
            | ({"EMU": self.emulator} if self.emulator else {}))


@pytest.mark.parametrize("job", [DemoJob(), DemoJob(emulator="svm")],
                         ids=["plain", "svm"])
def test_demonstration(outcome):
    assert outcome.returncode == 0, outcome.stdout
    assert "all right, none missing, none twice" in outcome.stdout


@pytest.mark.parametrize("job", [DemoJob(("--damage",))], ids=["damaged"])
def test_demonstration_with_a_damaged_file(outcome):
    assert outcome.returncode == 1, outcome.stdout
    assert "FAILED: boot2, at restore: " in outcome.stdout
