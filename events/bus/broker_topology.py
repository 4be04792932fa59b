"""The queues in the broker: shards of events, and one for suspects. Their arguments are what the promise rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import amqp
from amqp.exceptions import PreconditionFailed

from events.bus.broker_link import losing

SUSPECTS = "sluice.suspects"
#: Deliveries after which RabbitMQ takes a message for a suspect by itself: one that ends its processor before that
#: can count. All others are found after MAX_ATTEMPTS, far below.
_DELIVERIES = 20
#: RabbitMQ 4 drops after 20 what says nothing else, and nothing may be dropped.
_WITHOUT_END = 1_000_000


class TopologyRefused(Exception):
    """A queue exists with other properties than ours: what it promises is not what Sluice needs."""


@dataclass(frozen=True, slots=True)
class Topology:
    """`shards` queues of together at most `max_bytes`; a project's batches are all in one of them."""

    shards: int
    max_bytes: int

    @property
    def queues(self) -> tuple[str, ...]:
        """Return every queue's name, the suspects' last."""
        return (*(_shard(number) for number in range(self.shards)), SUSPECTS)

    def queue_of(self, project_id: int) -> str:
        """Return the queue of a project: one that floods fills its own shard."""
        return _shard(project_id % self.shards)

    def arguments(self, queue: str) -> dict[str, Any]:
        """Return how `queue` is to be made."""
        if queue == SUSPECTS:
            # Where a policy bounds it against the advice, it shall refuse and not drop.
            return {
                "x-queue-type": "quorum",
                "x-delivery-limit": _WITHOUT_END,
                "x-overflow": "reject-publish",
            }
        return {
            "x-queue-type": "quorum",
            "x-max-length-bytes": self.max_bytes // self.shards,
            "x-overflow": "reject-publish",
            "x-delivery-limit": _DELIVERIES,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": SUSPECTS,
            # Without it a message can be lost on its way to the suspects.
            "x-dead-letter-strategy": "at-least-once",
        }

    def declare(self, channel: amqp.Channel, *queues: str) -> list[Any]:
        """Make the queues, all unless some are named, or see that they are ours; return the broker's answers.

        Raises BrokerLost, TopologyRefused.
        """
        with losing():
            return [self._declare(channel, queue) for queue in queues or self.queues]

    def _declare(self, channel: amqp.Channel, queue: str) -> Any:
        try:
            return channel.queue_declare(
                queue, durable=True, auto_delete=False, arguments=self.arguments(queue)
            )
        except PreconditionFailed as error:
            raise TopologyRefused(str(error.reply_text)) from error


@dataclass(frozen=True, slots=True)
class Counts:
    """Messages that are ready, over all queues, and the consumers of the queue that has fewest and that has most."""

    ready: int
    fewest_consumers: int
    most_consumers: int


def count(channel: amqp.Channel, topology: Topology) -> Counts:
    """Ask every queue what is ready; what processors hold is not. A queue that vanished is made again.

    Raises BrokerLost, TopologyRefused.
    """
    told = topology.declare(channel)
    consumers = [one.consumer_count for one in told]
    return Counts(sum(one.message_count for one in told), min(consumers), max(consumers))


def _shard(number: int) -> str:
    return f"sluice.events.{number}"
