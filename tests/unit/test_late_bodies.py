"""Late requests get an answer of a length of their own, by which exactly their connections are found and ended."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from config import late_bodies as module
from config.late_bodies import Arrival, LateBodies
from config.lib import sockets

pytestmark = pytest.mark.skipif(not sockets.SUPPORTED, reason="connections are found on Linux only")
_HEAD = "HTTP/1.1 408 Request Timeout\r\n{}server: granian\r\ncontent-length: {}\r\ndate: {:29}\r\n\r\n"


class Peer:
    """A connection: our side of it, and the client's."""

    def __init__(self, listener: socket.socket) -> None:
        self.client = socket.create_connection(listener.getsockname())
        self.ours, _ = listener.accept()
        for link in (self.client, self.ours):
            link.settimeout(10)

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer as granian does."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        self.ours.sendall(_HEAD.format(lines, len(body), "now").encode() + body)

    def is_readable(self) -> bool:
        """Tell whether what the client sends still arrives."""
        self.client.sendall(b"x")
        return self.ours.recv(1) == b"x"


@pytest.fixture
def peers() -> Iterator[list[Peer]]:
    """Three connections of one address."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        made = [Peer(listener) for _ in range(3)]
        for one in made:
            stack.enter_context(one.client)
            stack.enter_context(one.ours)
        yield made


def arrival(peer: Peer) -> Arrival:
    return Arrival(peer, "127.0.0.1", 100)


def ended(peer: Peer) -> bool:
    return peer.ours.recv(1) == b""


def test_of_many_connections_of_an_address_only_the_late_ones_end(peers: list[Peer]) -> None:
    slow, asked, other = peers
    late = LateBodies()
    late.answer([arrival(slow), arrival(other)], lambda _: True)
    asked.ours.sendall(b"an answer")
    late.end()
    assert ended(slow) and ended(other) and asked.is_readable()


def test_what_was_complete_at_the_last_moment_is_left_alone(peers: list[Peer]) -> None:
    late = LateBodies()
    late.answer([arrival(peers[0])], lambda _: False)
    late.end()
    assert len(late) == 0 and peers[0].is_readable()


def test_where_two_might_be_meant_none_is_cut(peers: list[Peer]) -> None:
    slow, twin, _ = peers
    late = LateBodies()
    late.answer([arrival(slow)], lambda _: True)
    twin.ours.sendall(slow.client.recv(65_536))
    late.end()
    assert slow.is_readable() and twin.is_readable()


def test_who_was_answered_something_else_as_well_is_not_found(peers: list[Peer]) -> None:
    slow = peers[0]
    late = LateBodies()
    late.answer([arrival(slow)], lambda _: True)
    slow.ours.sendall(b"more")
    late.end()
    assert slow.is_readable()


def test_an_answer_that_the_client_does_not_take_is_found_too(peers: list[Peer]) -> None:
    slow = peers[0]
    before = sockets.written({"127.0.0.1"})
    slow.ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
    slow.client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    sent = slow.ours.send(b"a" * 200_000)
    after = sockets.written({"127.0.0.1"})
    changed = [after["127.0.0.1"][inode] - count for inode, count in before["127.0.0.1"].items()]
    assert sorted(changed)[-1] == sent


def test_no_two_answers_have_one_length(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []

    class Exchange:
        def response_bytes(self, status: int, headers: Any, body: bytes) -> None:
            lengths.append(len(body))

    monkeypatch.setattr(module.sockets, "written", lambda peers: {"": {}})
    late = LateBodies()
    late.answer([Arrival(Exchange(), "", 1) for _ in range(300)], lambda _: True)
    assert len(set(lengths)) == 300
