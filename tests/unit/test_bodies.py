"""Reading a body: all of it or a reason why not, in bounded time and memory."""

from __future__ import annotations

import threading
from io import BytesIO
from typing import Any

import pytest

from config import bodies as module
from config.bodies import Bodies, BodyTimeout, BodyTooLarge, BodyTooShort, TooManyBodies, hand_over_whole
from config.lib.errors import SluiceError


def make(**changes: Any) -> Bodies:
    return Bodies(**({"seconds": 30, "limit": 100, "threads": 8, "budget": 160} | changes))


def environ(body: bytes = b"", **more: Any) -> dict[str, Any]:
    return {"wsgi.input": BytesIO(body), "REMOTE_ADDR": "127.0.0.1"} | more


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
        bodies.read(given).read()
    except SluiceError as error:
        return type(error)
    return None


def test_a_body_is_read_to_its_length() -> None:
    assert make().read(environ(b"abcdef", CONTENT_LENGTH="3")).read() == b"abc"


def test_without_a_length_there_is_nothing_to_read() -> None:
    assert make().read(environ(b"abc")).read() == b""
    assert make().read(environ(b"abc", CONTENT_LENGTH="0")).read() == b""


def test_chunks_are_read_to_one_byte_beyond_the_limit() -> None:
    given = environ(b"a" * 500, HTTP_TRANSFER_ENCODING="chunked")
    assert make().read(given).read() == b"a" * 101


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
    thread = threading.Thread(target=lambda: bodies.read(first))
    thread.start()
    assert slow.begun.wait(10)
    assert error_of(bodies, environ(b"a" * 90, CONTENT_LENGTH="90")) is TooManyBodies
    assert error_of(bodies, environ(b"a" * 20, CONTENT_LENGTH="20")) is None
    slow.ended.set()
    thread.join(10)
    assert error_of(bodies, environ(b"a" * 90, CONTENT_LENGTH="90")) is None


def test_what_is_overdue_is_cut_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, cut = Slow(), []

    def cut_unanswered(peers: dict[str, float], suspects: set[int]) -> set[int]:
        cut.append(dict(peers))
        slow.ended.set()
        return set()

    monkeypatch.setattr(module.sockets, "cut_unanswered", cut_unanswered)
    bodies = make(seconds=0)
    given = environ(CONTENT_LENGTH="100") | {"wsgi.input": slow, "REMOTE_ADDR": "10.0.0.9"}
    thread = threading.Thread(target=lambda: found.append(error_of(bodies, given)))
    found: list[Any] = []
    thread.start()
    assert slow.begun.wait(10)
    bodies.look()
    thread.join(10)
    assert found == [BodyTimeout]
    assert cut[0] == {"10.0.0.9": 0}


def test_a_complete_answer_is_handed_over_whole_and_closed() -> None:
    class Answer:
        streaming, content, closed = False, b"all of it", False

        def close(self) -> None:
            self.closed = True

    answer = Answer()
    assert hand_over_whole(lambda *_: answer)({}, lambda *_: None) == [b"all of it"]
    assert answer.closed
