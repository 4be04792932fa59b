"""How many workers a process has, and what happens to them."""

from __future__ import annotations

import threading

import pytest

from events.processor.crew import Crew
from events.processor.scale import Scale


def changes(scale: Scale, lags: list[float], running: int) -> list[int]:
    found = []
    for lag in lags:
        found.append(scale.change(lag, running))
        running += found[-1]
    return found


def test_a_lag_that_lasts_brings_one_worker_after_the_other_up_to_the_most() -> None:
    assert changes(Scale(least=1, most=3), [9.0] * 12, 1) == [0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]


def test_a_short_lag_brings_none() -> None:
    assert not any(changes(Scale(least=1, most=3), [9.0, 9.0, 2.0] * 10, 1))


def test_workers_go_one_by_one_once_there_is_no_lag_for_half_a_minute() -> None:
    found = changes(Scale(least=1, most=4), [0.1] * 90, 3)
    assert found.count(-1) == 2
    assert found.index(-1) == 29


def test_between_far_behind_and_near_nothing_changes() -> None:
    assert not any(changes(Scale(least=1, most=4), [3.0] * 100, 2))


class Fake:
    """A worker that works until told to stop, or breaks when asked to."""

    def __init__(self) -> None:
        self.stopped, self.breaks = threading.Event(), threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(0.01):
            if self.breaks.is_set():
                raise RuntimeError("broken")

    def stop(self) -> None:
        self.stopped.set()


def crew_of(hired: list[Fake], lag: list[float | None], **bounds: int) -> Crew:
    def hire() -> Fake:
        hired.append(Fake())
        return hired[-1]

    scale = Scale(**{"least": 1, "most": 2} | bounds, looks_up=1, looks_down=1)
    return Crew(hire, scale=scale, lag=lambda: lag[0])  # type: ignore[arg-type]


def running(crew: Crew) -> threading.Thread:
    thread = threading.Thread(target=lambda: results.append(crew.run()))
    results: list[bool] = []
    thread.results = results  # type: ignore[attr-defined]
    thread.start()
    return thread


def test_the_crew_hires_retires_and_ends_with_all_its_workers() -> None:
    hired: list[Fake] = []
    lag: list[float | None] = [9.0]
    crew = crew_of(hired, lag, least=1)
    thread = running(crew)
    while len(hired) < 2:
        thread.join(0.01)
    lag[0] = 0.0
    assert hired[1].stopped.wait(10)
    assert not hired[0].stopped.is_set()
    crew.stop()
    thread.join(10)
    assert thread.results == [True]  # type: ignore[attr-defined]


def test_a_worker_that_breaks_ends_all() -> None:
    hired: list[Fake] = []
    crew = crew_of(hired, [None], least=2)
    thread = running(crew)
    while len(hired) < 2:
        thread.join(0.01)
    hired[1].breaks.set()
    thread.join(10)
    assert thread.results == [False]  # type: ignore[attr-defined]
    assert hired[0].stopped.is_set()


def test_a_lag_that_cannot_be_asked_for_stops_nobody() -> None:
    hired: list[Fake] = []
    asked = threading.Event()

    def lag() -> float:
        asked.set()
        raise MemoryError

    crew = crew_of(hired, [None])
    crew._lag = lag
    thread = running(crew)
    assert asked.wait(10)
    thread.join(0.1)
    assert thread.is_alive()
    crew.stop()
    thread.join(10)
    assert thread.results == [True]  # type: ignore[attr-defined]


def test_whatever_ends_the_crew_ends_its_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    hired: list[Fake] = []
    crew = crew_of(hired, [None], least=2)

    def interrupt(seconds: float) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(crew._stop, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        crew.run()
    assert [worker.stopped.is_set() for worker in hired] == [True, True]


def test_a_lag_that_is_not_known_changes_nothing() -> None:
    hired: list[Fake] = []
    crew = crew_of(hired, [None])
    crew.look()
    assert not hired
