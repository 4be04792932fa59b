"""The gateway's role appends and nothing else, the readers' role reads and nothing else: on every engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.test import Client

from config import roles
from config.bi import everybodys
from config.lib.postgres import connect
from tests.contract.driver import Engine
from tests.contract.moments import at
from tests.support.pipeline import process_all, rebuild_sessions
from tests.support.roles import as_role, in_use
from tests.support.tenants import Tenant

#: What nobody but the owner may read.
SECRETS = {
    "api_key", "auth_group", "auth_group_permissions", "auth_user", "auth_user_groups", "auth_user_user_permissions",
    "django_admin_log", "django_session", "membership", "alert", "alert_run", "audit_entry", "share_link",
}  # fmt: skip
#: What readers may read. A new table stands here or above, and above means in roles.sql as well.
OPEN = {
    "auth_permission", "bus_attempt", "bus_counter", "bus_held", "bus_look", "dead_letter", "django_content_type",
    "django_migrations", "engine", "event", "event_key", "import_job", "inbox", "job_run", "operation",
    "outcome_count", "plan_violation", "planned_type", "project", "project_answers", "quota_bucket", "rollup_bounds",
    "rollup_events_1d", "rollup_events_1d_slot",
    "rollup_events_1h", "rollup_events_1h_slot", "rollup_events_1m", "rollup_events_1m_slot", "rollup_pending",
    "rollup_refresh", "rollup_stale", "rollup_users_10m", "rollup_users_1d", "rollup_users_1h", "rollup_values_10m",
    "rollup_values_1d", "rollup_values_1d_slot", "rollup_values_1h", "rollup_values_1h_slot", "session",
    "segment", "segment_member", "session_work", "tracking_plan", "user_alias", "user_trait", "person_trait",
    "observed_property", "metric_definition", "metric_note", "rollup_sessions_1h", "rollup_sessions_1d",
    "dashboard", "saved_question", "tile",
    *(f"rollup_metric{kind}_{grain}" for kind in ("", "_bin", "_user", "_dense") for grain in ("1m", "1h", "1d")),
}  # fmt: skip
#: All that there is. Partitions and chunks are read through their parent, whose grants count.
_EVERYTHING = """
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
      AND NOT c.relispartition
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
"""
_READABLE = """
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
      AND has_any_column_privilege(c.oid, 'SELECT')
"""
_WRITABLE = """
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
      AND (has_any_column_privilege(c.oid, 'INSERT, UPDATE') OR has_table_privilege(c.oid, 'DELETE, TRUNCATE'))
"""


@pytest.fixture
def link(engine: Engine, request: pytest.FixtureRequest) -> Iterator[psycopg.Connection[Any]]:
    """A connection as the role that the test is parametrized with."""
    with in_use(), as_role(request.param) as connection:
        yield connection


gateway = pytest.mark.parametrize("link", ["gateway"], indirect=True)
reader = pytest.mark.parametrize("link", ["read"], indirect=True)
either = pytest.mark.parametrize("link", ["gateway", "read"], indirect=True)


def names(link: psycopg.Connection[Any], query: str) -> set[str]:
    return {name for (name,) in link.execute(query).fetchall()}


def test_everything_works_with_both_roles(engine: Engine) -> None:
    everybodys.take(engine.link)
    with in_use():
        acme = Tenant.make("acme")
        assert acme.send({"type": "page_view", "userId": "u1"}).status_code == 202
        assert acme.send([{"type": "x"}, {"type": "page_view", "userId": "u2"}]).status_code == 202
        process_all()
        rebuild_sessions()
        for metric in ("count", "users", "sessions", "sum:props.value", "p50:props.value"):
            answer = acme.get("/api/metrics", metric=metric, range="24h")
            assert answer.status_code == 200, answer.content
        for path in ("/api/sessions", "/api/events", "/api/dlq", "/metrics"):
            assert acme.get(path).status_code == 200, path
        assert len(acme.get("/api/events").json()["events"]) == 2
        operator = Client()
        operator.force_login(User.objects.create_superuser("root"))
        for page in ("", "sessions", "users/u1", "pipeline", "setup"):
            assert operator.get(f"/p/acme/{page}").status_code == 200, page


@gateway
def test_the_gateway_sees_how_much_waits_and_not_what(link: psycopg.Connection[Any]) -> None:
    assert names(link, _READABLE) == {
        "api_key", "bus_counter", "bus_held", "bus_look", "inbox", "planned_type", "project", "quota_bucket",
        "tracking_plan",
    }  # fmt: skip
    for column, table in (("rows_copy", "inbox"), ("rejects", "inbox"), ("token", "api_key")):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            link.execute(f"SELECT {column} FROM {table}")


@gateway
def test_the_gateway_writes_the_bus_and_quotas_alone(link: psycopg.Connection[Any]) -> None:
    assert names(link, _WRITABLE) == {"bus_counter", "inbox", "quota_bucket"}


@gateway
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM event",
        "SELECT * FROM event_key",
        "SELECT * FROM auth_user",
        "SELECT * FROM dead_letter",
        "DELETE FROM inbox",
        "UPDATE inbox SET attempts = 9",
        "UPDATE bus_counter SET removed_events = 0",
        "DELETE FROM bus_counter",
        "TRUNCATE inbox",
        "INSERT INTO api_key (project_id, kind, digest) VALUES (1, 'write', 'x')",
        "INSERT INTO outcome_count VALUES (now(), 0, 1, 'stored', 1)",
    ],
)
def test_the_gateway_may_not(link: psycopg.Connection[Any], statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        link.execute(statement)


@either
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (a integer)",
        "CREATE TEMPORARY TABLE mine (a integer)",
        "CREATE VIEW mine AS SELECT 1",
        "CREATE SCHEMA mine",
        "ALTER TABLE event ADD COLUMN mine integer",
        "DROP TABLE event",
        "CREATE ROLE mine",
        "COPY (SELECT 1) TO PROGRAM 'true'",
    ],
)
def test_neither_role_may_change_the_database(link: psycopg.Connection[Any], statement: str) -> None:
    link.execute("SET default_transaction_read_only = off")
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported)):
        link.execute(statement)


@reader
def test_readers_write_nothing_even_where_they_ask_for_it(link: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        link.execute("DELETE FROM event")
    link.execute("SET default_transaction_read_only = off")
    assert names(link, _WRITABLE) == set()
    for table in ("event", "event_key", "inbox", "session", "dead_letter", "project"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            link.execute(f"DELETE FROM {table}")


@reader
def test_readers_see_no_key_password_or_login(link: psycopg.Connection[Any]) -> None:
    assert {"event", "rollup_events_1m", "rollup_users_1d", "session", "project"} <= names(link, _READABLE)
    assert names(link, _READABLE).isdisjoint(SECRETS)


@reader
def test_a_readers_statement_ends_in_time(link: psycopg.Connection[Any], settings: Any) -> None:
    ((timeout,),) = link.execute("SHOW statement_timeout").fetchall()
    assert timeout == f"{settings.QUERY_TIMEOUT_MS // 1000}s"
    link.execute("SET statement_timeout = '20ms'")
    with pytest.raises(psycopg.errors.QueryCanceled):
        link.execute("SELECT pg_sleep(5)")


def _turn(link: psycopg.Connection[Any]) -> None:
    """Take a slot as heavy questions do, and no lock as others do."""
    assert link.execute("SELECT pg_try_advisory_xact_lock(7312, 0)").fetchone() == (True,)
    link.execute("SELECT pg_advisory_xact_lock(7312, 1)")
    for other in ("pg_advisory_lock(7304, 1)", "lo_create(0)"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            link.execute(f"SELECT {other}")


@reader
def test_readers_take_turns_where_locks_were_everybodys_before(
    link: psycopg.Connection[Any], engine: Engine
) -> None:
    """As an earlier version made the role: nothing was granted to it."""
    functions = (
        "FUNCTION pg_try_advisory_xact_lock(integer, integer), pg_advisory_xact_lock(integer, integer)"
    )
    engine.link.execute(f"GRANT EXECUTE ON {functions} TO PUBLIC")
    engine.link.execute(f"REVOKE EXECUTE ON {functions} FROM {link.info.user}")
    assert everybodys.take(engine.link)
    _turn(link)


def test_readers_that_are_made_later_take_turns(engine: Engine) -> None:
    everybodys.take(engine.link)
    with in_use(), as_role("read") as link:
        _turn(link)


@gateway
def test_the_gateway_takes_no_lock_then(link: psycopg.Connection[Any], engine: Engine) -> None:
    everybodys.take(engine.link)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        link.execute("SELECT pg_advisory_xact_lock(7304, 1)")


@reader
def test_of_every_table_it_is_decided_whether_readers_may_read_it(link: psycopg.Connection[Any]) -> None:
    there = names(link, _EVERYTHING)
    assert there - SECRETS - OPEN == set(), "decide: secret or open?"
    assert names(link, _READABLE) & there == there & OPEN


@reader
def test_what_an_upgrade_brings_is_readable_when_granted_again(
    link: psycopg.Connection[Any], engine: Engine
) -> None:
    role = link.info.user
    # What earlier versions gave.
    engine.link.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {role}")
    with connect(name="roles", autocommit=True) as owner:
        roles.apply(owner)
    engine.link.execute("CREATE TABLE made_later AS SELECT 1 AS a")
    try:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            link.execute("SELECT a FROM made_later")
        with connect(name="roles", autocommit=True) as owner:
            roles.apply(owner)
        assert link.execute("SELECT a FROM made_later").fetchall() == [(1,)]
    finally:
        engine.link.execute("DROP TABLE made_later")


@reader
def test_a_day_that_is_made_later_is_read_at_once(link: psycopg.Connection[Any], engine: Engine) -> None:
    engine.write(at(1))
    assert link.execute("SELECT count(*) FROM event").fetchall() == [(1,)]


@pytest.mark.parametrize("excess", ["SUPERUSER", "CREATEROLE", "CREATEDB", "BYPASSRLS", "REPLICATION"])
def test_a_role_that_may_more_is_refused(engine: Engine, excess: str) -> None:
    with in_use(), as_role("gateway") as link, connect(name="roles", autocommit=True) as owner:
        engine.link.execute(f"ALTER ROLE {link.info.user} {excess}")
        with pytest.raises(roles.RoleError, match=f"{link.info.user} has {excess}: name another user"):
            roles.apply(owner)


def test_a_role_that_is_another_as_well_or_owns_something_is_refused(engine: Engine) -> None:
    with in_use(), as_role("gateway") as link, connect(name="roles", autocommit=True) as owner:
        role = link.info.user
        engine.link.execute(f"GRANT pg_read_all_data TO {role}")
        engine.link.execute(f"CREATE TABLE mine (); ALTER TABLE mine OWNER TO {role}")
        with pytest.raises(roles.RoleError, match="has membership in a role, tables of its own: name"):
            roles.apply(owner)


def test_granting_again_takes_back_what_was_too_much(engine: Engine) -> None:
    with in_use(), as_role("gateway") as link:
        engine.link.execute(f"GRANT SELECT ON event TO {link.info.user}")
        link.execute("SELECT FROM event")
        with connect(name="roles", autocommit=True) as owner:
            roles.apply(owner)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            link.execute("SELECT FROM event")


def test_the_printed_script_does_the_same_and_holds_no_password(engine: Engine) -> None:
    with in_use(), as_role("gateway") as link:
        with connect(name="roles", autocommit=True) as owner:
            text = roles.script(owner)
        assert link.info.password and link.info.password not in text
        engine.link.execute(f"REVOKE ALL ON inbox FROM {link.info.user}")
        engine.link.execute(text)
        assert link.execute("SELECT count(id) FROM inbox").fetchall() == [(0,)]
