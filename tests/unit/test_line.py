"""The line before the slots: first come, first served, and nobody waits for ever."""

from __future__ import annotations

import threading
import time

import pytest

from metrics.errors import TooBusy
from metrics.query.slots import Line
from tests.support.waiting import wait_until


def soon() -> float:
    return time.monotonic() + 20


def test_one_at_a_time_in_the_order_in_which_they_came() -> None:
    line, order, threads = Line(), [], []

    def work(number: int) -> None:
        with line.turn(soon()):
            order.append(number)

    with line.turn(soon()):
        for number in range(5):
            threads.append(threading.Thread(target=work, args=(number,)))
            threads[-1].start()
            wait_until(lambda number=number: len(line._waiting) == number + 2)
        assert order == []
    for thread in threads:
        thread.join(20)
    assert order == [0, 1, 2, 3, 4]


def test_who_waits_for_too_long_is_refused_and_holds_up_nobody() -> None:
    line = Line()
    with line.turn(soon()), pytest.raises(TooBusy) as refused, line.turn(time.monotonic()):
        pytest.fail("it had its turn")
    assert refused.value.extra["retry_after"] > 0
    with line.turn(time.monotonic()):
        pass


def test_a_full_line_refuses_at_once() -> None:
    line = Line(most=1)
    with line.turn(soon()), pytest.raises(TooBusy), line.turn(soon()):
        pytest.fail("it had its turn")


def test_an_error_ends_a_turn() -> None:
    line = Line()
    with pytest.raises(ZeroDivisionError), line.turn(soon()):
        raise ZeroDivisionError
    with line.turn(time.monotonic()):
        pass
