"""Misconfiguration stops at start-up: system checks, each with an id and a hint."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections

from config.lib import engine
from config.lib.bounded import DEADLINE_SECONDS

_LEAST = {
    "WEB_WORKERS": 1,
    "WEB_THREADS": 1,
    "WEB_BODY_THREADS": 1,
    "BODY_TIMEOUT_SECONDS": 1,
    "PROCESSORS": 0,
    "PROCESSOR_THREADS": 1,
    "PROCESSOR_THREADS_MAX": 1,
    "QUERY_TIMEOUT_MS": 100,
    "QUERY_SLOTS": 1,
    "DEFINITION_POINTS": 0,
    "MAX_REQUEST_BYTES": 1024,
    "MAX_INFLATED_BYTES": 1024,
    "MAX_EVENTS_PER_REQUEST": 1,
    "MAX_EVENT_BYTES": 256,
    "MAX_PROPS_DEPTH": 1,
    "MAX_PROPS_KEYS": 1,
    "MAX_KEY_BYTES": 1,
    "MAX_AGE_DAYS": 1,
    "MAX_AHEAD_SECONDS": 0,
    "ACK_DEADLINE_MS": 50,
    "SPOOL_MAX_BYTES": 0,
    "SPOOL_MAX_AGE_SECONDS": 1,
    "BUS_MAX_EVENTS": 1,
    "BUS_MAX_BYTES": 1 << 20,
    "BUS_MAX_AGE_SECONDS": 60,
    "BUS_SHARDS": 1,
    "PROJECT_EVENTS_PER_SECOND": 0,
    "CLAIM_EVENTS": 1,
    "CLAIM_EVENTS_MIN": 1,
    "CLAIM_TARGET_SECONDS": 1,
    "MAX_ATTEMPTS": 1,
    "CLAIM_LEASE_SECONDS": 10,
    "DEDUP_WINDOW_DAYS": 1,
    "RETENTION_DAYS": 0,
    "PARTITIONS_AHEAD_DAYS": 1,
    "CHUNK_DAYS": 1,
    "COMPRESS_AFTER_DAYS": 0,
    "ROLLUP_LAG_MINUTES": 1,
    "ROLLUP_WINDOW_HOURS": 3,
    "ROLLUP_REFRESH_SECONDS": 5,
    "SESSION_GAP_MINUTES": 1,
    "KEY_CACHE_SECONDS": 0,
}
#: Beyond these, a sum of times or a number of connections leaves what the system can hold.
_MOST = {
    "WEB_WORKERS": 64,
    "WEB_THREADS": 256,
    "WEB_BODY_THREADS": 1000,
    "PROCESSORS": 64,
    "PROCESSOR_THREADS": 16,
    "PROCESSOR_THREADS_MAX": 16,
    "BUS_SHARDS": 64,
    "QUERY_SLOTS": 64,
    "MAX_AGE_DAYS": 36_500,
    "MAX_AHEAD_SECONDS": 31_536_000,
    "DEDUP_WINDOW_DAYS": 36_500,
    "RETENTION_DAYS": 36_500,
    "PARTITIONS_AHEAD_DAYS": 366,
    "CHUNK_DAYS": 366,
    "COMPRESS_AFTER_DAYS": 36_500,
    "ROLLUP_LAG_MINUTES": 55,
    "ROLLUP_WINDOW_HOURS": 720,
    "ROLLUP_REFRESH_SECONDS": 3600,
    "SESSION_GAP_MINUTES": 525_600,
}
_OLDEST_SERVER = 15
#: What requirements.txt brings a transport for.
_CELERY_SCHEMES = ("redis", "rediss", "amqp", "amqps", "pyamqp", "memory")
AppConfigs = Sequence[AppConfig] | None


@register()
def numbers_in_range(app_configs: AppConfigs, **_: Any) -> list[CheckMessage]:
    """sluice.E001: a setting is below or above what works. sluice.E002: PORT is no port."""
    errors: list[CheckMessage] = [
        Error(
            f"{name} is {getattr(settings, name)}", hint=f"Set {name} to {least} or more.", id="sluice.E001"
        )
        for name, least in _LEAST.items()
        if getattr(settings, name) < least
    ]
    errors += [
        Error(f"{name} is {getattr(settings, name)}", hint=f"Set {name} to {most} or less.", id="sluice.E001")
        for name, most in _MOST.items()
        if getattr(settings, name) > most
    ]
    if not 1 <= settings.PORT <= 65_535:
        errors.append(Error(f"PORT is {settings.PORT}", hint="Set PORT to 1 .. 65535.", id="sluice.E002"))
    return errors


@register()
def limits_agree(app_configs: AppConfigs, **_: Any) -> list[CheckMessage]:
    """sluice.E003, E004, E008: two settings contradict each other."""
    rules: list[tuple[str, Callable[[], bool], str]] = [
        ("sluice.E003", lambda: settings.MAX_EVENT_BYTES > settings.MAX_INFLATED_BYTES,
         "MAX_EVENT_BYTES is larger than MAX_INFLATED_BYTES: such an event could never arrive."),
        ("sluice.E004", lambda: 0 < settings.RETENTION_DAYS < settings.MAX_AGE_DAYS,
         "RETENTION_DAYS is shorter than MAX_AGE_DAYS: events would be accepted and dropped at once."),
        ("sluice.E008", lambda: 0 < settings.RETENTION_DAYS * 24 < settings.ROLLUP_WINDOW_HOURS,
         "RETENTION_DAYS is shorter than ROLLUP_WINDOW_HOURS: policies would reach days that were dropped."),
    ]  # fmt: skip
    return [Error(text, hint="Change one of the two.", id=ident) for ident, broken, text in rules if broken()]


@register()
def leases_outlast_statements(app_configs: AppConfigs, **_: Any) -> list[CheckMessage]:
    """sluice.W002: a living processor may lose its claim, which then counts as one that killed it."""
    if settings.CLAIM_LEASE_SECONDS > DEADLINE_SECONDS:
        return []
    text = f"CLAIM_LEASE_SECONDS is {settings.CLAIM_LEASE_SECONDS}: one statement may take {DEADLINE_SECONDS:g} s"
    return [
        Warning(
            text, hint="Set it well above that; less is for tests of frozen processors.", id="sluice.W002"
        )
    ]


@register()
def bus_is_supported(app_configs: AppConfigs, **_: Any) -> list[CheckMessage]:
    """sluice.E005: the bus is of a kind that this version does not have."""
    if settings.EVENT_BUS_URL.startswith(("postgres://", "postgresql://", "amqp://")):
        return []
    scheme = settings.EVENT_BUS_URL.split(":", 1)[0]
    hint = "Unset EVENT_BUS_URL, or set it to postgres:// or amqp://."
    if scheme == "amqps":
        hint = "Set it to amqp:// and let a TLS tunnel (stunnel, say) on this machine carry the connection."
    return [Error(f"EVENT_BUS_URL asks for {scheme!r}", hint=hint, id="sluice.E005")]


@register()
def bus_url_is_readable(app_configs: AppConfigs, **_: Any) -> list[CheckMessage]:
    """sluice.E009: the broker's URL cannot be taken apart. Its value is not told: it holds a password."""
    if not settings.BUS_IS_BROKER or _is_readable(settings.EVENT_BUS_URL):
        return []
    hint = (
        "Write amqp://USER:PASSWORD@HOST:PORT/VHOST; in a password, / is %2F, ? is %3F, # is %23, @ is %40."
    )
    return [Error("EVENT_BUS_URL is no URL that can be read", hint=hint, id="sluice.E009")]


@register()
def celery_broker_is_usable(app_configs: AppConfigs, **_: Any) -> list[CheckMessage]:
    """sluice.E010: Celery's broker cannot be used. Its URL is not told: it may hold a password."""
    scheme, text = (
        settings.CELERY_BROKER_URL.partition(":")[0],
        "CELERY_BROKER_URL is no URL that can be read",
    )
    if settings.CELERY_BROKER_URL == "filesystem://":
        return []
    if "://" in settings.CELERY_BROKER_URL and scheme not in _CELERY_SCHEMES:
        text = f"CELERY_BROKER_URL asks for {scheme!r}"
    elif _is_readable(settings.CELERY_BROKER_URL):
        return []
    hint = "Unset it, or write redis://:PASSWORD@HOST:PORT/0 or amqp://USER:PASSWORD@HOST:PORT/VHOST."
    return [Error(text, hint=hint, id="sluice.E010")]


@register()
def cache_is_usable(app_configs: AppConfigs, **_: Any) -> list[CheckMessage]:
    """sluice.E012: CACHE_URL names no Redis. Its value is not told: it may hold a password."""
    if not settings.CACHE_URL or (
        settings.CACHE_URL.startswith(("redis://", "rediss://")) and _is_readable(settings.CACHE_URL)
    ):
        return []
    hint = "Unset it, or write redis://:PASSWORD@HOST:PORT/0."
    return [Error("CACHE_URL is no URL of a Redis that can be read", hint=hint, id="sluice.E012")]


def _is_readable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


@register()
def spool_can_be_made(app_configs: AppConfigs, **_: Any) -> list[CheckMessage]:
    """sluice.E011: SPOOL_DIR is no folder, and none can be made there. It is not made before it is needed."""
    if not settings.SPOOL_MAX_BYTES:
        return []
    there = next(path for path in (settings.SPOOL_DIR, *settings.SPOOL_DIR.parents) if os.path.lexists(path))
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return []
    hint = "Set SPOOL_DIR to a folder that Sluice may write, or SPOOL_MAX_BYTES=0 to do without a spool."
    wrong = "cannot be written" if there.is_dir() else "is no folder"
    return [Error(f"SPOOL_DIR is {settings.SPOOL_DIR}: {there} {wrong}", hint=hint, id="sluice.E011")]


@register(Tags.database)
def server_is_new_enough(
    app_configs: AppConfigs, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """sluice.E006: the server is older than any that Sluice is tested with."""
    errors: list[CheckMessage] = []
    for alias in databases or ():
        connection = connections[alias]
        connection.ensure_connection()
        major = connection.connection.info.server_version // 10_000
        if major < _OLDEST_SERVER:
            hint = f"Upgrade to PostgreSQL {_OLDEST_SERVER} or newer."
            errors.append(Error(f"The server is PostgreSQL {major}", hint=hint, id="sluice.E006"))
    return errors


@register(Tags.database)
def engine_is_the_recorded_one(
    app_configs: AppConfigs, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """sluice.E007: the server can no longer do what the database was made for. sluice.W001: ENGINE says otherwise."""
    errors: list[CheckMessage] = []
    for alias in databases or ():
        with connections[alias].cursor() as cursor:
            wrong = engine.mismatch(cursor)
            made_for = engine.recorded(cursor)
        if wrong:
            errors.append(Error(wrong[0], hint=wrong[1], id="sluice.E007"))
        if made_for and settings.ENGINE not in (engine.AUTO, made_for):
            text = f"ENGINE={settings.ENGINE} is ignored: the database was made for {made_for}"
            hint = "Unset ENGINE, or move the data to a new database with copy_to."
            errors.append(Warning(text, hint=hint, id="sluice.W001"))
    return errors
