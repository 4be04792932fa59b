"""Liveness and readiness. Their answers name no host, version or address: anybody may ask."""

from __future__ import annotations

import logging
import os

import psycopg
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config.lib.postgres import connect
from config.lib.sqlfile import load

logger = logging.getLogger("sluice.health")
SQL = load(__file__, "health.sql")
_OK = "ok"
#: Seconds that one look at the database may take.
_DEADLINE = 2.0
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
    checks = _database_lines() | {"broker": _broker()}
    well = all(line.startswith(_OK) for line in checks.values())
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
        logger.warning("the database cannot be asked: %s", type(error).__name__)
        return dict.fromkeys(_DATABASE_LINES, "unknown") | {"database": "unreachable"}


def _look() -> dict[str, str]:
    with connect(name="health", autocommit=True, deadline=_DEADLINE) as link:
        writable, events, size, processors = link.execute(SQL["state"]).fetchone() or (False, 0, 0, 0)
    full = events >= settings.BUS_MAX_EVENTS or size >= settings.BUS_MAX_BYTES
    return {
        "database": _OK if writable else "read-only",
        "migrations": _OK if _migrated() else "missing",
        "bus": f"{'full' if full else _OK}: {events} events wait",
        "processor": f"{_OK}: {processors} running" if processors else "none running",
    }


_known_migrated = False


def _migrated() -> bool:
    """Tell whether every migration is applied. Once true it stays true, so it is asked until then only."""
    global _known_migrated
    if not _known_migrated:
        from django.db.migrations.executor import MigrationExecutor

        executor = MigrationExecutor(connection)
        _known_migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _known_migrated


def _broker() -> str:
    if settings.CELERY_BROKER_URL == "filesystem://":
        folder = settings.DATA_DIR / "celery" / "messages"
        return _OK if os.access(folder, os.R_OK | os.W_OK | os.X_OK) else "unreachable"
    from config.celery import app

    try:
        with app.connection_for_write(connect_timeout=1) as link:
            link.ensure_connection(max_retries=1, interval_start=0, timeout=1)
        return _OK
    except Exception as error:  # Every broker has errors of its own.
        logger.warning("the broker cannot be reached: %s", type(error).__name__)
        return "unreachable"
