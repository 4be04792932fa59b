"""The schedule while the wall clock jumps: what is due every two seconds is sent every two seconds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from celery import Celery

from config.steady_schedule import SteadySchedule

START = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Clock:
    """A wall clock that a test sets."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time


class Recording(SteadySchedule):
    """Notes what it would send."""

    sent: list[str]

    def apply_entry(self, entry, producer=None) -> None:
        self.sent.append(entry.name)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(Celery, "now", lambda app: clock())
    return clock


@pytest.fixture
def schedule(tmp_path: Path, clock: Clock) -> Iterator[Recording]:
    app = Celery("test", broker="memory://", set_as_current=False)
    app.conf.result_expires = None
    app.conf.beat_schedule = {
        "often": {"task": "often", "schedule": timedelta(seconds=2)},
        "hourly": {"task": "hourly", "schedule": timedelta(hours=1)},
    }
    made = Recording(app=app, schedule_filename=str(tmp_path / "schedule"))
    made.sent = []
    yield made
    made.close()


def test_what_is_due_is_sent(schedule: Recording, clock: Clock) -> None:
    assert run(schedule, clock, seconds=11) == ["often"] * 5


def test_a_clock_that_is_set_back_holds_up_nothing(schedule: Recording, clock: Clock) -> None:
    run(schedule, clock, seconds=4)
    clock.time -= timedelta(hours=2)
    assert run(schedule, clock, seconds=11) == ["often"] * 5


def test_a_clock_that_jumps_ahead_makes_everything_due_once(schedule: Recording, clock: Clock) -> None:
    run(schedule, clock, seconds=4)
    clock.time += timedelta(hours=2)
    assert sorted(run(schedule, clock, seconds=1)) == ["hourly", "often"]


def test_an_hourly_task_comes_an_hour_after_the_setback(schedule: Recording, clock: Clock) -> None:
    clock.time += timedelta(minutes=50)
    run(schedule, clock, seconds=1)
    clock.time -= timedelta(hours=2)
    run(schedule, clock, seconds=1)
    clock.time += timedelta(minutes=61)
    assert "hourly" in run(schedule, clock, seconds=1)


def run(schedule: Recording, clock: Clock, *, seconds: int) -> list[str]:
    """Let time pass in steps of a tenth of a second; return what was sent."""
    schedule.sent.clear()
    for _ in range(seconds * 10):
        clock.time += timedelta(seconds=0.1)
        while schedule.tick() == 0:
            pass
    return list(schedule.sent)
