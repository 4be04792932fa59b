"""The two ends of a copy: this test's own database, and another on the same server.

This file may be read before Django is set up, so what needs models is imported when it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import pytest_django
from django.db import connection

if TYPE_CHECKING:
    from tests.integration.copying.ends import Target
    from tests.support.tenants import Tenant


@pytest.fixture
def target(pipeline: None, migrated: str) -> Iterator[Target]:
    """Give an empty database that was migrated, or is to be."""
    from tests.integration.copying.ends import Target, source_name, url_of

    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{source_name()}_copy" WITH (FORCE)')
        cursor.execute(f'CREATE DATABASE "{source_name()}_copy" TEMPLATE "{migrated}"')
    url = url_of(f"{source_name()}_copy")
    with psycopg.connect(url, autocommit=True, application_name="test") as link:
        yield Target(url, link)
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{source_name()}_copy" WITH (FORCE)')


@pytest.fixture
def empty(target: Target) -> Target:
    """Give an empty database that was not migrated."""
    target.link.execute("DROP SCHEMA public CASCADE")
    target.link.execute("CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC")
    return target


@pytest.fixture(scope="session")
def migrated(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[str]:
    """Give the name of a database that can be copied in a tenth of the time of its migrations.

    One with TimescaleDB cannot: its scheduler is always connected.
    """
    from config import engine
    from config.lib.engine import Level
    from config.moving import database
    from tests.integration.copying.ends import source_name, url_of

    with django_db_blocker.unblock():
        if engine.level() != Level.POSTGRES:
            yield "template0"
            return
        with connection.cursor() as cursor:
            cursor.execute(f'CREATE DATABASE "{source_name()}_migrated"')
        with database.registered(url_of(f"{source_name()}_migrated")):
            database.migrate_target()
            database.let_go()
        yield f"{source_name()}_migrated"
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{source_name()}_migrated" WITH (FORCE)')


@pytest.fixture
def filled(acme: Tenant, globex: Tenant, admin_user_of_acme: None) -> Tenant:
    """An installation with something in every table that is copied."""
    from config.lib.postgres import connect
    from metrics.definitions.folding import fold
    from tests.support.definitions_model import define
    from tests.support.pipeline import NOON, append, append_rows, copy_line, event, store_all

    moments = [NOON + timedelta(days=days, minutes=number) for days in range(4) for number in range(0, 90, 3)]
    define(acme.id, "sums", measure="sum", property="value", dimensions=["type"])
    define(acme.id, "slow", measure="p95", property="value")
    define(acme.id, "people", measure="users")
    append(acme.id, [event(f"u{ts.minute % 4}", ts, value=ts.minute / 8) for ts in moments], size=9)
    append_rows(acme.id, copy_line(acme.id, props="{"))
    named = event("g1", type="identify", plan="pro") | {"anonymousId": "g0"}
    store_all(globex.id, [event("g1"), named, event("g2", NOON + timedelta(days=9), text="\u2028\\N\t'")])
    append(acme.id, [event("still in the bus")])
    with connect(name="test definitions", autocommit=True) as owner:
        assert fold(owner, NOON - timedelta(days=1), NOON + timedelta(hours=12), most=2)
    return acme


@pytest.fixture
def admin_user_of_acme(acme: Tenant) -> None:
    from django.contrib.auth.models import User

    from events.models import Membership

    Membership.objects.create(
        project_id=acme.id, user=User.objects.create_user("ann", password="secret"), role="admin"
    )


@pytest.fixture
def here(pipeline: None) -> Iterator[psycopg.Connection[Any]]:
    """Give a connection to the source that does not look like Sluice's."""
    from tests.integration.copying.ends import source_name, url_of

    name = source_name()
    with psycopg.connect(url_of(name), autocommit=True, application_name="test") as link:
        yield link
