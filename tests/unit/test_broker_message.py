"""What a broker carries: joined batches of a bearable size, and messages that can be dealt with whatever they hold."""

from __future__ import annotations

import amqp

from events.bus.broker_message import decode, encode, join
from events.bus.broker_topology import SUSPECTS, Topology
from events.contracts import Batch, Lane


def batch(project: int, size: int = 3) -> Batch:
    return Batch(project, Lane.LIVE, 1, b"x" * (size - 1) + b"\n")


def test_batches_of_one_project_are_joined() -> None:
    joined = list(join([batch(1), batch(2), batch(1)]))
    assert [(one.project_id, one.events) for one in joined] == [(1, 2), (2, 1)]


def test_a_joined_batch_stays_small_and_no_batch_is_lost() -> None:
    sent = [batch(1, 200 << 10) for _ in range(7)] + [batch(1, 3 << 20), batch(1)]
    joined = list(join(sent))
    assert sum(one.events for one in joined) == 9
    assert sorted(one.size >> 10 for one in joined) == [0, 200, 400, 400, 400, 3072]


def test_a_message_comes_out_as_it_went_in() -> None:
    sent = Batch(7, Lane.HISTORICAL, 1, b"\xff\\n\n")
    message = decode(delivered(encode(sent)), number=5, suspects=SUSPECTS)
    assert message.batch() == sent
    assert (message.project_id, message.lane, message.events, message.size) == (7, "historical", 1, 4)
    assert not message.suspect


def test_a_message_that_was_delivered_before_is_a_suspect() -> None:
    assert decode(delivered(encode(batch(1)), redelivered=True), number=1, suspects=SUSPECTS).suspect
    assert decode(delivered(encode(batch(1)), queue=SUSPECTS), number=1, suspects=SUSPECTS).suspect


def delivered(message: amqp.Message, *, redelivered: bool = False, queue: str = "q") -> amqp.Message:
    message.delivery_info = {"redelivered": redelivered, "consumer_tag": queue, "delivery_tag": 1}
    return message


def test_every_project_has_one_queue_and_every_queue_its_share_of_the_bound() -> None:
    topology = Topology(shards=4, max_bytes=4000)
    assert len({topology.queue_of(project) for project in range(100)}) == 4
    shards = [queue for queue in topology.queues if queue != SUSPECTS]
    assert sum(topology.arguments(queue)["x-max-length-bytes"] for queue in shards) == 4000
    assert "x-max-length-bytes" not in topology.arguments(SUSPECTS), "nothing may be refused on its way there"
