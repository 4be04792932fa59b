"""Every migration goes forwards from nothing, back to nothing, and forwards again; models and migrations agree."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from importlib import import_module

import pytest
import pytest_django
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connections, transaction
from django.db.migrations import RunSQL

from config import engine
from config.lib.sqlfile import TIMEOUTS
from tests.docs.repository import ROOT

OURS = ("analytics_sessions", "metrics", "dlq", "events")
SCRATCH = "scratch"
MIGRATIONS = sorted(ROOT.glob("*/migrations/0*.py"))
SCHEMA = """
    SELECT c.relkind::text || ' ' || c.relname || ' ' || coalesce(string_agg(
               a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull, ', '
               ORDER BY a.attname), '')
    FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace GROUP BY c.oid, c.relkind, c.relname
    UNION ALL
    SELECT 'function ' || oid::regprocedure FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
    ORDER BY 1
"""


@pytest.fixture
def scratch(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[None]:
    """Give an empty database of its own under the alias `scratch`."""
    default = connections["default"].settings_dict
    name = f"{default['NAME']}_scratch"
    with django_db_blocker.unblock(), connections["default"].cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
        cursor.execute(f'CREATE DATABASE "{name}"')
        connections.settings[SCRATCH] = default | {"NAME": name, "OPTIONS": {}}
        yield
        connections[SCRATCH].close()
        del connections[SCRATCH]
        del connections.settings[SCRATCH]
        ContentType.objects.clear_cache()
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def migrate(*target: str) -> None:
    call_command("migrate", *target, database=SCRATCH, verbosity=0)


def schema() -> set[str]:
    with connections[SCRATCH].cursor() as cursor:
        cursor.execute(SCHEMA)
        return {line for (line,) in cursor.fetchall()}


def test_forwards_from_nothing_back_to_nothing_and_forwards_again(scratch: None) -> None:
    migrate()
    whole = schema()
    for app in OURS:
        migrate(app, "zero")
    left = schema()
    assert not {line for line in left if "function" in line}
    assert not [table for table in our_tables() if any(f" {table} " in f"{line} " for line in left)]
    migrate()
    assert schema() == whole


def test_numbers_that_are_in_store_already_are_in_their_rollups(scratch: None) -> None:
    migrate("metrics", "0002_engines")
    with transaction.atomic(using=SCRATCH), connections[SCRATCH].cursor() as cursor:
        engine.store().prepare(cursor.cursor, [date(2025, 6, 2)])
        cursor.execute(
            "INSERT INTO event SELECT 1, gen_random_uuid(), '2025-06-02 12:00Z', now(), 'a', 'u', NULL, v::jsonb "
            """FROM unnest(ARRAY['{"value": 2}', '{"value": 0.5}', '{"value": "7"}', '{}']) AS v"""
        )
    migrate()
    with connections[SCRATCH].cursor() as cursor:
        for grain in ("1h", "1d"):
            cursor.execute(f"SELECT n, sum, min, max FROM rollup_values_{grain}")
            assert cursor.fetchall() == [(2, Decimal("2.5"), Decimal("0.5"), 2)]


def our_tables() -> set[str]:
    managed = {model._meta.db_table for app in OURS for model in apps.get_app_config(app).get_models()}
    return managed | {
        "inbox",
        "bus_counter",
        "event",
        "event_key",
        "session",
        "session_work",
        "rollup_users_1h",
    }


def test_models_and_migrations_agree(
    django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock():
        call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize(
    "name", [path.stem for path in MIGRATIONS if "AddField" in path.read_text()], ids=str
)
def test_a_table_that_exists_is_changed_within_time_limits(name: str) -> None:
    (path,) = (path for path in MIGRATIONS if path.stem == name)
    module = import_module(f"{path.parts[-3]}.migrations.{name}")
    first = module.Migration.operations[0]
    assert isinstance(first, RunSQL)
    assert first.sql == TIMEOUTS


def test_every_analytics_table_is_named_without_its_app() -> None:
    for app in OURS:
        for model in apps.get_app_config(app).get_models():
            assert not model._meta.db_table.startswith(f"{app}_"), model
