"""Registers the frame with Django, for its commands and system checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.apps import AppConfig, apps
from django.db import connections, transaction
from django.db.models.signals import post_migrate, pre_migrate

from config.lib import engine

if TYPE_CHECKING:
    import psycopg


class ConfigConfig(AppConfig):
    """Commands (`up`, `drain`), system checks and start-up."""

    name = "config"
    label = "sluice_config"

    def ready(self) -> None:
        """Register the system checks."""
        from config import checks  # noqa: F401

        # The signal comes once for every app that has models, after the last migration: one of them is enough.
        one = apps.get_app_config("events")
        pre_migrate.connect(_take_views_down, sender=one)
        post_migrate.connect(_configure_engine, sender=one)
        post_migrate.connect(_put_views_up, sender=one)


def _configure_engine(using: str, **_: Any) -> None:
    """Carry the settings over to what the database does by itself: they may have changed since the last migrate."""
    from config.engine import ROLLUPS, STORES

    with transaction.atomic(using), connections[using].cursor() as wrapper:
        level = engine.recorded(wrapper)
        if level is None or not _has_everything(wrapper):
            return
        for part in (STORES[level](), ROLLUPS[level]()):
            part.configure(cast("psycopg.Cursor[Any]", wrapper.cursor))


def _take_views_down(using: str, plan: list[Any], **_: Any) -> None:
    """Remove what BI tools read while tables change below it."""
    from config.bi.migrating import take_down

    if plan:
        take_down(using)


def _put_views_up(using: str, **_: Any) -> None:
    """Make it again, as this version has it."""
    from config.bi.migrating import put_up

    put_up(using)


def _has_everything(cursor: Any) -> bool:
    """Tell whether the migrations went all the way: they may be asked to go back, or to stop at one."""
    cursor.execute("SELECT to_regclass('event') IS NOT NULL AND to_regclass('rollup_values_1d') IS NOT NULL")
    return bool(cursor.fetchone()[0])
