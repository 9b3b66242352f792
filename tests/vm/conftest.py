"""Runs the boots that the chosen tests need, two at a time, once each.

A test that needs a boot is parametrized with a `job` (an object with a key
and run(work)) and takes the fixture `outcome`.  All jobs are known once the
tests are collected and start then, so that both processors are kept busy.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from machine import TIMES, at_once
from scenarios import EVERYTHING

USUAL = 30                              # seconds of a job that does not say how many
LONG = "long"                           # the mark of a test that make test leaves out


class Jobs:
    """The boots of this session, each started once."""

    def __init__(self) -> None:
        self.work = Path(tempfile.mkdtemp(prefix="stasis-vm-"))
        self._pool = ThreadPoolExecutor(at_once())
        self._futures: dict[tuple[str, ...], Future[Any]] = {}

    def start(self, job: Any) -> None:
        """Queue a job unless it is there already."""
        if job.key not in self._futures:
            work = self.work / "-".join(job.key)
            self._futures[job.key] = self._pool.submit(job.run, work)

    def result(self, job: Any) -> Any:
        """What came of it; raises what it raised."""
        return self._futures[job.key].result()

    def close(self, keep: bool) -> None:
        """Start no more, wait for those that run, remove the files."""
        self._pool.shutdown(cancel_futures=True)
        if keep:
            print(f"\nlogs and disks: {self.work}")
        else:
            shutil.rmtree(self.work, ignore_errors=True)


def show_times() -> None:
    """What each boot took, the longest first."""
    print("\nseconds of the host's processor, on the wall, and whose")
    for name, processor, wall, worked in sorted(
            TIMES, key=lambda one: -one[3]):
        print(f"{worked:8.1f} {wall:8.1f}  {processor:24} {name}")
    print(f"{sum(one[3] for one in TIMES):8.1f}  in all, {at_once()} at a time")


def job_of(item: pytest.Item) -> Any:
    """The job that a test is parametrized with and will run, or None."""
    if any(mark.args[0] for mark in item.iter_markers("skipif")):
        return None
    callspec = getattr(item, "callspec", None)
    job = callspec.params.get("job") if callspec else None
    # An empty list of parameters leaves a mark of pytest there.
    return job if hasattr(job, "key") else None


def first_and_long(jobs: list[Any]) -> list[Any]:
    """For a test's parameters: the first is of make test, the others are long."""
    return jobs[:1] + [pytest.param(job, marks=getattr(pytest.mark, LONG))
                       for job in jobs[1:]]


def pytest_configure(config: pytest.Config) -> None:
    """The marks that there are."""
    config.addinivalue_line("markers", f"{LONG}: run with STASIS_EVERYTHING alone")


def pytest_collection_modifyitems(config: pytest.Config,
                                  items: list[pytest.Item]) -> None:
    """Leave out what takes long, unless all is asked for."""
    left_out = [item for item in items
                if item.get_closest_marker(LONG) and not EVERYTHING]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_collection_finish(session: pytest.Session) -> None:
    """All tests are known: start what they need."""
    if session.config.option.collectonly:
        return
    session.jobs = Jobs()
    jobs = filter(None, map(job_of, session.items))
    # The longest first, so that in the end both processors are busy.
    for job in sorted(jobs, key=lambda job: -getattr(job, "seconds", USUAL)):
        session.jobs.start(job)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep the logs when something failed."""
    if hasattr(session, "jobs"):
        session.jobs.close(keep=session.testsfailed > 0)
        if os.environ.get("STASIS_TIMES"):
            show_times()


@pytest.fixture
def outcome(request: pytest.FixtureRequest, job: Any) -> Any:
    """The result of the test's boot; waits for it."""
    return request.session.jobs.result(job)


@pytest.fixture
def report_case(request: pytest.FixtureRequest,
                capsys: pytest.CaptureFixture[str]
                ) -> Callable[[str, str, str], None]:
    """Lets a test report cases that it found only by running.

    Each counts in the summary like a test of its own.
    """
    item = request.node
    path, line, test = item.location

    def report(name: str, verdict: str, why: str) -> None:
        outcome = {"PASS": "passed", "SKIP": "skipped"}.get(verdict, "failed")
        detail = {"passed": None, "failed": why or "FAIL",
                  "skipped": (path, line or 0, f"Skipped: {why}")}[outcome]
        with capsys.disabled():
            item.ihook.pytest_runtest_logreport(report=pytest.TestReport(
                f"{item.nodeid}::{name}", (path, line, f"{test} {name}"),
                dict(item.keywords), outcome, detail, "call"))

    return report


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """The last line, for a script that sums up."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if not reporter or config.option.collectonly:
        return
    count = {kind: len(reporter.stats.get(kind, ()))
             for kind in ("passed", "failed", "error", "skipped")}
    print(f"{count['passed']} passed, {count['failed'] + count['error']} "
          f"failed, {count['skipped']} skipped")
