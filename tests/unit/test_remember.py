"""Answers are kept for a while, computed once for all who ask at once, and never given for another question."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings

from config.lib import aside, clock
from metrics.query import remember
from metrics.query.patience import one_deadline
from metrics.query.remember import remembered, seconds_to_keep
from metrics.query.run import Seen
from tests.support.waiting import wait_until

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class About:
    project_id: int
    what: str = "count"


@dataclass(frozen=True)
class AboutScope:
    scope: About


@pytest.fixture(autouse=True)
def versions(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """Versions as the database would tell them."""
    known: dict[int, int] = {}
    monkeypatch.setattr(remember, "version_of", lambda project_id: known.get(project_id, 0))
    return known


class Slow:
    """Something to compute that waits until it is let go, and counts how often it is begun."""

    def __init__(self, outcome: object = "answer") -> None:
        self.begun, self.may_end, self._outcome = 0, threading.Event(), outcome

    def __call__(self) -> object:
        self.begun += 1
        assert self.may_end.wait(30)
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return self._outcome


def many_ask(
    compute: Callable[[], object], monkeypatch: pytest.MonkeyPatch, let_go: threading.Event
) -> list[object]:
    """Ask the same from 20 threads; let the computation end once all of them have asked."""
    asked = threading.Semaphore(0)

    def version(project_id: int) -> int:
        asked.release()
        return 0

    monkeypatch.setattr(remember, "version_of", version)

    def ask() -> object:
        try:
            return remembered(About(1), 60, compute)
        except Exception as error:
            return error

    with ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(ask) for _ in range(20)]
        for _ in answers:
            assert asked.acquire(timeout=30)
        let_go.set()
        return [answer.result(30) for answer in answers]


def test_an_answer_is_kept() -> None:
    assert remembered(About(1), 60, lambda: "first") == ("first", False)
    assert remembered(About(1), 60, lambda: "second") == ("first", True)


def test_an_answer_that_lasts_no_time_is_not_kept() -> None:
    assert remembered(About(1), 0, lambda: "first") == ("first", False)
    assert (
        remembered(About(1), lambda answer: 0 if answer == "second" else 60, lambda: "second")[0] == "second"
    )
    assert remembered(About(1), 60, lambda: "third") == ("third", False)


@pytest.mark.parametrize(
    "other", [About(2), About(1, "users"), AboutScope(About(1))], ids=["project", "question", "kind"]
)
def test_another_question_has_another_answer(other: About | AboutScope) -> None:
    remembered(About(1), 60, lambda: "mine")
    assert remembered(other, 60, lambda: "other") == ("other", False)


def test_many_who_ask_at_once_wait_for_one_computation(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    answers = many_ask(slow, monkeypatch, slow.may_end)
    assert slow.begun == 1
    assert sorted(map(str, answers)) == ["('answer', False)", *["('answer', True)"] * 19]
    assert not remember._flights


def test_an_error_is_shared_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(ValueError("too large"))
    answers = many_ask(slow, monkeypatch, slow.may_end)
    # Who asked after it was over asked for a computation of his own.
    assert slow.begun < 20
    assert {str(answer) for answer in answers} == {"too large"}
    assert remembered(About(1), 60, lambda: "well") == ("well", False)


def test_who_waits_for_a_thread_that_is_stopped_computes_himself() -> None:
    stopped = Slow(KeyboardInterrupt())
    first = threading.Thread(target=lambda: _quietly(lambda: remembered(About(1), 60, stopped)))
    first.start()
    wait_until(lambda: stopped.begun, what="the first to begin")
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(remembered, About(1), 60, lambda: "well")
        stopped.may_end.set()
        assert second.result(30)[0] == "well"
    first.join()


def _quietly(work: Callable[[], object]) -> None:
    try:
        work()
    except KeyboardInterrupt:
        pass


class Elsewhere:
    """A cache in which another process holds every lock; it answers after so many looks, if at all."""

    def __init__(self, looks: float = math.inf) -> None:
        self._left = looks

    def get(self, key: str) -> str | None:
        self._left -= 1
        return "its answer" if self._left < 0 else None

    def add(self, key: str, value: str, timeout: float) -> bool:
        return False

    def set(self, key: str, value: str, timeout: float) -> None:
        pass


class Chair:
    """A seat that counts how often it is left, and how it is taken again."""

    def __init__(self) -> None:
        self.taken: list[bool] = []
        self.left = 0

    def leave(self) -> bool:
        self.left += 1
        return True

    def take(self, *, at_once: bool) -> None:
        self.taken.append(at_once)


@pytest.fixture
def chair() -> Iterator[Chair]:
    mine = aside.seat.set(chair := Chair())
    yield chair
    aside.seat.reset(mine)


def test_who_waits_for_another_process_leaves_the_seat_meanwhile(
    chair: Chair, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = Elsewhere(looks=3)
    monkeypatch.setattr(remember, "_cache", lambda: elsewhere)
    assert remembered(About(1), 60, lambda: "mine") == ("its answer", True)
    assert (chair.left, chair.taken) == (1, [True])


def test_who_follows_another_thread_queues_for_the_seat(chair: Chair) -> None:
    slow = Slow()
    first = threading.Thread(target=remembered, args=(About(1), 60, slow))
    first.start()
    wait_until(lambda: slow.begun, what="the first to begin")
    threading.Timer(0.1, slow.may_end.set).start()
    assert remembered(About(1), 60, lambda: "mine") == ("answer", True)
    assert (chair.left, chair.taken) == (1, [False])
    first.join()


def test_who_need_not_wait_keeps_the_seat(chair: Chair) -> None:
    remembered(About(1), 60, lambda: "mine")
    assert chair.left == 0


def test_all_that_a_question_waits_for_has_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remember, "_cache", Elsewhere)
    monkeypatch.setattr(settings, "QUERY_TIMEOUT_MS", 200)
    started = time.monotonic()
    with one_deadline():
        assert remembered(About(1), 60, lambda: "now")[0] == "now"
        assert remembered(About(1, "before"), 60, lambda: "before")[0] == "before"
    assert 0.4 <= time.monotonic() - started < 0.75


def test_a_new_version_makes_answers_old(versions: dict[int, int]) -> None:
    remembered(About(1), 60, lambda: "before")
    remembered(About(2), 60, lambda: "another project's")
    versions[1] = 5
    assert remembered(About(1), 60, lambda: "after") == ("after", False)
    assert remembered(About(2), 60, lambda: "new") == ("another project's", True)


def test_an_answer_that_was_begun_before_a_change_is_not_given_after_it(versions: dict[int, int]) -> None:
    def compute() -> str:
        versions[1] = 5
        return "what was read before the change"

    remembered(About(1), 60, compute)
    assert remembered(About(1), 60, lambda: "after") == ("after", False)


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(settings, "MAX_AGE_DAYS", 30)


@pytest.mark.parametrize(
    ("ended", "seen", "seconds"),
    [
        (timedelta(minutes=-1), Seen(NOW), 5),
        (timedelta(seconds=5), Seen(NOW), 5),
        (timedelta(minutes=1), Seen(NOW), 15),
        (timedelta(days=30), Seen(NOW), 15),
        (timedelta(days=40), Seen(NOW), 3600),
        (timedelta(days=40), Seen(NOW - timedelta(minutes=1)), 15),
        (timedelta(days=40), Seen(NOW - timedelta(seconds=3), waits=True), 15),
    ],
    ids=["open", "just over", "over", "may get late events", "settled", "much waits", "something waits"],
)
def test_what_can_change_no_more_is_kept_for_longer(
    at_noon: None, ended: timedelta, seen: Seen, seconds: int
) -> None:
    assert seconds_to_keep(NOW - ended, step="1h", seen=seen) == seconds


def test_who_is_in_a_segment_is_never_over(at_noon: None) -> None:
    assert seconds_to_keep(NOW - timedelta(days=40), step="1h", seen=Seen(NOW), segment=True) == 5


def test_the_finer_the_step_the_younger_is_an_answer_about_now(at_noon: None) -> None:
    kept = [seconds_to_keep(NOW, step=step, seen=Seen(NOW)) for step in ("1m", "15m", "1h", "1d")]
    assert kept == sorted(kept)
    assert kept[0] == 1
