"""The fault proxy of the chaos campaign: each mode does what it says, and closing leaves nothing."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.proxy import FaultProxy
from tests.support.waiting import wait_until


class Echo:
    """A server that sends back what it gets, and keeps it."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        listener.listen()
        self.address = ":".join(map(str, listener.getsockname())) if listener.family != socket.AF_UNIX else ""
        self.received = bytearray()
        self.got = threading.Condition()
        threading.Thread(target=self._accept, daemon=True).start()

    def wait_for(self, data: bytes) -> None:
        with self.got:
            assert self.got.wait_for(lambda: data in self.received, 10), bytes(self.received)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(link,), daemon=True).start()

    def _answer(self, link: socket.socket) -> None:
        with link:
            try:
                while piece := link.recv(65536):
                    with self.got:
                        self.received += piece
                        self.got.notify_all()
                    link.sendall(piece)
            except OSError:
                pass


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo(socket.create_server(("127.0.0.1", 0)))
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[FaultProxy]:
    with FaultProxy(echo.address) as made:
        yield made


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[socket.socket]:
    """A connection through the proxy that works."""
    with connect(proxy) as link:
        assert exchange(link, b"hello") == b"hello"
        yield link


def connect(proxy: FaultProxy) -> socket.socket:
    return socket.create_connection((proxy.host, proxy.port), timeout=10)


def exchange(link: socket.socket, data: bytes) -> bytes:
    link.sendall(data)
    found = b""
    while len(found) < len(data):
        piece = link.recv(65536)
        assert piece, "the connection ended"
        found += piece
    return found


def assert_silent(link: socket.socket) -> None:
    link.settimeout(0.2)
    with pytest.raises(TimeoutError):
        link.recv(1)
    link.settimeout(10)


def test_a_large_answer_passes_whole(client: socket.socket) -> None:
    data = bytes(range(256)) * 4000
    threading.Thread(target=client.sendall, args=(data,), daemon=True).start()
    found = b""
    while len(found) < len(data):
        found += client.recv(65536)
    assert found == data


def test_a_unix_socket_can_be_the_target(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "echo"))
    server = Echo(listener)
    with FaultProxy(str(tmp_path / "echo")) as proxy, connect(proxy) as link:
        assert exchange(link, b"hello") == b"hello"
    server.close()


def test_delay_holds_each_direction(proxy: FaultProxy, client: socket.socket) -> None:
    proxy.set("delay", 0.15)
    started = time.monotonic()
    exchange(client, b"slow")
    assert time.monotonic() - started >= 0.3


def test_rate_bounds_the_bytes_a_second(proxy: FaultProxy, client: socket.socket) -> None:
    proxy.set("rate", 10_000)
    started = time.monotonic()
    exchange(client, bytes(2000))
    assert time.monotonic() - started >= 0.4


def test_a_mode_that_ends_lets_what_it_held_go_at_once(proxy: FaultProxy, client: socket.socket) -> None:
    proxy.set("delay", 3600)
    client.sendall(b"held")
    proxy.set("pass")
    assert client.recv(10) == b"held"


def test_refuse_refuses_and_resets_what_is_open(proxy: FaultProxy, client: socket.socket) -> None:
    proxy.set("refuse")
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    proxy.set("pass")
    with connect(proxy) as again:
        assert exchange(again, b"back") == b"back"


def test_reset_takes_connections_and_breaks_them(proxy: FaultProxy, client: socket.socket) -> None:
    proxy.set("reset")
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with pytest.raises(ConnectionResetError), connect(proxy) as link:
        link.sendall(b"x")
        while True:
            assert not link.recv(1)
            link.sendall(b"x")


def test_a_black_hole_says_nothing_and_gives_back_what_it_took(
    proxy: FaultProxy, echo: Echo, client: socket.socket
) -> None:
    with proxy.fault("blackhole"):
        client.sendall(b"anybody?")
        assert_silent(client)
        with connect(proxy) as fresh:
            assert_silent(fresh)
        assert b"anybody?" not in echo.received
    assert client.recv(20) == b"anybody?"


def test_swallow_loses_answers_and_not_requests(proxy: FaultProxy, echo: Echo, client: socket.socket) -> None:
    with proxy.fault("swallow"):
        client.sendall(b"commit")
        echo.wait_for(b"commit")
        assert_silent(client)
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with connect(proxy) as again:
        assert exchange(again, b"back") == b"back"


def test_a_target_that_is_away_resets(tmp_path: Path) -> None:
    with (
        FaultProxy(str(tmp_path / "nobody")) as proxy,
        pytest.raises(ConnectionResetError),
        connect(proxy) as link,
    ):
        link.recv(1)


@pytest.mark.parametrize("mode", ["pass", "delay", "refuse", "blackhole", "swallow"])
def test_closing_leaves_no_thread_and_no_port(echo: Echo, mode: str) -> None:
    before = threading.active_count()
    proxy = FaultProxy(echo.address)
    with connect(proxy) as link:
        exchange(link, b"hello")
        proxy.set(mode, 3600)
        if mode != "refuse":
            link.sendall(b"held")
        proxy.close()
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)
    # The echo's own thread ends when it hears of it.
    assert wait_until(lambda: threading.active_count() <= before, what="the end of every thread")


def test_an_unknown_mode_is_refused(proxy: FaultProxy) -> None:
    with pytest.raises(ValueError, match="explode"):
        proxy.set("explode")
