"""The target as one of Django's databases, for the time of a move."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from config.embedded import django_database
from config.moving.errors import MoveError

SOURCE, TARGET = DEFAULT_DB_ALIAS, "target"


@contextmanager
def registered(url: str) -> Iterator[None]:
    """Give Django the database at `url` under the alias TARGET. Raises MoveError where the URL is none."""
    try:
        entry = django_database(url)
    except ValueError as error:
        raise MoveError(str(error).replace("DATABASE_URL", "the target's URL")) from None
    connections.settings[TARGET] = connections.configure_settings({SOURCE: {}, TARGET: entry})[TARGET]
    try:
        yield
    finally:
        connections[TARGET].close()
        del connections[TARGET]
        del connections.settings[TARGET]
        ContentType.objects.clear_cache()


def demand_migrated_source() -> None:
    """Raise MoveError unless the source is of this version."""
    executor = MigrationExecutor(connections[SOURCE])
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise MoveError(
            "the source was not made by this version: start Sluice on it once, or run `manage.py migrate`"
        )


def demand_known_target() -> None:
    """Raise MoveError where the target was made by a version that is newer than this one."""
    loader = MigrationLoader(connections[TARGET])
    unknown = sorted(set(loader.applied_migrations) - set(loader.disk_migrations) - set(loader.replacements))
    if unknown:
        raise MoveError(f"the target is of a newer version: it has the migration {'.'.join(unknown[0])}")


def migrate_target() -> None:
    """Make the target's tables, for the engine that it has; ENGINE decides as for any new database."""
    call_command("migrate", database=TARGET, interactive=False, verbosity=0)


def let_go() -> None:
    """End Django's own connections: at the source they would look like a page's."""
    for alias in (SOURCE, TARGET):
        connections[alias].close()
    wrapper: Any = connections[SOURCE]
    wrapper.close_pool()
