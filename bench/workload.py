"""Generated events: seeded, in time order, of a size and shape that product teams send."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

TYPES = ("page_view", "product_view", "add_to_cart", "search", "purchase")
WEIGHTS = (60, 25, 8, 5, 2)
USERS = 20_000
SPAN = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Workload:
    """`bodies` are request bodies; `rows` the same events as COPY text for the limit; start and end bound them."""

    events: int
    bodies: list[bytes]
    rows: bytes
    start: datetime
    end: datetime


def make(*, events: int, batch: int, seed: int) -> Workload:
    """Generate `events` events over two hours up to now, in bodies of `batch`."""
    random = Random(seed)
    end = datetime.now(UTC).replace(second=0, microsecond=0)
    start = end - SPAN
    pairs = [_event(random, start + SPAN * (number / events)) for number in range(events)]
    bodies = [
        b"[" + b",".join(body for body, _ in pairs[first : first + batch]) + b"]"
        for first in range(0, events, batch)
    ]
    return Workload(events, bodies, b"".join(row for _, row in pairs), start, end)


def _event(random: Random, ts: datetime) -> tuple[bytes, bytes]:
    kind = random.choices(TYPES, WEIGHTS)[0]
    user = f"user-{int(USERS * random.random() ** 2):05d}"
    event_id = uuid.UUID(int=random.getrandbits(128), version=4)
    props = (
        f'{{"path":"/products/{random.randrange(500)}","referrer":"https://search.example/",'
        f'"device":"{random.choice(("phone", "desktop"))}","country":"{random.choice(("DE", "FR", "US"))}",'
        f'"amount":{random.randrange(10_000) / 100}}}'
    )
    moment = ts.isoformat()
    body = f'{{"eventId":"{event_id}","type":"{kind}","userId":"{user}","ts":"{moment}","props":{props}}}'
    row = f"1\t{event_id}\t{moment}\t{moment}\t{kind}\t{user}\t\\N\t{props}\t0\n"
    return body.encode(), row.encode()


def chunks(rows: bytes, size: int = 1 << 20) -> Iterator[bytes]:
    """Cut COPY text into pieces to send."""
    view = memoryview(rows)
    return (bytes(view[at : at + size]) for at in range(0, len(rows), size))
