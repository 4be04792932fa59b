"""Reading a body: all of it or a reason why not, in bounded time and memory."""

from __future__ import annotations

import json
import threading
from io import BytesIO
from typing import Any

import pytest

from config.bodies import Bodies, BodyTooLarge, BodyTooShort, Held, TooManyBodies, Unread, hand_over_whole
from config.lib.errors import SluiceError


def make(**changes: Any) -> Bodies:
    return Bodies(**({"seconds": 30, "limit": 100, "threads": 8, "budget": 160} | changes))


def environ(body: bytes = b"", **more: Any) -> dict[str, Any]:
    return {"wsgi.input": BytesIO(body), "REMOTE_ADDR": "127.0.0.1"} | more


class Exchange:
    """What granian hands over; keeps the answers."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes]] = []

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.answers.append((status, body))


def read(bodies: Bodies, given: dict[str, Any]) -> Any:
    return bodies.read(Exchange(), given)


class Slow:
    """An input that waits until it is let go, and then ends."""

    def __init__(self) -> None:
        self.begun, self.ended = threading.Event(), threading.Event()

    def read(self, size: int = -1) -> bytes:
        self.begun.set()
        assert self.ended.wait(10)
        return b"a"


def error_of(bodies: Bodies, given: dict[str, Any]) -> type[SluiceError] | None:
    try:
        read(bodies, given).read()
    except SluiceError as error:
        return type(error)
    return None


def test_a_body_is_read_to_its_length() -> None:
    assert read(make(), environ(b"abcdef", CONTENT_LENGTH="3")).read() == b"abc"


def test_without_a_length_there_is_nothing_to_read() -> None:
    assert read(make(), environ(b"abc")).read() == b""
    assert read(make(), environ(b"abc", CONTENT_LENGTH="0")).read() == b""


def test_chunks_are_read_to_one_byte_beyond_the_limit() -> None:
    given = environ(b"a" * 500, HTTP_TRANSFER_ENCODING="chunked")
    assert read(make(), given).read() == b"a" * 101


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (environ(b"abc", CONTENT_LENGTH="9"), BodyTooShort),
        (environ(b"abc", CONTENT_LENGTH="101"), BodyTooLarge),
    ],
)
def test_what_does_not_come_is_heard_by_whoever_reads(
    given: dict[str, Any], error: type[SluiceError]
) -> None:
    assert error_of(make(), given) is error


def test_too_many_large_bodies_at_once_are_refused_and_small_ones_are_not() -> None:
    bodies, slow = make(), Slow()
    first = environ(CONTENT_LENGTH="100") | {"wsgi.input": slow}
    thread = threading.Thread(target=lambda: read(bodies, first))
    thread.start()
    assert slow.begun.wait(10)
    assert error_of(bodies, environ(b"a" * 90, CONTENT_LENGTH="90")) is TooManyBodies
    assert error_of(bodies, environ(b"a" * 20, CONTENT_LENGTH="20")) is None
    slow.ended.set()
    thread.join(10)
    assert error_of(bodies, environ(b"a" * 90, CONTENT_LENGTH="90")) is None


def test_what_is_late_is_answered_at_once_and_never_worked_on() -> None:
    slow, exchange, found = Slow(), Exchange(), []
    bodies = make(seconds=0)
    given = environ(CONTENT_LENGTH="100") | {"wsgi.input": slow}
    thread = threading.Thread(target=lambda: found.append(bodies.read(exchange, given)))
    thread.start()
    assert slow.begun.wait(10)
    bodies.look()
    ((status, body),) = exchange.answers
    assert (status, json.loads(body)["code"]) == (408, "body_timeout")
    slow.ended.set()
    thread.join(10)
    assert found == [None]
    bodies.look()
    assert len(exchange.answers) == 1


def test_what_is_complete_waits_in_bounded_memory() -> None:
    size = 40 << 10
    bodies = make(limit=1 << 20, budget=100 << 10)
    given = [environ(b"a" * size, CONTENT_LENGTH=str(size)) for _ in range(4)]
    first, second, third = (read(bodies, one) for one in given[:3])
    assert type(first) is type(second) is Held
    assert type(third) is Unread and error_of(bodies, given[3]) is TooManyBodies
    assert error_of(bodies, environ(b"a" * 1000, CONTENT_LENGTH="1000")) is None, "small ones do not suffer"
    with pytest.raises(ZeroDivisionError):
        bodies.do_and_release(lambda: 1 // 0, first)
    assert type(read(bodies, environ(b"a" * size, CONTENT_LENGTH=str(size)))) is Held


def test_a_refusal_does_not_keep_the_body() -> None:
    bodies = make(limit=1 << 20, budget=40 << 10)
    given = environ(b"a" * (50 << 10), CONTENT_LENGTH=str(50 << 10))
    refused = read(bodies, given)
    assert refused._error.__traceback__ is None


def test_a_complete_answer_is_handed_over_whole_and_closed() -> None:
    class Answer:
        streaming, content, closed = False, b"all of it", False

        def close(self) -> None:
            self.closed = True

    answer = Answer()
    assert hand_over_whole(lambda *_: answer)({}, lambda *_: None) == [b"all of it"]
    assert answer.closed
