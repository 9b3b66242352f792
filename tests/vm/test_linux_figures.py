"""What a Linux in a child costs: docs/linux.md has the figures."""

from __future__ import annotations

import pytest

from linux_figures import BARE, READS, Figures, FiguresJob
from scenarios import wanted

JOBS = wanted(FiguresJob())
OFTEN = 50                              # reads of the clock for an exit, whatever for
SHARE = 0.9


@pytest.mark.long
@pytest.mark.parametrize("job", JOBS, ids=["figures"])
class TestFigures:
    """A child of its own image, beside the bare machine."""

    def test_a_clock_read_is_no_exit(self, job: FiguresJob, outcome: Figures):
        assert 0 < sum(outcome.exits(0).values()) < READS / OFTEN

    def test_the_child_has_the_processor(self, job: FiguresJob, outcome: Figures,
                                         request: pytest.FixtureRequest):
        request.session.jobs.start(BARE)
        bare = Figures(request.session.jobs.result(BARE).text)
        assert SHARE < bare.ns["spin"] / outcome.ns["spin"] < 1


def test_figures_are_read():
    found = Figures(
        "LINUX exits 60=5 e0=2 1e0=7\r\nLINUX rate clock=1000 ns=2000 good=1\r\n"
        "LINUX exits 60=9 e0=3 1e0=9\r\nLINUX rate spin=10 ns=20 good=0\r\n"
        "LINUX exits 60=9 e0=3 1e0=9 fc=1\r\n")
    assert found.ns == {"clock": 2000}
    assert found.exits(0) == {0x60: 3} and found.exits(1) == {0x7C: 1}
