"""Drives the pipeline inside a test's own process and database: append, process, catch up, rebuild sessions."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from config import engine
from config.lib import clock
from config.lib.postgres import connect
from events.bus.base import Consumer
from events.contracts import Batch, Lane
from events.gateway.encode import encode_batches
from events.models import Project
from events.processor.pipeline import Pipeline
from events.reasons import Outcome
from sessions.services import rebuild_touched
from tests.support.waiting import wait_until

NOON = datetime(2025, 6, 2, 12, tzinfo=UTC)
Outcomes = Counter[tuple[int, Outcome]]


def event(
    user: str = "u1",
    ts: datetime = NOON,
    *,
    type: str = "page_view",
    id: str | None = None,
    **props: Any,
) -> dict[str, Any]:
    """Return an event as a client would send it, with an id of its own unless one is given."""
    return {
        "eventId": id or str(uuid.uuid4()),
        "ts": ts.isoformat(),
        "type": type,
        "userId": user,
        "props": props,
    }


def new_project() -> int:
    """Make a project without keys and return its id."""
    return Project.objects.create(slug=uuid.uuid4().hex).pk


def append(
    project_id: int, events: Iterable[dict[str, Any]], *, lane: Lane = Lane.HISTORICAL, size: int = 500
) -> None:
    """Encode events as the gateway would and put them on the bus, `size` a batch."""
    for batch in encode_batches(project_id, lane, events, clock.now(), size):
        engine.bus().append(batch)


def append_rows(project_id: int, *lines: bytes) -> None:
    """Put hand-made COPY lines on the bus as one batch: what no gateway would write."""
    rows = b"".join(line + b"\n" for line in lines)
    engine.bus().append(Batch(project_id, Lane.LIVE, len(lines), rows))


def copy_line(
    project_id: int, *, user: str = "u1", ts: str = "2025-06-02T12:00:00+00:00", props: str = "{}"
) -> bytes:
    """Return a COPY line as the gateway writes it; `ts` and `props` may be anything."""
    fields = (
        str(project_id),
        str(uuid.uuid4()),
        ts,
        "2025-06-02T12:00:01+00:00",
        "page_view",
        user,
        r"\N",
        props,
        "0",
    )
    return "\t".join(fields).encode()


Processor = tuple[Consumer, Pipeline]


@contextmanager
def processor() -> Iterator[Processor]:
    """Open a processor for several rounds."""
    consumer, pipeline = engine.processor()
    try:
        yield consumer, pipeline
    finally:
        consumer.close()
        pipeline.close()


def process_all(with_: Processor | None = None) -> Outcomes:
    """Run a processor until the bus is empty, and catch up; return what became of the events."""
    outcomes: Outcomes = Counter()
    with processor() if with_ is None else nullcontext(with_) as (consumer, pipeline):
        while ids := consumer.claim(1000):
            outcomes += pipeline.run(ids)
    catch_up()
    return outcomes


def catch_up() -> None:
    """Bring the rollups up to what is stored, as Celery would."""
    with connect(name="test rollups", autocommit=True) as link:
        wait_until(lambda: engine.rollups().catch_up(link), what="the rollups' catching up")


def rebuild_sessions() -> int:
    """Do the session work there is, as Celery would."""
    with connect(name="test sessions", autocommit=True) as link:
        return rebuild_touched(connection=link)


def store_all(project_id: int, events: Iterable[dict[str, Any]], *, size: int = 500) -> Outcomes:
    """Append, process and rebuild sessions."""
    append(project_id, events, size=size)
    outcomes = process_all()
    rebuild_sessions()
    return outcomes


def rows(query: str, *params: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return list(cursor.fetchall())


def let_go() -> None:
    """End the connections that the pipeline opened in this process, so that the database can be dropped.

    TimescaleDB's own workers have other names, and go when the database is dropped.
    """
    engine.bus.cache_clear()
    engine.ingest_bus.cache_clear()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name LIKE 'sluice %'"
        )
