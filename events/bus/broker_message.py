"""A batch as a message: its bytes, and in front of them what is to be known before they are read."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import amqp
import uuid_utils

from events.bus.merge import merge
from events.bus.unreadable import unreadable
from events.bus.wire import Damaged, pack, unpack
from events.contracts import Batch, Lane, reject_id

#: Joined batches stay below this; one that is larger by itself stays whole. RabbitMQ 4 takes 16 MiB.
_JOINED_BYTES = 512 << 10


def join(batches: Sequence[Batch]) -> Iterator[Batch]:
    """Join the batches of each project and lane into messages of a bearable size, in their order."""
    run: list[Batch] = []
    size = 0
    for batch in batches:
        if run and size + batch.size > _JOINED_BYTES:
            yield from merge(run)
            run, size = [], 0
        run.append(batch)
        size += batch.size
    yield from merge(run)


def encode(batch: Batch) -> amqp.Message:
    """Return the message that carries the batch. Its id is of this sending: a batch sent twice is two messages."""
    headers = {
        "project": batch.project_id,
        "lane": batch.lane.value,
        "events": batch.accepted,
        "bytes": batch.size,
        "accepted": datetime.now(UTC).isoformat(),
    }
    message_id = str(uuid_utils.uuid7())
    return amqp.Message(pack(batch), delivery_mode=2, message_id=message_id, application_headers=headers)


@dataclass(slots=True, eq=False)
class Message:
    """A message that a processor holds. `number` is its own within the process, `tag` the channel's.

    A `suspect` was delivered before, comes from the suspects' queue, or was parked: it is claimed alone. Attempts are
    counted durably where it was `delivered_before`; `due` is when it may be claimed, on the monotonic clock.
    """

    number: int
    tag: int
    queue: str
    id: uuid.UUID
    project_id: int
    lane: str
    events: int
    size: int
    accepted_at: datetime
    body: bytes
    suspect: bool
    delivered_before: bool
    attempts: int = 1
    due: float = 0.0

    def batch(self) -> Batch:
        """Return the batch; where it cannot be read, dead letters that hold its bytes."""
        try:
            return unpack(self.body)
        except Damaged as error:
            return unreadable(self.project_id, self.lane, self.events, self.body, error)


def decode(raw: amqp.Message, *, number: int, suspects: str) -> Message:
    """Return the message as it came. Whatever stands in its headers, there is a message to deal with."""
    info, headers = raw.delivery_info, raw.properties.get("application_headers") or {}
    body = raw.body if isinstance(raw.body, bytes) else bytes(str(raw.body), "utf-8", "replace")
    # Consumers are named after their queues.
    queue = info["consumer_tag"]
    before = bool(info["redelivered"] or headers.get("x-delivery-count") or headers.get("x-death"))
    return Message(
        number=number,
        tag=info["delivery_tag"],
        queue=queue,
        id=_uuid(raw.properties.get("message_id"), body),
        project_id=_whole(headers.get("project"), 0),
        lane=Lane.HISTORICAL.value if headers.get("lane") == Lane.HISTORICAL.value else Lane.LIVE.value,
        events=max(1, _whole(headers.get("events"), 1)),
        size=_whole(headers.get("bytes"), len(body)),
        accepted_at=_moment(headers.get("accepted")),
        body=body,
        suspect=before or queue == suspects,
        delivered_before=before or queue == suspects,
    )


def _uuid(text: Any, body: bytes) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except (TypeError, ValueError, AttributeError):
        return reject_id(body)


def _whole(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) and 0 <= value < 2**31 else otherwise


def _moment(text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (TypeError, ValueError):
        return datetime.now(UTC)
