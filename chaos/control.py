"""Negative controls: a campaign against a Sluice that breaks its promise must say so, or it proves nothing."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, replace

from chaos import plan, report
from chaos.campaign import Campaign, Options
from chaos.faults.base import FAULTS, Setup, setup
from chaos.progress import Progress
from chaos.results import DOUBLED, LOST, Outcome

_RATE = 300.0
#: How often it is tried at most: the first broken promise ends it.
_COUNT = 6
#: What a control ends with.
NOTICED, STOPPED, UNNOTICED, FAILED = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Control:
    """What is broken on purpose, the fault that shows it, and what must be found."""

    setup: Setup
    fault: str
    kinds: tuple[str, ...]
    word: str


CONTROLS = {
    "fsync": Control(
        setup(
            Setup(
                "control-fsync",
                "acknowledged before it is on disk: synchronous_commit is off",
                postgres={
                    "synchronous_commit": "off",
                    "wal_writer_delay": "10s",
                    "wal_writer_flush_after": "1GB",
                    "wal_buffers": "64MB",
                },
            )
        ),
        "kill-everything",
        LOST,
        "lost",
    ),
    "dedup": Control(
        setup(
            Setup(
                "control-dedup",
                "the processor's dedup step does nothing",
                environment={"DJANGO_SETTINGS_MODULE": "chaos.without_dedup"},
            )
        ),
        "duplicate-storm",
        DOUBLED,
        "doubled",
    ),
}


def run(name: str, *, seed: int) -> int:
    """Run a control. 1, as of any campaign with a broken promise, when it was noticed; 3 when it was not.

    2 when it was stopped, and 4 when the control itself failed: that says nothing about what it would have noticed.
    """
    try:
        return _run(CONTROLS[name], seed=seed)
    except Exception:
        traceback.print_exc()
        return FAILED


def _run(control: Control, *, seed: int) -> int:
    fault = replace(FAULTS[control.fault], setup=control.setup.name)
    planned = plan.long([fault], count=_COUNT, seed=seed)
    progress = Progress()
    progress.say(f"negative control: {control.setup.says}; seed {seed}")
    campaign = Campaign(Options(seed, short=True, rate=_RATE, keep=False), progress)
    outcome = campaign.run(planned)
    print(report.summary(outcome))
    return _verdict(control, outcome)


def _verdict(control: Control, outcome: Outcome) -> int:
    """Say whether what must be found was found; `outcome.well` alone cannot tell it from another failure."""
    if found := outcome.count(control.kinds):
        print(f"noticed: {control.word} {found}", flush=True)
        return NOTICED
    if outcome.interrupted:
        return STOPPED
    if any(section.broken for section in outcome.sections):
        print("the control failed: nothing was found, and not everything was tried", flush=True)
        return FAILED
    print(f"NOT noticed: nothing was {control.word}, so the campaign proves nothing", flush=True)
    return UNNOTICED
