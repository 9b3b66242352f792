"""No VM entry fails, in any boot: the log of each is looked through.

A state that the processor would not take is to be found before it is entered;
the hypervisor writes a line into its log when one was not (hv/vp/vp_rules.h).
Every scenario prints these lines at its end.  `wild` judges its own: real mode at
random has states that only Bochs refuses (docs/testing.md).
"""

from __future__ import annotations

import re

import pytest

from boots import Plan, Result, Transcript
from scenarios import scenarios

BOOTS = list({plan.key: plan for plan, _name in scenarios()}.values())
JUDGED = {"wild"}
FAILED = re.compile(r"^LOG (.*entry failed.*?)\s*$", re.M)


def failed_entries(result: Result) -> list[str]:
    """The lines of all scenarios of a boot, each with its scenario."""
    return [f"{scenario}: {line}"
            for scenario, section in result.transcript.sections.items()
            if scenario not in JUDGED
            for line in FAILED.findall(section)]


@pytest.mark.parametrize("job", BOOTS, ids=lambda plan: "-".join(plan.key))
def test_no_entry_fails(outcome: Result):
    if "LOG hypercall" not in outcome.text:
        pytest.fail(outcome.problem or "the log told of nothing",
                    pytrace=False)
    if failed := failed_entries(outcome):
        pytest.fail("\n".join(failed), pytrace=False)


def test_failed_entries_are_found():
    transcript = Transcript(sections={
        "one": "LOG hypercall 5e: at most 100 ticks\r\nDONE one\n",
        "two": "LOG partition 2 VP 0: entry failed (80000021)\r\n"
               "LOG partition 2 VP 0: not entered: TR is present\n"})
    result = Result(Plan("some", ()), None, None, transcript=transcript)
    assert failed_entries(result) == [
        "two: partition 2 VP 0: entry failed (80000021)"]
