"""The tests' RabbitMQ: the one that the campaign of faults starts too."""

from __future__ import annotations

from chaos.rabbitmq import RabbitMQ, missing
from events.bus.broker_link import drop, open_connection
from events.bus.broker_topology import Topology

__all__ = ["RabbitMQ", "forget_queues", "missing"]


def forget_queues(url: str, shards: int = 64) -> None:
    """Delete Sluice's queues with all that is in them."""
    connection = open_connection(url, name="test", timeout=10)
    try:
        channel = connection.channel()
        for queue in Topology(shards=shards, max_bytes=1).queues:
            channel.queue_delete(queue)
    finally:
        drop(connection)
