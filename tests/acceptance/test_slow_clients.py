"""Clients that send slowly, lie about lengths, or do not read: others never notice, and nothing of them stays."""

from __future__ import annotations

import gzip
import time
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator

import brotli
import psutil
import pytest
import zstandard

from tests.support import http, raw_http
from tests.support.instance import RunningSluice
from tests.support.raw_http import Tricklers, exchange, head
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]
TIMEOUT = 3
#: What the watchdog may take beyond: its turn, a second look, and a busy machine.
GRACE = 3.0
_EVENT = b'{"type":"odd","userId":"u1"}'
_CHUNKED = b"1c\r\n" + _EVENT + b"\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def sluice() -> Iterator[RunningSluice]:
    with RunningSluice(env={"BODY_TIMEOUT_SECONDS": str(TIMEOUT), "PROCESSORS": "1"}) as running:
        # Both processes have connections and know the key.
        for _ in range(20):
            assert running.send({"type": "first", "userId": "u1"}).status == 202
        yield running


def honest(sluice: RunningSluice, until: Callable[[], bool]) -> list[float]:
    """Send single events over new connections until `until`; return how long each took. All must be accepted."""
    key, took = sluice.keys["write_key"], []
    while not until():
        began = time.monotonic()
        answer = http.post_json(f"{sluice.base_url}/api/events", {"type": "honest", "userId": "h"}, key=key)
        took.append(time.monotonic() - began)
        assert answer.status == 202, answer.body
    return sorted(took)


def p99(took: list[float]) -> float:
    return took[int(len(took) * 0.99)]


def assert_alive(sluice: RunningSluice) -> None:
    assert sluice.send({"type": "after", "userId": "u1"}).status == 202


@pytest.mark.parametrize("silent", [False, True], ids=["trickling", "silent"])
@pytest.mark.parametrize("number", [64, 200])
def test_slow_bodies_are_cut_and_hold_up_nobody(sluice: RunningSluice, number: int, silent: bool) -> None:
    with Tricklers(sluice.port, sluice.keys["write_key"], number, silent=silent) as slow:
        deadline = time.monotonic() + TIMEOUT + 2 * GRACE
        took = honest(sluice, lambda: all(one.ended for one in slow) or time.monotonic() > deadline)
    assert len(took) > 20 and p99(took) < 2.0
    # A byte that comes after the end resets the connection, and its answer may be lost with it.
    statuses = [one.status for one in slow]
    assert set(statuses) <= {408, 0} and statuses.count(408) > number / 2
    assert max(one.ended or 99 for one in slow) < TIMEOUT + GRACE


def test_a_body_that_is_slow_but_in_time_is_accepted(sluice: RunningSluice) -> None:
    raw = raw_http.event(sluice.keys["write_key"])
    with raw_http.connect(sluice.port) as link:
        for start in range(0, len(raw), len(raw) // 5):
            link.sendall(raw[start : start + len(raw) // 5])
            # Slowness itself is what is tested.
            time.sleep(TIMEOUT / 10)
        assert link.recv(100).startswith(b"HTTP/1.1 202")


@pytest.mark.parametrize(
    ("lines", "body", "status"),
    [
        (["Content-Length: 1000"], _EVENT, 408),
        (["Content-Length: 5"], _EVENT, 400),
        (["Content-Length: -1"], _EVENT, 400),
        (["Content-Length: +28"], _EVENT, 400),
        (["Content-Length: 28, 28"], _EVENT, 400),
        (["Content-Length: 28", "Content-Length: 29"], _EVENT, 400),
        (["Content-Length: 99999999999999999999999"], _EVENT, 400),
        (["Content-Length: 5000000"], _EVENT, 413),
        (["Transfer-Encoding: identity"], _EVENT, 400),
        (["Transfer-Encoding: chunked"], b"ZZ\r\n" + _EVENT, 400),
        (["Transfer-Encoding: chunked"], b"fffffffffffffffff\r\n" + _EVENT, 400),
        # The chunks count, and the connection is closed: what a proxy took for a second request is not heard.
        (["Content-Length: 3", "Transfer-Encoding: chunked"], _CHUNKED, 202),
        (["Transfer-Encoding: chunked"], _CHUNKED, 202),
        ([], b"", 400),
    ],
)
def test_a_length_that_is_a_lie(sluice: RunningSluice, lines: list[str], body: bytes, status: int) -> None:
    found = exchange(sluice.port, head(sluice.keys["write_key"], *lines) + body)
    assert found.status == status, found.answer
    if len(lines) == 2:
        assert found.ended is not None
    assert_alive(sluice)


def test_a_half_closed_connection_ends_at_once(sluice: RunningSluice) -> None:
    """Who has sent a whole request and closed is taken for gone; a cut body is refused, not taken for a whole one."""
    key = sluice.keys["write_key"]
    whole = exchange(sluice.port, raw_http.event(key), half_close=True)
    assert whole.status in (0, 202) and whole.ended is not None
    short = exchange(sluice.port, head(key, "Content-Length: 1000") + _EVENT, half_close=True)
    assert short.status == 400 and b"shorter than its Content-Length" in short.answer


@pytest.mark.parametrize(("path", "status"), [("/api/dlq/discard", 400), ("/login", 403)])
def test_a_cut_body_is_refused_everywhere(sluice: RunningSluice, path: str, status: int) -> None:
    user = b64encode(f"{sluice.keys['admin_user']}:{sluice.keys['admin_password']}".encode()).decode()
    kind = "application/json" if path.startswith("/api/") else "application/x-www-form-urlencoded"
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Basic {user}",
        f"Content-Type: {kind}",
    ]
    raw = "\r\n".join([*lines, "Content-Length: 1000", "", '{"ids": [1]}']).encode()
    found = exchange(sluice.port, raw, half_close=True)
    assert found.status == status, found.answer
    assert_alive(sluice)


def test_pipelined_requests_are_all_answered_in_order(sluice: RunningSluice) -> None:
    live = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    found = exchange(sluice.port, (raw_http.event(sluice.keys["write_key"]) + live) * 10)
    statuses = [part[:3] for part in found.answer.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"202", b"200"] * 10


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n", 431),
        (b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 2000 + b"\r\n", 431),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: \x00\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0),
    ],
    ids=["huge header", "many headers", "long address", "NUL", "TLS", "HTTP/2"],
)
def test_a_head_that_is_no_request(sluice: RunningSluice, raw: bytes, status: int) -> None:
    found = exchange(sluice.port, raw)
    assert (found.status, found.ended is not None) == (status, True), found.answer[:200]
    assert_alive(sluice)


@pytest.mark.parametrize("raw", [b"", b"GET /health/live HTTP/1.1\r\nHost: loc"], ids=["nothing", "half"])
def test_a_head_that_does_not_come_is_given_up_after_ten_seconds(sluice: RunningSluice, raw: bytes) -> None:
    found = exchange(sluice.port, raw)
    assert found.ended is not None and 9 < found.ended < 13


@pytest.mark.parametrize(
    "path",
    ["/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js", "/api/schema"],
)
def test_who_does_not_read_the_answer_holds_up_nobody(sluice: RunningSluice, path: str) -> None:
    links = [raw_http.connect(sluice.port, receive_buffer=2048) for _ in range(64)]
    try:
        for link in links:
            link.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        deadline = time.monotonic() + 4
        assert p99(honest(sluice, lambda: time.monotonic() > deadline)) < 2.0
    finally:
        for link in links:
            link.close()


def bomb(encoding: str) -> bytes:
    """Return a body of less than 1 MiB that inflates to 256 MiB of spaces."""
    spaces = b" " * (256 << 20)
    match encoding:
        case "gzip":
            return gzip.compress(spaces, 9)
        case "deflate":
            return zlib.compress(spaces, 9)
        case "br":
            return bytes(brotli.compress(spaces, quality=5))
    return bytes(zstandard.ZstdCompressor(19).compress(spaces))


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_is_refused_in_little_memory(sluice: RunningSluice, encoding: str) -> None:
    body = bomb(encoding)
    assert len(body) < 1 << 20
    before = web_memory(sluice)
    for _ in range(8):
        headers = {"Authorization": f"Bearer {sluice.keys['write_key']}", "Content-Encoding": encoding}
        answer = http.request("POST", f"{sluice.base_url}/api/events", body=body, headers=headers)
        assert answer.status == 413
    assert web_memory(sluice) - before < 64 << 20


def web_memory(sluice: RunningSluice) -> int:
    """Return the bytes that the web processes hold."""
    return sum(psutil.Process(pid).memory_info().rss for pid in sluice.pids("web"))


def test_afterwards_no_connection_is_left(sluice: RunningSluice) -> None:
    def left() -> int:
        links = [link for pid in sluice.pids("web") for link in psutil.Process(pid).net_connections("tcp")]
        return sum(link.status != psutil.CONN_LISTEN for link in links)

    wait_until(lambda: left() == 0, seconds=20, what="the end of all connections")
    assert "Traceback" not in sluice.log(), sluice.log()[sluice.log().index("Traceback") - 2000 :]
