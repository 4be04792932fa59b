"""Reads about events and the pipeline, for pages and endpoints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import F, QuerySet, Sum, Value

from config.engine import bus, rollups, store
from config.lib import clock, sqlfile
from config.lib.buckets import ZonedTimeBucket
from config.lib.paging import Page, Position, page_of
from config.lib.postgres import bounded_cursor, reading
from config.lib.registry import read_registry
from events.bus.base import SLOT_SPACE
from events.bus.spool_depth import SpoolDepth, read_depth
from events.bus.switching import waiting_in_inbox
from events.contracts import Depth
from events.gateway import telemetry
from events.gateway.quota import Quota, quota_of
from events.gateway.telemetry import Latency
from events.models import OutcomeCount, Project
from events.roles import Role
from events.store.base import Partition

SQL = sqlfile.load(__file__, "selectors.sql")
_FIRST = datetime(1, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event as stored; `flags` 1 means that characters of it were replaced."""

    event_id: UUID
    ts: datetime
    received_at: datetime
    type: str
    user_id: str
    anonymous_id: str | None
    props: dict[str, Any]
    flags: int


def projects_of(user: User | AnonymousUser) -> QuerySet[Project]:
    """Return the projects whose pages `user` may see, each with his `role` there: a superuser's are all."""
    if not user.is_authenticated:
        return Project.objects.none()
    if user.is_superuser:
        return Project.objects.annotate(role=Value(Role.ADMIN.value))
    return Project.objects.filter(memberships__user=user).annotate(role=F("memberships__role"))


def role_in(project: Project) -> Role:
    """Return the role with which `projects_of` found a project."""
    return Role(project.role)  # type: ignore[attr-defined]


def list_events(
    *,
    project_id: int,
    user_ids: Sequence[str] | None = None,
    type: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[StoredEvent]:
    """Return a project's events, newest first, within start <= ts < end, of everybody or some ids. Raises BadCursor."""
    position = Position.read(cursor)
    params = {
        "project_id": project_id,
        "user_ids": list(user_ids) if user_ids is not None else None,
        "type": type,
        # A cursor bounds the time too, so that days after it are not even planned for.
        "start": start or _FIRST,
        "end": min(end or _LAST, position.ts + _MICROSECOND if position.ts else _LAST),
        "cursor_ts": position.ts,
        "cursor_id": position.id,
        "limit": limit + 1,
    }
    block = "list" if user_ids is None else "list_of"
    return page_of(_events(block, params), limit, lambda event: Position(event.ts, event.event_id))


def get_event(*, project_id: int, event_id: UUID) -> StoredEvent | None:
    """Return one event, found through the ledger, or None."""
    found = _events("get", {"project_id": project_id, "event_id": event_id})
    return found[0] if found else None


def throughput(
    *, project_id: int | None, minutes: int = 60, width: str = "1 minute", zone: str = "UTC"
) -> list[tuple[datetime, str, int]]:
    """Return (bucket, outcome, events) of the last `minutes`, oldest first; of all projects where None.

    Buckets are `width` wide and begin where the clocks of the time zone `zone` show the start of one.
    """
    rows = OutcomeCount.timescale.using(reading()).filter(
        minute__gte=clock.now() - timedelta(minutes=minutes)
    )
    if project_id is not None:
        rows = rows.filter(project_id=project_id)
    buckets = rows.values("outcome", bucket=ZonedTimeBucket("minute", width, zone))
    counted = buckets.annotate(total=Sum("events"))
    return [(row["bucket"], row["outcome"], row["total"]) for row in counted.order_by("bucket", "outcome")]


def bus_depth() -> Depth:
    """Return what waits in the bus."""
    return bus().depth()


def bus_parked() -> int:
    """Return how many events of suspects wait in the bus."""
    return bus().parked()


def bus_left_behind() -> int:
    """Return how many events wait in the inbox while a broker is the bus: nobody reads it then."""
    if not settings.BUS_IS_BROKER:
        return 0
    with bounded_cursor() as cursor:
        return waiting_in_inbox(cursor)


def processors() -> int:
    """Return how many processors work, on all hosts: each holds a slot of the bus."""
    with bounded_cursor() as cursor:
        ((count,),) = cursor.execute(SQL["processors"], {"space": SLOT_SPACE}).fetchall()
    return int(count)


def claim_size() -> int | None:
    """Return how many events a processor of this host claims at most, by the latest claim; None before the first."""
    families = (family for family in read_registry().collect() if family.name == "sluice_claim_size")
    return int(max((sample.value for family in families for sample in family.samples), default=0)) or None


def project_quota(project: Project) -> Quota | None:
    """Return the quota that holds for a project; None where there is none."""
    return quota_of(project.pk, project.quota_events_per_second, project.quota_burst_events)


def spool_depth() -> SpoolDepth:
    """Return what waits on this host's disk for the bus to come back. No database is asked."""
    return read_depth(settings.SPOOL_DIR)


@dataclass(frozen=True, slots=True)
class Stored:
    """A partition with the rows that the rollups count, and how many of its events are the project's."""

    partition: Partition
    events: int


def partitions(*, project_id: int | None = None) -> list[Stored]:
    """Return what is in store, newest first; None is no project's events.

    The store estimates its rows, and knows nothing of columns that nobody analyzed. Where raw events were dropped
    before, the rollups count those too, and the estimate is better than that.
    """
    with bounded_cursor() as cursor:
        found, sealed_before = store().partitions(cursor), rollups().sealed_before(cursor)
        rows = cursor.execute(SQL["events_by_day"], {"project_id": project_id}).fetchall()
    own, everyones = {day: count for day, count, _ in rows}, {day: count for day, _, count in rows}
    return [Stored(_counted(one, everyones, sealed_before), _sum(one, own)) for one in found]


def _counted(partition: Partition, counts: dict[date, int], sealed_before: date | None) -> Partition:
    if sealed_before is not None and partition.day < sealed_before:
        return partition
    return replace(partition, rows=_sum(partition, counts))


def _sum(partition: Partition, counts: dict[date, int]) -> int:
    return sum(counts.get(day, 0) for day in partition.days)


def ack_latency() -> Latency:
    """Return how long this host's acknowledgements took since it started."""
    return telemetry.ack_latency()


@dataclass(frozen=True, slots=True)
class Balance:
    """The pipeline's books: `accepted` must equal `waiting` plus the sum of `outcomes` at every moment."""

    accepted: int
    waiting: int
    outcomes: dict[str, int]

    @property
    def missing(self) -> int:
        """Return how many accepted events have no outcome and are not in the bus: 0, or something is wrong."""
        return self.accepted - self.waiting - sum(self.outcomes.values())


def balance() -> Balance:
    """Read the pipeline's books in one statement, so that they belong to one moment."""
    with bounded_cursor() as cursor:
        ((accepted, waiting, by_outcome),) = cursor.execute(SQL["balance"]).fetchall()
    return Balance(accepted, waiting, json.loads(by_outcome))


def _events(block: str, params: dict[str, Any]) -> list[StoredEvent]:
    with bounded_cursor() as cursor:
        return [_stored(*row) for row in cursor.execute(SQL[block], params).fetchall()]


def _stored(*row: Any) -> StoredEvent:
    event_id, ts, received_at, kind, user_id, anonymous_id, props, flags = row
    return StoredEvent(event_id, ts, received_at, kind, user_id, anonymous_id, json.loads(props), flags)
