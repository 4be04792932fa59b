"""The desk: so many work at once, nobody waits for another, nothing is left behind."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import Any

import pytest

from config.bodies import Bodies
from config.desk import Desk, around, install
from config.lib.aside import aside
from tests.support.waiting import wait_until


def test_what_comes_while_all_work_is_done_by_who_is_free_first() -> None:
    desk, done = Desk(1), []

    def first() -> None:
        desk.submit(lambda: done.append("second"))
        assert done == [], "the second waits on the desk"
        done.append("first")

    desk.submit(first)
    assert done == ["first", "second"]


def test_never_more_than_so_many_work_at_once() -> None:
    desk, lock, working, most, done = Desk(3), threading.Lock(), [0], [0], threading.Semaphore(0)

    def work() -> None:
        with lock:
            working[0] += 1
            most[0] = max(most[0], working[0])
        for _ in range(200):
            pass
        with lock:
            working[0] -= 1
        done.release()

    threads = [threading.Thread(target=lambda: [desk.submit(work) for _ in range(50)]) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert all(done.acquire(timeout=10) for _ in range(16 * 50))
    assert 1 <= most[0] <= 3


def test_long_tasks_leave_half_of_those_who_work_to_the_others() -> None:
    desk, go, begun, done = Desk(4), threading.Event(), threading.Semaphore(0), []

    def question() -> None:
        begun.release()
        go.wait(20)
        done.append("question")

    threads = [
        threading.Thread(target=desk.submit, args=(question,), kwargs={"long": True}) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    assert begun.acquire(timeout=10)
    assert begun.acquire(timeout=10)
    desk.submit(lambda: done.append("event"))
    assert done == ["event"], "an event waits for no question"
    assert not begun.acquire(blocking=False), "two of four are kept for others"
    go.set()
    for thread in threads:
        thread.join(20)
    assert done == ["event", *["question"] * 5]


def test_a_long_task_comes_next_where_none_is_at_work_however_many_others_wait() -> None:
    desk, done = Desk(1), []

    def first() -> None:
        for number in range(3):
            desk.submit(partial(done.append, number))
        desk.submit(lambda: done.append("question"), long=True)

    desk.submit(first)
    assert done == ["question", 0, 1, 2]


def test_who_waits_leaves_the_seat_to_another() -> None:
    desk, ready, done = Desk(1), threading.Event(), []

    def other() -> None:
        done.append("other")
        ready.set()

    def waits() -> None:
        desk.submit(other, long=True)
        assert done == [], "there is one seat"
        with aside():
            assert ready.wait(20), "another thread did it"
        done.append("first")

    desk.submit(waits, long=True)
    assert done == ["other", "first"]
    assert desk._free == 1
    assert desk._long_at_work == 0


def test_who_waited_works_on_even_if_all_seats_are_taken() -> None:
    desk, begun, go, done = Desk(1), threading.Event(), threading.Event(), []

    def other() -> None:
        begun.set()
        assert go.wait(20)

    def waits() -> None:
        desk.submit(other, long=True)
        with aside():
            assert begun.wait(20)
        done.append("on")
        go.set()

    desk.submit(waits, long=True)
    assert done == ["on"]
    wait_until(lambda: desk._free == 1)


def test_who_waited_for_another_s_work_queues_for_a_seat() -> None:
    """Sixty may wait for one answer: when it is there, no more of them work at once than may."""
    desk, landed, lock = Desk(4), threading.Event(), threading.Lock()
    working, most, done = [0], [0], threading.Semaphore(0)

    def follower() -> None:
        with aside(at_once=False):
            assert landed.wait(20)
        with lock:
            working[0] += 1
            most[0] = max(most[0], working[0])
        time.sleep(0.002)
        with lock:
            working[0] -= 1
        done.release()

    threads = [
        threading.Thread(target=desk.submit, args=(follower,), kwargs={"long": True}) for _ in range(30)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: desk._may_leave == 64 - 30, what="all to wait")
    landed.set()
    assert all(done.acquire(timeout=20) for _ in threads)
    assert most[0] <= 2, "half of four are kept for others"
    wait_until(lambda: (desk._free, desk._long_at_work, desk._may_leave) == (4, 0, 64))


def test_who_queues_for_a_seat_comes_before_new_tasks() -> None:
    desk, landed, go, done = Desk(2), threading.Event(), threading.Event(), []

    def follower() -> None:
        with aside(at_once=False):
            assert landed.wait(20)
        done.append("follower")

    def other() -> None:
        landed.set()
        wait_until(lambda: desk._back[True], what="the follower to queue")
        desk.submit(partial(done.append, "new"), long=True)
        done.append("other")
        go.set()

    following = threading.Thread(target=desk.submit, args=(follower,), kwargs={"long": True})
    following.start()
    wait_until(lambda: desk._free == 2)
    desk.submit(other, long=True)
    following.join(20)
    wait_until(lambda: len(done) == 3)
    assert done == ["other", "follower", "new"]


def test_where_as_many_wait_as_may_the_next_keeps_the_seat() -> None:
    desk, done = Desk(1, most_aside=0), []

    def waits() -> None:
        desk.submit(lambda: done.append("second"))
        with aside():
            assert done == []
        done.append("first")

    desk.submit(waits)
    assert done == ["first", "second"]


@pytest.mark.parametrize(
    ("method", "path", "long"),
    [
        ("POST", "/api/events", False),
        ("OPTIONS", "/api/events", False),
        ("GET", "/api/events", True),
        ("HEAD", "/api/events", True),
        ("GET", "/api/events/0", True),
        ("GET", "/health/ready", False),
        ("GET", "/metrics", False),
        ("GET", "/api/metrics", True),
        ("POST", "/api/funnels", True),
        ("GET", "/", True),
    ],
)
def test_an_address_tells_which_requests_may_take_long(method: str, path: str, long: bool) -> None:
    seen: list[bool] = []

    class Noting(Desk):
        def submit(self, work: Any, *, long: bool = False) -> None:
            seen.append(long)

    bodies = Bodies(seconds=30, limit=100, threads=8, budget=1000)
    around(lambda *_: None, bodies, Noting(1))(
        None, {"wsgi.input": None, "REQUEST_METHOD": method, "PATH_INFO": path}
    )
    assert seen == [long]


def test_a_request_that_fails_takes_no_other_with_it(caplog: pytest.LogCaptureFixture) -> None:
    desk, done = Desk(1), []

    def first() -> None:
        desk.submit(lambda: done.append("second"))
        raise RuntimeError("a bug")

    desk.submit(first)
    assert done == ["second"]
    assert "a request failed" in caplog.text


def test_a_request_gets_its_body_before_it_is_worked_on() -> None:
    seen: list[Any] = []
    bodies = Bodies(seconds=30, limit=100, threads=8, budget=1000)
    run = around(lambda exchange, scope: seen.append(scope["wsgi.input"].read()), bodies, Desk(1))
    run(None, {"wsgi.input": None})
    assert seen == [b""]


class Input:
    """A body of so many bytes."""

    def read(self, size: int) -> bytes:
        return b"a" * size


def test_a_large_body_counts_until_its_request_is_answered() -> None:
    held: list[int] = []
    bodies = Bodies(seconds=30, limit=1 << 20, threads=8, budget=1 << 20)
    run = around(lambda exchange, scope: held.append(bodies._held), bodies, Desk(1))
    run(None, {"wsgi.input": Input(), "CONTENT_LENGTH": "100000"})
    assert (held, bodies._held) == ([100_000], 0)


def test_what_came_too_late_is_not_worked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = Bodies(seconds=30, limit=100, threads=8, budget=1000)
    monkeypatch.setattr(bodies, "read", lambda exchange, scope: None)
    around(lambda exchange, scope: pytest.fail("it was answered"), bodies, Desk(1))(None, {})


def test_granian_has_the_function_that_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    from granian.server import mp

    monkeypatch.setattr(mp, "_wsgi_call_wrap", mp._wsgi_call_wrap)
    assert install(Bodies(seconds=30, limit=100, threads=8, budget=1000), Desk(1))
