"""The buses that the contract tests run against. A broker is one more entry."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from config.lib.postgres import connect
from events.bus.base import Bus, Consumer
from events.bus.postgres import InboxBus
from events.bus.postgres_consumer import InboxConsumer


class PostgresInbox:
    """The inbox table."""

    def bus(self, *, max_events: int = 1000, max_bytes: int = 1 << 20) -> Bus:
        """Return a gateway's side."""
        link = partial(connect, name="contract bus", autocommit=True)
        return InboxBus(link, max_events=max_events, max_bytes=max_bytes, deadline=5)

    def consumer(self, *, lease: float = 60) -> Consumer:
        """Return a processor's side."""
        connection = connect(name="contract consumer", autocommit=True)
        return InboxConsumer(connection, lease=lease)


BUSES: dict[str, Callable[[], PostgresInbox]] = {"postgres": PostgresInbox}
