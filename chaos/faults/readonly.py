"""A read-only database: what a failover to a replica, or an administrator in need of room, makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chaos.faults.base import Scene, fault

if TYPE_CHECKING:
    from chaos.server import Server


@contextmanager
def read_only(server: Server) -> Iterator[None]:
    """Let the server refuse every write while inside, over open connections too."""
    with server.connect() as link:
        link.execute("SET default_transaction_read_only = off")
        link.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        link.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            link.execute("ALTER SYSTEM RESET default_transaction_read_only")
            link.execute("SELECT pg_reload_conf()")


@fault("read-only", "the database answers, and refuses every write", hold=(5.0, 20.0), hold_short=(3.0, 5.0))
@contextmanager
def make_read_only(scene: Scene) -> Iterator[None]:
    """Make it read-only."""
    with read_only(scene.instance.server):
        yield
