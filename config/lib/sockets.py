"""Finds this process's connections by what the kernel knows of them: the server in front of us does not give them."""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import Iterator, Set
from contextlib import contextmanager
from fcntl import ioctl
from termios import TIOCOUTQ

#: Where `struct tcp_info` holds the bytes that the peer has confirmed. Linux before 4.1 gives less.
_BYTES_CONFIRMED, _TCP_INFO_SIZE = 120, 128
#: Elsewhere nothing is found, and nothing is cut.
SUPPORTED = hasattr(socket, "TCP_INFO") and os.path.isdir("/proc/self/fd")


def written(peers: Set[str]) -> dict[str, dict[int, int]]:
    """Return how many bytes were written to the connections from these addresses: by address, then by inode.

    Only differences mean something: where counting begins is the kernel's affair.
    """
    found: dict[str, dict[int, int]] = {peer: {} for peer in peers}
    for handle in _sockets():
        with _opened(handle) as (inode, link):
            of_peer = found.get(_peer(link)) if link else None
            if link and of_peer is not None and (count := _bytes_written(link)) is not None:
                of_peer[inode] = count
    return found


def stop_reading(inodes: Set[int]) -> None:
    """End the receiving side of these connections; what reads from them comes to its end."""
    for handle in _sockets():
        with _opened(handle) as (inode, link):
            if link and inode in inodes:
                link.shutdown(socket.SHUT_RD)


def _sockets() -> Iterator[int]:
    for name in os.listdir("/proc/self/fd") if SUPPORTED else ():
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


def _peer(link: socket.socket) -> str:
    """Return whom a TCP connection is with; "" for all else. Raises OSError for a listening socket."""
    is_tcp = link.family in (socket.AF_INET, socket.AF_INET6) and link.type == socket.SOCK_STREAM
    return str(link.getpeername()[0]) if is_tcp else ""


def _bytes_written(link: socket.socket) -> int | None:
    """Return what the peer has confirmed and what waits for that; None if it is confirming just now."""
    confirmed = _bytes_confirmed(link)
    (waiting,) = struct.unpack("=i", ioctl(link.fileno(), TIOCOUTQ, bytes(4)))
    return confirmed + int(waiting) if _bytes_confirmed(link) == confirmed else None


def _bytes_confirmed(link: socket.socket) -> int:
    info = link.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
    if len(info) < _TCP_INFO_SIZE:
        raise OSError("this kernel does not tell")
    return int(struct.unpack_from("=Q", info, _BYTES_CONFIRMED)[0])
