"""GET /metrics for Prometheus: what the processes counted, and what the database knows at this moment.

It names no user and no event; still, keep it inside your network, as any Prometheus endpoint.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import psycopg
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from config.lib.postgres import bounded_cursor
from config.lib.reachable import reason
from config.lib.registry import read_registry
from dlq.selectors import open_letters
from events.bus.base import BusUnavailable
from events.selectors import balance, bus_depth, bus_left_behind, bus_parked, spool_depth
from metrics.selectors import rollup_pending_seconds
from sessions.selectors import waiting

logger = logging.getLogger("sluice.exporter")


class PipelineCollector(Collector):
    """Reads figures of the whole pipeline, which no single process knows, at the moment of the scrape."""

    def collect(self) -> Iterator[Metric]:
        """Yield the pipeline's gauges and counters: those of the spool alone while the database is away."""
        yield from _spool()
        up = _answers()
        yield GaugeMetricFamily("sluice_database_up", "1 where the database answers, else 0.", up)
        for group in (_bus, _parked, _left_behind, _letters, _sessions, _rollups, _books) if up else ():
            yield from _asked(group)


def _answers() -> bool:
    try:
        with bounded_cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, psycopg.Error) as error:
        logger.warning("the database cannot be asked: %s", reason(error))
        return False
    return True


def _asked(group: Callable[[], Iterator[Metric]]) -> list[Metric]:
    """Return the figures of a group; none where they cannot be told, and the others' all the same."""
    try:
        return list(group())
    except (DatabaseError, psycopg.Error, BusUnavailable) as error:
        logger.warning("some figures cannot be told (%s): %s", group.__name__, error)
        return []


def _bus() -> Iterator[Metric]:
    depth = bus_depth()
    yield GaugeMetricFamily("sluice_bus_events", "Events waiting in the bus.", depth.events)
    yield GaugeMetricFamily("sluice_bus_bytes", "Bytes waiting in the bus.", depth.bytes)
    yield GaugeMetricFamily("sluice_bus_oldest_seconds", "Age of the oldest batch.", depth.oldest_seconds)
    yield GaugeMetricFamily(
        "sluice_bus_lag_seconds", "Age of the oldest batch that nobody suspects.", depth.lag_seconds
    )


def _parked() -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "sluice_bus_parked_events", "Events of batches that are tried alone, or wait for it.", bus_parked()
    )


def _left_behind() -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "sluice_bus_left_events", "Events in the inbox while a broker is the bus.", bus_left_behind()
    )


def _letters() -> Iterator[Metric]:
    yield GaugeMetricFamily("sluice_dead_letters", "Dead letters that nobody has decided on.", open_letters())


def _sessions() -> Iterator[Metric]:
    yield GaugeMetricFamily("sluice_session_work", "Entries waiting for their sessions.", waiting())


def _rollups() -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "sluice_rollup_pending_seconds",
        "Time since the oldest event was stored that no rollup counts yet.",
        rollup_pending_seconds(),
    )


def _books() -> Iterator[Metric]:
    books = balance()
    yield GaugeMetricFamily("sluice_missing_events", "Accepted events without an outcome: 0.", books.missing)
    yield CounterMetricFamily("sluice_bus_appended_events", "Events ever appended.", books.accepted)
    settled = CounterMetricFamily(
        "sluice_settled_events", "Events ever settled, by outcome.", labels=["outcome"]
    )
    for outcome, events in books.outcomes.items():
        settled.add_metric([outcome], events)
    yield settled


def _spool() -> Iterator[Metric]:
    depth = spool_depth()
    yield GaugeMetricFamily(
        "sluice_spool_events", "Events on this host's disk, not yet in the bus.", depth.events
    )
    yield GaugeMetricFamily(
        "sluice_spool_bytes", "Bytes that the spool's files take on this host's disk.", depth.disk_bytes
    )
    yield GaugeMetricFamily(
        "sluice_spool_max_bytes", "Bytes that they may take: SPOOL_MAX_BYTES.", settings.SPOOL_MAX_BYTES
    )
    yield GaugeMetricFamily("sluice_spool_oldest_seconds", "Age of the oldest of them.", depth.oldest_seconds)
    yield GaugeMetricFamily(
        "sluice_spool_damaged_files", "Files of the spool that were set aside.", depth.damaged_files
    )


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer a scrape."""
    pipeline = CollectorRegistry()
    pipeline.register(PipelineCollector())
    body = generate_latest(read_registry()) + generate_latest(pipeline)
    return HttpResponse(body, content_type=CONTENT_TYPE_LATEST)
