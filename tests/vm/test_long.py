"""The long runs: what is read out of a boot, and what is said of all."""

from boots import Plan, Result, Transcript
from emulator import BOCHS, SVM
from long import ALL, Outcome, outcome, summary

SAID = """\
WILD seed 3 exits 5120 lives 60
WILD share least 412 of 1000 in 20 windows
TEST some: PASS
DONE wild
"""


def result(said: str, status: int | None = 0) -> Result:
    statuses = {} if status is None else {"wild": status}
    return Result(Plan("wild", ()), None, None, problem="it hangs",
                  transcript=Transcript({"wild": said}, statuses))


def test_a_good_boot_is_read():
    assert outcome(ALL["wild"], result(SAID)) == Outcome([], 5120, 412)


def test_what_is_wrong_is_told():
    failed = SAID.replace("some: PASS", "some: FAIL got 5")
    assert outcome(ALL["wild"], result(failed)).wrong == ["some: got 5"]
    assert "it hangs" in outcome(ALL["wild"], result(SAID, None)).wrong[0]


def test_all_boots_are_summed_up():
    good, bad = Outcome([], 5000, 400), Outcome(["it hangs"], 20, 390)
    assert summary([good, bad], 61.5) == (
        "1 of 2 boots passed in 62 s; 5020 exits, the root's least share 0.390")
    assert summary([Outcome([], 0, None)], 1) == "1 of 1 boots passed in 1 s"


def test_each_has_its_arguments():
    for name, what in ALL.items():
        step = what.plan(BOCHS, 70, 7).steps[1]
        assert step.name == name and step.command.startswith(f"{name}.efi ")
        assert step.command.endswith("=70 seed=7")


def test_two_processors(monkeypatch):
    monkeypatch.setenv("STASIS_CPUS", "2")
    plan = ALL["attack"].plan(SVM, 70, 7)
    assert plan.cpus == 2 and plan.hosts_clock
    monkeypatch.delenv("STASIS_CPUS")
    assert ALL["attack"].plan(SVM, 70, 7).cpus == 1


def test_what_an_emulator_cannot_do_is_left_out():
    said = ALL["wild"].plan(SVM, 70, 7).steps[1].command.split()
    assert "breaks=0" in said and "share=0" in said
    assert [word for word in said if word.startswith("exits=")] == ["exits=70"]
