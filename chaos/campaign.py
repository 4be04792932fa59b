"""Runs faults against instances under load and checks every promise after each."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

from chaos.faults.base import SETUPS, Scene, Setup
from chaos.instance import Instance
from chaos.load import Load
from chaos.oracle import Oracle
from chaos.plan import Planned
from chaos.progress import Progress
from chaos.results import Outcome, Section
from chaos.trial import Trial

#: Seconds that the load runs untroubled before each fault, in the long and the short campaign.
_CALM, _CALM_SHORT = 2.0, 0.5
#: Events a second where the load is only to go on, and how far it may fall behind.
_FILL_RATE, _PATIENCE = 3000.0, 5
_TIME_IS_UP = "the time was up"
#: Seconds that a copy of a broken instance's disk may take.
_RESCUE_WITHIN = 120.0


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: `rate` in events a second; at least `events` are acknowledged; `limit` bounds the seconds."""

    seed: int
    short: bool
    rate: float
    events: int = 0
    limit: float = math.inf
    environment: Mapping[str, str] = field(default_factory=dict)
    #: Whether the data of an instance that broke a promise are kept to be looked at.
    keep: bool = True


class Campaign:
    """Runs a plan, one instance after another; `outcome` grows as it goes, so that an interruption keeps it."""

    def __init__(self, options: Options, progress: Progress) -> None:
        self.outcome = Outcome(options.seed)
        self._options = options
        self._progress = progress
        self._began = time.monotonic()

    def run(self, plan: list[Planned]) -> Outcome:
        """Run every section of the plan. Ctrl-C ends it between two steps, with everything stopped."""
        names = list(dict.fromkeys(one.fault.setup for one in plan))
        try:
            for name in names:
                self._section(
                    SETUPS[name], [one for one in plan if one.fault.setup == name], fills=name == names[0]
                )
        except KeyboardInterrupt:
            self.outcome.interrupted = True
        self.outcome.seconds = self._elapsed
        if self.outcome.acknowledged < self._options.events and not self.outcome.interrupted:
            self.outcome.broken.append(
                f"{self.outcome.acknowledged:,} of {self._options.events:,} events were acknowledged"
            )
        return self.outcome

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    @property
    def _is_late(self) -> bool:
        return self._elapsed > self._options.limit

    def _section(self, setup: Setup, plan: list[Planned], *, fills: bool) -> None:
        """Put up an instance, do to it what is planned, and take it down; its data stay where a promise broke."""
        if self._is_late:
            self.outcome.left_out |= dict.fromkeys((one.fault.name for one in plan), _TIME_IS_UP)
            return
        section = Section(setup.name)
        self.outcome.sections.append(section)
        self._progress.say(f"putting up {setup.name}: {setup.says}")
        try:
            with _instance(setup, self._options, section) as scene:
                trial = Trial(scene)
                self._injections(trial, scene, section, plan)
                if not section.broken:
                    if fills:
                        self._fill_up(scene, section)
                    self._close_books(trial, section)
        except Exception as error:
            # Whatever ends a section, the others are to be run and the report to be written.
            section.broken = f"{type(error).__name__}: {error}"
            self._progress.say(f"{setup.name} is broken: {traceback.format_exc()}")

    def _injections(self, trial: Trial, scene: Scene, section: Section, plan: list[Planned]) -> None:
        calm = _CALM_SHORT if self._options.short else _CALM
        for planned in plan:
            if self._is_late:
                self.outcome.left_out[planned.fault.name] = _TIME_IS_UP
                continue
            time.sleep(calm)
            injection = trial.inject(planned)
            section.injections.append(injection)
            _count(section, scene)
            self._progress.injected(injection, self.outcome)
            if injection.broke_data:
                section.broken = "a promise about the data was broken; the faults after it were left out"
                return

    def _close_books(self, trial: Trial, section: Section) -> None:
        """Check everything once more, every session included."""
        if section.injections:
            section.injections[-1].violations += trial.final()

    def _fill_up(self, scene: Scene, section: Section) -> None:
        """Let the load run on, faster, until the campaign has as many acknowledged events as it was to have.

        Each check reads everything that is stored: with all of them from the start, checks would be most of the time.
        """
        if self.outcome.acknowledged >= self._options.events:
            return
        missing = self._options.events - self.outcome.acknowledged
        self._progress.say(f"on to {self._options.events:,} events")
        scene.load.set_rate(_FILL_RATE)
        before = section.acknowledged
        until = time.monotonic() + _PATIENCE * missing / _FILL_RATE
        while self.outcome.acknowledged < self._options.events and time.monotonic() < until:
            time.sleep(1)
            _count(section, scene)
            section.filled = section.acknowledged - before


def _count(section: Section, scene: Scene) -> None:
    section.sent, section.acknowledged = scene.oracle.sent, scene.oracle.acknowledged
    section.statuses = scene.load.statuses.copy()


@contextmanager
def _instance(setup: Setup, options: Options, section: Section) -> Iterator[Scene]:
    """Give a running instance under load."""
    folder = Path(tempfile.mkdtemp(prefix="sluice-chaos-"))
    folder.chmod(0o711)
    with ExitStack() as stack:
        stack.push(partial(_clear, folder, section, options.keep))
        environment = stack.enter_context(setup.open(folder))
        stack.push(partial(_rescue, folder, section, options.keep))
        instance = Instance(folder, setup, {**environment, **options.environment})
        stack.callback(instance.stop)
        instance.make()
        oracle = Oracle(folder / "oracle")
        stack.callback(oracle.close)
        load = Load(instance, oracle, seed=f"{options.seed}/{setup.name}", rate=options.rate)
        stack.callback(load.stop)
        load.start()
        yield Scene(instance, oracle, load, Random(options.seed), options.short)


def _clear(folder: Path, section: Section, keep: bool, kind: type[BaseException] | None, *_: object) -> None:
    """Remove an instance's folder, or note in `section` where it is, if its data are not as they should be."""
    if keep and _is_evidence(section, kind):
        section.folder = str(folder)
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _rescue(folder: Path, section: Section, keep: bool, kind: type[BaseException] | None, *_: object) -> None:
    """Copy what lies on disks that go with the instance; a copy that takes too long stays as far as it came."""
    if not (keep and _is_evidence(section, kind)):
        return
    for disk in filter(os.path.ismount, list(folder.iterdir())):
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(["cp", "-a", str(disk), f"{disk}.kept"], timeout=_RESCUE_WITHIN, check=False)


def _is_evidence(section: Section, kind: type[BaseException] | None) -> bool:
    """Tell whether a promise about the data was broken, or an error (no Ctrl-C) ended the section."""
    failed = kind is not None and issubclass(kind, Exception)
    return failed or bool(section.broken) or any(one.broke_data for one in section.injections)
