"""The guest programs: every case of every scenario on every processor."""

import pytest

import scenarios as scenarios_module
from boots import Result
from emulator import BOCHS, SVM, Processor
from machine import last_lines
from scenarios import (FEWER_ROUNDS, MODELS, OF_VERSION, QEMUS, SVM_CANNOT, SVM_LEFT_OUT,
                       command, is_excused, judge_scenario, left_out, placed,
                       processors, read_cases, scenarios)

GOOD = "TEST a: PASS\nTEST b: SKIP no PML\nDONE some\n"


ALL = scenarios()


@pytest.mark.parametrize("job, name", ALL, ids=[
    f"{plan.processor}-{plan.name}-{name}" for plan, name in ALL])
def test_scenario(outcome: Result, name, report_case):
    section, processor = outcome.section(name), outcome.plan.processor
    for case in read_cases(section, processor):
        report_case(case.name, case.verdict, case.why)
    wrong = judge_scenario(name, section, processor)
    statuses = outcome.transcript.statuses
    if statuses.get("load") != 0:
        wrong.append("Stasis did not start")
    if name not in statuses:
        wrong.append(outcome.problem + "\n" + last_lines(outcome.text, 20))
    elif statuses[name] != 0 and not is_excused(section, processor):
        wrong.append(f"it returned status {statuses[name]:#x}")
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


@pytest.mark.parametrize("name", SVM_LEFT_OUT)
def test_what_is_left_out_says_why(name):
    assert name in [one for names in placed().values() for one in names]
    for plan, one in ALL:
        assert one != name or not left_out(name, plan.processor)
    for processor in processors():
        if why := left_out(name, processor):
            pytest.skip(f"{processor}: {why}")


def test_what_takes_long_is_on_one_of_each_vendor(monkeypatch):
    monkeypatch.delenv("STASIS_MODELS", raising=False)
    assert not left_out("attack", SVM) and not left_out("attack", BOCHS)
    assert all(left_out("attack", model) for model in MODELS if model != BOCHS)
    monkeypatch.setenv("STASIS_MODELS", str(MODELS[1]))
    assert not left_out("attack", MODELS[1])


def test_one_model_has_all_rounds(monkeypatch):
    monkeypatch.delenv("STASIS_MODELS", raising=False)
    kvm = Processor("qemu", "host")
    for name, fewer in FEWER_ROUNDS.items():
        for processor in (SVM, kvm, BOCHS):
            assert fewer not in command(name, processor)
        assert command(name, MODELS[2]) == f"{name}.efi {fewer}"
    monkeypatch.setenv("STASIS_MODELS", str(MODELS[2]))
    assert command("ticks", MODELS[2]) == "ticks.efi"


def test_there_are_scenarios():
    assert ALL, "no program in tests/guest/root"


def test_good_output_passes():
    assert judge_scenario("some", GOOD, BOCHS) == []
    cases = read_cases(GOOD, BOCHS)
    assert [case.verdict for case in cases] == ["PASS", "SKIP"]
    assert cases[1].why == "no PML"


def test_what_svm_cannot_show_is_skipped_there_alone():
    name = next(one for one, why in SVM_CANNOT.items()
                if not OF_VERSION.search(why))
    failed = f"TEST {name}: FAIL x\nTEST other: FAIL y\nDONE some\n"
    passed = f"TEST {name}: PASS\n"
    verdicts = [case.verdict for case in read_cases(failed, SVM)]
    assert verdicts == ["SKIP", "FAIL"]
    assert judge_scenario("some", failed, SVM) == ["other: y"]
    assert not is_excused(failed, SVM)
    assert is_excused(f"TEST {name}: FAIL x\n", SVM)
    assert read_cases(passed, SVM)[0].verdict == "FAIL"
    verdicts = [case.verdict for case in read_cases(failed, BOCHS)]
    assert verdicts == ["FAIL", "FAIL"]
    assert not is_excused(f"TEST {name}: FAIL x\n", BOCHS)
    assert read_cases(passed, BOCHS)[0].verdict == "PASS"


@pytest.mark.parametrize("version, passes, fails", [
    ("7.2", "FAIL", "SKIP"),            # it is of this one
    ("10.0", "PASS", "FAIL"),           # it is not, and that is known
    ("9.1", "PASS", "SKIP"),            # nobody knows
])
def test_what_one_version_cannot_show_another_may(monkeypatch, version, passes,
                                                  fails):
    monkeypatch.setattr(scenarios_module, "version_of", lambda _binary: version)
    name = next(one for one, why in SVM_CANNOT.items()
                if OF_VERSION.findall(why) == ["7.2"])
    for verdict, is_then in (("PASS", passes), ("FAIL x", fails)):
        case, = read_cases(f"TEST {name}: {verdict}\n", SVM)
        assert case.verdict == is_then


def test_versions_are_those_that_are_known():
    assert set(sum(map(OF_VERSION.findall, SVM_CANNOT.values()), [])) <= set(QEMUS)


def test_each_vendor_has_its_scenarios(monkeypatch):
    monkeypatch.delenv("STASIS_MODELS", raising=False)
    monkeypatch.delenv("EMU", raising=False)
    assert {SVM, *MODELS} <= set(processors()) and SVM not in MODELS
    monkeypatch.setenv("EMU", "svm")
    assert processors() == (SVM,)
    monkeypatch.setenv("STASIS_MODELS", "EPYC-Rome,corei3_cnl")
    assert [(one.emulator, one.model) for one in processors()] == [
        ("svm", "EPYC-Rome"), ("bochs", "corei3_cnl")]


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
    assert any(said in wrong for wrong in judge_scenario("some", section, BOCHS))
