"""Finds this process's connections by what the kernel knows of them: the server in front of us does not give them."""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager

#: Where `struct tcp_info` holds the milliseconds since data were last sent; the same in every Linux since 2.6.
_LAST_DATA_SENT, _TCP_INFO_SIZE = 44, 60
#: Moments of the kernel and of ours are not taken at once; an interim answer (100) counts as sent.
_TOLERANCE_SECONDS = 0.5
#: Elsewhere nothing is found, and nothing is cut.
SUPPORTED = hasattr(socket, "TCP_INFO") and os.path.isdir("/proc/self/fd")


def cut_unanswered(peers: Mapping[str, float], suspects: Set[int]) -> set[int]:
    """End the receiving side of connections that `suspects` names; what reads from them comes to its end.

    `peers` gives seconds by address: unanswered is a connection from there on which nothing was sent for so long.
    Returns these, for the next call: one that is unanswered twice in a row was not merely asked just now. A
    connection that idles between two requests may be among them, which HTTP lets a server close at any time.
    """
    found: set[int] = set()
    for handle in _sockets():
        with _opened(handle) as (inode, link):
            if link is None or not _is_unanswered(link, peers):
                continue
            found.add(inode)
            if inode in suspects:
                link.shutdown(socket.SHUT_RD)
    return found


def _sockets() -> Iterator[int]:
    for name in os.listdir("/proc/self/fd"):
        try:
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                yield int(name)
        except OSError:
            continue


@contextmanager
def _opened(handle: int) -> Iterator[tuple[int, socket.socket | None]]:
    """Give the inode and a second handle of a socket, for the number may mean another one at any moment."""
    try:
        copy = os.dup(handle)
    except OSError:
        yield 0, None
        return
    try:
        link = socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        yield 0, None
        return
    with link:
        try:
            yield os.fstat(copy).st_ino, link
        except OSError:
            # It ended meanwhile, which is all that was wanted.
            pass


def _is_unanswered(link: socket.socket, peers: Mapping[str, float]) -> bool:
    if link.family not in (socket.AF_INET, socket.AF_INET6) or link.type != socket.SOCK_STREAM:
        return False
    try:
        address = link.getpeername()[0]
    except OSError:  # a listening socket
        return False
    seconds = peers.get(address)
    return seconds is not None and _unsent_seconds(link) >= seconds - _TOLERANCE_SECONDS


def _unsent_seconds(link: socket.socket) -> float:
    info = link.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
    (milliseconds,) = struct.unpack_from("=I", info, _LAST_DATA_SENT)
    return float(milliseconds) / 1000
