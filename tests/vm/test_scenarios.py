"""The guest programs: every case of every scenario on every processor."""

import pytest

from boots import Result
from machine import last_lines
from scenarios import SVM_CANNOT, judge_scenario, read_cases, scenarios

GOOD = "TEST a: PASS\nTEST b: SKIP no PML\nDONE some\n"


ALL = scenarios()


@pytest.mark.parametrize("job, name", ALL, ids=[
    f"{plan.model}-{plan.name}-{name}" for plan, name in ALL])
def test_scenario(outcome: Result, name, report_case):
    section = outcome.section(name)
    for case in read_cases(section):
        report_case(case.name, case.verdict, case.why)
    wrong = judge_scenario(name, section)
    statuses = outcome.transcript.statuses
    if statuses.get("load") != 0:
        wrong.append("Stasis did not start")
    if name not in statuses:
        wrong.append(outcome.problem + "\n" + last_lines(outcome.text, 20))
    elif statuses[name] != 0:
        wrong.append(f"it returned status {statuses[name]:#x}")
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def test_there_are_scenarios():
    assert ALL, "no program in tests/guest/root"


def test_good_output_passes():
    assert judge_scenario("some", GOOD) == []
    assert [case.verdict for case in read_cases(GOOD)] == ["PASS", "SKIP"]
    assert read_cases(GOOD)[1].why == "no PML"


def test_what_svm_cannot_show_is_skipped_there_alone(monkeypatch):
    name = next(iter(SVM_CANNOT))
    failed = f"TEST {name}: FAIL x\nTEST other: FAIL y\nDONE some\n"
    monkeypatch.setenv("EMU", "svm")
    assert [case.verdict for case in read_cases(failed)] == ["SKIP", "FAIL"]
    assert judge_scenario("some", failed) == ["other: y"]
    assert read_cases(f"TEST {name}: PASS\n")[0].verdict == "PASS"
    monkeypatch.setenv("EMU", "bochs")
    assert [case.verdict for case in read_cases(failed)] == ["FAIL", "FAIL"]


@pytest.mark.parametrize("section, said", [
    ("", "no TEST line"),
    ("DONE some\n", "no TEST line"),
    ("TEST a: PASS\n", "no DONE line"),
    ("TEST a: PASS\nDONE other\n", "no DONE line"),
    ("TEST a: FAIL got 5\nDONE some\n", "a: got 5"),
    ("TEST a: FAIL\nDONE some\n", "a: FAIL"),
    ("TEST a: PASSED\nDONE some\n", "no verdict"),
    ("TEST a: PASS\nTEST b:\nDONE some\n", "1 TEST lines have no verdict"),
    ("TEST a: PASS\nTEST a: PASS\nDONE some\n", "more than one verdict"),
])
def test_bad_output_fails(section, said):
    assert any(said in wrong for wrong in judge_scenario("some", section))
