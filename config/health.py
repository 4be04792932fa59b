"""Liveness and readiness. Their answers name no host, version or address: anybody may ask."""

from __future__ import annotations

import logging
import os
import time
from functools import cache

import psycopg
from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config.engine import bus, ingest_bus
from config.lib.postgres import connect
from config.lib.reachable import reason
from config.lib.sqlfile import load
from config.replica import begin_look
from events.bus.base import SLOT_SPACE
from events.selectors import spool_depth

logger = logging.getLogger("sluice.health")
SQL = load(__file__, "health.sql")
_OK = "ok"
#: Seconds that a look at the database and the broker may take: together less than the one of a probe. A standby is
#: looked at meanwhile.
_DATABASE_SECONDS, _BROKER_SECONDS = 0.6, 0.25
_DATABASE_LINES = ("database", "migrations", "bus", "processor")


@require_safe
@never_cache
def live(request: HttpRequest) -> JsonResponse:
    """Answer that this process answers."""
    return JsonResponse({"status": _OK})


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 when events can be taken and processed, else 503; one line per dependency says what is missing."""
    until, replica_line = time.monotonic() + _DATABASE_SECONDS + _BROKER_SECONDS, begin_look()
    checks = _database_lines() | {"broker": _broker(), "spool": _spool()}
    well = all(line.startswith(_OK) for line in checks.values())
    if replica := replica_line(until):
        checks["replica"] = replica
    response = JsonResponse(
        {"status": _OK if well else "not ready", "checks": checks}, status=200 if well else 503
    )
    # A probe asks every second; Django would log an error each time.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def _database_lines() -> dict[str, str]:
    try:
        return _look()
    except psycopg.errors.UndefinedTable:
        return {"database": _OK, "migrations": "missing", "bus": "unknown", "processor": "unknown"}
    except psycopg.Error as error:
        logger.warning("the database cannot be asked: %s", reason(error))
        # A missing grant is an answer of the server's.
        lacking = isinstance(error, psycopg.errors.InsufficientPrivilege)
        said = "refused" if lacking else "unreachable"
        return dict.fromkeys(_DATABASE_LINES, "unknown") | {"database": said}


def _look() -> dict[str, str]:
    until = time.monotonic() + _DATABASE_SECONDS
    with connect(name="health", alias="gateway", autocommit=True, deadline=_DATABASE_SECONDS) as link:
        link.until = until
        row = link.execute(SQL["state"], {"space": SLOT_SPACE}).fetchone() or (False, 0, 0, 0, 0.0, 0)
    writable, events, inbox, size, lag, processors = row
    state = _bus_state(events, size, lag)
    return {
        "database": _OK if writable else "read-only",
        "migrations": _OK if _migrated(until) else "missing",
        "bus": f"{state}: {events} events wait{_left_behind(inbox)}",
        "processor": _processors(processors, state),
    }


def _left_behind(events: int) -> str:
    """Say what nobody reads. A broker's batches are in no counter before they leave it: these are the inbox's."""
    return (
        f", {events} of them in the inbox, which is not the bus" if events and settings.BUS_IS_BROKER else ""
    )


def _processors(running: int, bus_state: str) -> str:
    """Say how many run. One that has no broker to take from holds no slot, by which it would be known."""
    if not running and settings.BUS_IS_BROKER and bus_state != _OK:
        return "unknown while the bus is away"
    return f"{_OK}: {running} running" if running else "none running"


def _bus_state(events: int, size: int, lag: float) -> str:
    """Say whether the bus takes events. A broker has its own bound, by bytes, and says so to those who append."""
    if settings.BUS_IS_BROKER:
        return bus().trouble() or _OK
    if lag > settings.BUS_MAX_AGE_SECONDS:
        return "too far behind"
    full = events >= settings.BUS_MAX_EVENTS or size >= settings.BUS_MAX_BYTES
    return "full" if full else _OK


_known_migrated = False


def _migrated(until: float) -> bool:
    """Tell whether every migration is applied. Once true it stays true, so it is asked until then only.

    On a connection of its own: the gateway's role may not see this, and Django would wait for longer.
    """
    global _known_migrated
    if not _known_migrated:
        with connect(name="health", autocommit=True, deadline=max(0.001, until - time.monotonic())) as link:
            link.until = until
            applied = set(link.execute(SQL["applied"]).fetchall())
        _known_migrated = _wanted() <= applied
    return _known_migrated


@cache
def _wanted() -> set[tuple[str, str]]:
    """Return the migrations that this release brings, as (app, name)."""
    from django.db.migrations.loader import MigrationLoader

    return set(MigrationLoader(None).graph.nodes)


def _spool() -> str:
    """Say what waits on disk. That is no fault by itself: it is drained when the database is back."""
    if trouble := ingest_bus().spool_trouble():
        return trouble
    depth = spool_depth()
    if depth.damaged_files:
        return f"{_OK}: {depth.events} events wait, {depth.damaged_files} damaged files were set aside"
    return f"{_OK}: {depth.events} events wait"


def _broker() -> str:
    if settings.CELERY_BROKER_URL == "filesystem://":
        folder = settings.DATA_DIR / "celery" / "messages"
        return _OK if os.access(folder, os.R_OK | os.W_OK | os.X_OK) else "unreachable"
    from config.celery import app

    try:
        with app.connection_for_write(connect_timeout=_BROKER_SECONDS) as link:
            link.ensure_connection(max_retries=1, interval_start=0, timeout=_BROKER_SECONDS)
        return _OK
    except Exception as error:  # Every broker has errors of its own.
        logger.warning("the broker cannot be reached: %s", type(error).__name__)
        return "unreachable"
