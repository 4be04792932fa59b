"""Connections to the broker: opened through kombu, bounded in time, and their many errors made one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import amqp
import kombu
from amqp.exceptions import AMQPError

#: What py-amqp raises when a connection is lost. AttributeError: it takes its own parts away while they are in use.
_LOST = (OSError, AMQPError, AttributeError)


class BrokerLost(OSError):
    """The broker is away, or the connection to it is."""


@contextmanager
def losing() -> Iterator[None]:
    """Turn whatever goes wrong with a connection into BrokerLost."""
    try:
        yield
    except _LOST as error:
        raise BrokerLost(f"the broker: {type(error).__name__}: {error}") from error


def open_connection(url: str, *, name: str, timeout: float, heartbeat: float = 0) -> amqp.Connection:
    """Connect within about `timeout` seconds, which bounds each later write too. Raises BrokerLost.

    `name` is shown by RabbitMQ; without the silence of a `heartbeat` (seconds) being noticed, TCP has to notice.
    """
    options: dict[str, Any] = {
        "write_timeout": max(timeout, 1.0),
        "client_properties": {"connection_name": f"sluice {name}"},
    }
    with losing():
        # Connecting takes several round trips, and each may wait this long.
        client = kombu.Connection(
            url, connect_timeout=timeout / 2, heartbeat=heartbeat, transport_options=options
        )
        connection = client.transport.establish_connection()
        # No answer is waited for longer than this, unless the caller says how long.
        connection.sock.settimeout(timeout)
        return connection


def drop(connection: amqp.Connection | None) -> None:
    """Close the socket at once, without a word: nothing waits for a broker that may be away."""
    if connection is not None:
        connection.collect()
