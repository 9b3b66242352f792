"""Boots with a Linux in a child that are a few commands of hvctl's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from boots import Result, Step, run_plan
from emulator import Processor
from linux_child import ID, SAVE, STATE, Child, plan


@dataclass(frozen=True)
class CommandsJob:
    """A child is created, and the commands run: a job (conftest.py)."""

    name: str
    child: Child
    processor: Processor
    steps: tuple[Step, ...]
    seconds: float = 60                 # of the host's processor, about

    @property
    def key(self) -> tuple[str, ...]:
        """What tells this one from all others."""
        return ("linux-commands", self.name, self.child.kernel,
                str(self.processor))

    def run(self, work: Path) -> Result:
        """The boot."""
        work.mkdir(parents=True, exist_ok=True)
        one = plan(self.name, self.child.create(), *self.steps)
        return run_plan(replace(one, processor=self.processor), work / self.name,
                        self.child.disk(work / "disk.img"))


@dataclass(frozen=True)
class TravelJob:
    """Saved in its boot on one processor, and offered to another: the second boot."""

    source: Processor
    target: Processor
    child: Child = Child()
    ms: int = 4000
    seconds: float = 90                 # of the host's processor, about

    @property
    def processor(self) -> Processor:
        """That of the second."""
        return self.target

    @property
    def key(self) -> tuple[str, ...]:
        """What tells this one from all others."""
        return "linux-travel", str(self.source), str(self.target)

    def run(self, work: Path) -> Result:
        """Both boots; the child that is there on the second has run nothing yet."""
        saved = CommandsJob("saved", self.child, self.source, (
            Step("run", f"hvctl run {ID} ms={self.ms} quiet"), SAVE)).run(
                work / "saved")
        offered = plan(
            "offered", self.child.create(),
            Step("before", f"hvctl save {ID} before.sav"),
            Step("offer", f"hvctl restore {STATE}"),
            Step("into", f"hvctl restore {STATE} into={ID}"),
            Step("after", f"hvctl save {ID} after.sav"),
            Step("log", "hvctl log"))
        return run_plan(replace(offered, processor=self.target),
                        work / "offered", saved.disk)
