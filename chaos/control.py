"""Negative controls: a campaign against a Sluice that breaks its promise must say so, or it proves nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chaos import plan, report
from chaos.campaign import Campaign, Options
from chaos.faults.base import FAULTS, Setup, setup
from chaos.progress import Progress
from chaos.results import DOUBLED, LOST

_RATE = 300.0
#: How often it is tried at most: the first broken promise ends it.
_COUNT = 6


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
        "LOST",
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
        "DOUBLED",
    ),
}


def run(name: str, *, seed: int) -> int:
    """Run a control. 1, as of any campaign with a broken promise, when it was noticed; 3 when it was not."""
    control = CONTROLS[name]
    fault = replace(FAULTS[control.fault], setup=control.setup.name)
    planned = plan.long([fault], count=_COUNT, seed=seed)
    progress = Progress()
    progress.say(f"negative control: {control.setup.says}; seed {seed}")
    campaign = Campaign(Options(seed, short=True, rate=_RATE, keep=False), progress)
    outcome = campaign.run(planned)
    print(report.summary(outcome))
    found = outcome.count(control.kinds)
    verdict = "noticed, as it must be" if found else "NOT noticed: the campaign proves nothing"
    print(f"control {name}: {control.word} {found}: {verdict}", flush=True)
    return 1 if found else 3
