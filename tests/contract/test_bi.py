"""The views for BI tools: their columns are a promise, and nobody gets out of his project: on every engine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from psycopg import sql

from tests.contract.driver import Engine
from tests.support.bi import close, opened, there
from tests.support.definitions_model import define
from tests.support.pipeline import NOON, catch_up, event, store_all
from tests.support.tenants import Tenant

_TIME = "timestamp with time zone"
#: What dashboards are built on: columns may be added at the end, and never changed or removed.
COLUMNS = {
    "events": (
        f"event_id uuid, ts {_TIME}, received_at {_TIME}, type text, user_id text, anonymous_id text, props jsonb"
    ),
    "sessions": (
        f"session_id uuid, user_id text, start_ts {_TIME}, end_ts {_TIME}, duration_seconds double precision, "
        "events integer, entry text, exit text"
    ),
    "users": f"user_id text, first_seen {_TIME}, last_seen {_TIME}, events bigint, sessions bigint, traits jsonb",
    "rollups": f"bucket {_TIME}, grain text, metric text, value numeric",
}
_COLUMNS = """
    SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""
#: All that a role may read: but for what is everybody's in every database, and what an extension shows everybody.
_READABLE = """
    SELECT n.nspname || '.' || c.relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
"""
_WRITABLE = """
    SELECT c.relname FROM pg_class c
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relnamespace <> 'pg_catalog'::regnamespace
      AND (has_any_column_privilege(c.oid, 'INSERT, UPDATE') OR has_table_privilege(c.oid, 'DELETE, TRUNCATE'))
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
"""
MARK = "zz_foreign"


@pytest.fixture
def acme(engine: Engine) -> Tenant:
    return Tenant.make("acme")


@pytest.fixture
def link(engine: Engine, acme: Tenant) -> Iterator[psycopg.Connection[Any]]:
    """A BI tool's connection for acme; globex has rows and views, too, and everything of it has a mark."""
    globex = Tenant.make("globex")
    sent = [
        event("ada", NOON, path="/a"),
        event("ada", NOON + timedelta(minutes=5), type="buy", value=3),
        event("ben", NOON + timedelta(days=1)),
        event("ada", NOON + timedelta(days=1), type="identify", traits={"plan": "pro"}),
    ]
    store_all(acme.id, sent)
    foreign = [event(f"{MARK}{n}", NOON + timedelta(minutes=n), type=MARK, x=MARK) for n in range(9)]
    store_all(globex.id, foreign)
    with opened(globex.id, globex.slug), opened(acme.id, acme.slug) as connection:
        yield connection


def ask(link: psycopg.Connection[Any], query: str) -> list[tuple[Any, ...]]:
    return link.execute(query).fetchall()


@pytest.mark.parametrize("view", COLUMNS)
def test_the_columns_are_those_that_are_promised(link: psycopg.Connection[Any], view: str) -> None:
    assert link.execute(_COLUMNS, [view]).fetchall() == [(COLUMNS[view],)]


def test_there_are_no_other_views(link: psycopg.Connection[Any]) -> None:
    assert {name.partition(".")[2] for (name,) in ask(link, _READABLE)} == set(COLUMNS)
    assert {name.partition(".")[0] for (name,) in ask(link, _READABLE)} == {"bi_acme"}


def test_the_views_show_the_project(link: psycopg.Connection[Any]) -> None:
    assert ask(link, "SELECT type, user_id, props FROM events ORDER BY ts, type LIMIT 2") == [
        ("page_view", "ada", {"path": "/a"}),
        ("buy", "ada", {"value": 3}),
    ]
    assert ask(link, "SELECT user_id, duration_seconds, events, entry, exit FROM sessions ORDER BY 1, 2 DESC") == [
        ("ada", 300.0, 2, "/a", "buy"), ("ada", 0.0, 1, "identify", "identify"),
        ("ben", 0.0, 1, "page_view", "page_view"),
    ]  # fmt: skip
    users = ask(link, "SELECT user_id, first_seen, last_seen, events, sessions FROM users ORDER BY 1")
    later = NOON + timedelta(days=1)
    assert users == [("ada", NOON, later, 3, 2), ("ben", later, later, 1, 1)]


def test_rollups_have_counts_types_and_users_by_bucket(link: psycopg.Connection[Any]) -> None:
    day = ask(
        link, "SELECT metric, value FROM rollups WHERE grain = '1d' AND bucket < '2025-06-03' ORDER BY 1"
    )
    assert day == [("count", 2), ("count:buy", 1), ("count:page_view", 1), ("users", 1)]
    for grain in ("1m", "1h", "1d"):
        total = "SELECT sum(value) FROM rollups WHERE metric = 'count' AND grain = "
        assert ask(link, f"{total}'{grain}'") == [(4,)]
    assert ask(link, "SELECT DISTINCT grain FROM rollups WHERE metric = 'users' ORDER BY 1") == [
        ("1d",),
        ("1h",),
    ]


def test_two_ids_of_a_person_are_one(engine: Engine, acme: Tenant, link: psycopg.Connection[Any]) -> None:
    engine.link.execute(
        "INSERT INTO user_alias (project_id, alias, user_id, since) VALUES (%s, 'ben', 'ada', now())",
        [acme.id],
    )
    engine.link.execute(
        "INSERT INTO user_trait (project_id, user_id, name, value, ts, event_id) VALUES "
        "(%s, 'ben', 'plan', '\"free\"', '2026-01-01', gen_random_uuid())", [acme.id],
    )  # fmt: skip
    assert ask(link, "SELECT user_id, events, sessions, traits ->> 'plan' FROM users") == [
        ("ada", 4, 3, "free")
    ]
    assert ask(link, "SELECT DISTINCT user_id FROM events") == [("ada",)]
    assert ask(link, "SELECT DISTINCT user_id FROM sessions") == [("ada",)]
    assert ask(link, "SELECT value FROM rollups WHERE metric = 'users' AND grain = '1d'") == [(1,), (1,)]


def test_a_range_of_time_reads_its_days_alone(engine: Engine, link: psycopg.Connection[Any]) -> None:
    query = "EXPLAIN (COSTS OFF) SELECT type FROM events WHERE ts >= '2025-06-03' AND ts < '2025-06-04'"
    plan = "\n".join(line for (line,) in ask(link, query))
    ((first, second),) = engine.ask(
        "SELECT min(tableoid::regclass::text) FILTER (WHERE ts < '2025-06-03'), "
        "max(tableoid::regclass::text) FILTER (WHERE ts >= '2025-06-03') FROM event"
    )
    assert second.rpartition(".")[2] in plan, plan
    assert first.rpartition(".")[2] not in plan, plan
    assert "user_alias" not in plan, plan


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM public.event",
        "SELECT * FROM public.session",
        "SELECT * FROM public.user_trait",
        "SELECT * FROM public.rollup_events_1d",
        "SELECT * FROM public.project",
        "SELECT * FROM public.api_key",
        "SELECT * FROM public.auth_user",
        "TABLE bi_globex.events",
        "SELECT count(*) FROM bi_globex.users",
        "COPY bi_globex.rollups TO STDOUT",
        "SET ROLE sluice_read",
        "SET SESSION AUTHORIZATION sluice",
        "SELECT query_to_xml('SELECT * FROM public.event', true, true, '')",
        "SELECT * FROM pg_statistic",
        "SELECT * FROM pg_authid",
        "SELECT pg_read_file('postgresql.conf')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT lo_create(0)",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT lo_put(1, 0, 'x')",
        "SELECT pg_logical_emit_message(false, 'x', 'y')",
        "SELECT pg_advisory_lock_shared(7312, 0)",
        "SELECT pg_try_advisory_lock(7304, 1)",
        "SELECT pg_advisory_xact_lock(7305)",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "CREATE TABLE mine (a integer)",
        "CREATE TEMPORARY TABLE mine (a integer)",
        "CREATE FUNCTION mine(text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "CREATE FUNCTION public.mine(text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "CREATE OPERATOR public.<<< (LEFTARG = text, RIGHTARG = text, FUNCTION = textne)",
        "CREATE VIEW bi_acme.mine AS SELECT 1",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "ALTER VIEW bi_acme.events SET (security_barrier = false)",
        "ALTER VIEW bi_acme.events SET (security_invoker = true)",
        "ALTER ROLE CURRENT_USER BYPASSRLS",
        "DROP VIEW bi_acme.events",
        "INSERT INTO bi_acme.events (type) VALUES ('x')",
        "UPDATE bi_acme.sessions SET entry = 'x'",
        "DELETE FROM bi_acme.events",
        "TRUNCATE public.event",
        "SELECT 1 FROM bi_acme.events FOR UPDATE",
        "DO $$ BEGIN LOCK TABLE public.event; END $$",
        "DO $$ BEGIN DELETE FROM public.event; END $$",
    ],
)
def test_the_role_may_not(link: psycopg.Connection[Any], statement: str) -> None:
    """Its transactions are read-only, which it could change; so that is changed first."""
    link.execute("SET default_transaction_read_only = off")
    refused = (psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)
    with pytest.raises((*refused, psycopg.errors.InvalidParameterValue, psycopg.errors.FeatureNotSupported)):
        link.execute(statement)


def test_nothing_can_be_written_and_no_partition_or_chunk_be_read(
    engine: Engine, link: psycopg.Connection[Any]
) -> None:
    assert ask(link, _WRITABLE) == []
    ((partition,),) = engine.ask("SELECT tableoid::regclass::text FROM event LIMIT 1")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        link.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(*partition.split("."))))


@pytest.fixture
def peeking(engine: Engine, link: psycopg.Connection[Any]) -> Iterator[list[str]]:
    """A condition `public.peek` that costs nothing and tells what it was tried on; and the plans that try all rows.

    The role cannot make such a function, and many of those that there are tell by the errors that they raise.
    """
    for kind in ("text", "timestamptz"):
        engine.link.execute(
            f"CREATE FUNCTION public.peek({kind}) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 "
            "AS $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$"
        )
    for plans in ("indexscan", "bitmapscan", "indexonlyscan"):
        link.execute(f"SET enable_{plans} = off")
    # TimescaleDB's own node would hide that what is below it is to be avoided.
    link.execute("SET timescaledb.enable_constraint_aware_append = off")
    seen: list[str] = []
    link.add_notice_handler(lambda notice: seen.append(notice.message_primary or ""))
    try:
        yield seen
    finally:
        engine.link.execute("DROP FUNCTION public.peek(text), public.peek(timestamptz)")


PEEKS = {"events": "type || user_id", "sessions": "entry || user_id", "users": "user_id", "rollups": "metric"}


@pytest.mark.parametrize("view", COLUMNS)
def test_no_condition_is_tried_on_foreign_rows(
    link: psycopg.Connection[Any], peeking: list[str], view: str
) -> None:
    link.execute(f"SELECT * FROM {view} WHERE public.peek({PEEKS[view]})")
    assert peeking
    assert MARK not in "".join(peeking)


def test_no_condition_is_tried_on_foreign_times(link: psycopg.Connection[Any], peeking: list[str]) -> None:
    link.execute("SELECT * FROM events WHERE public.peek(ts)")
    assert len(peeking) == 4


def test_without_the_barrier_it_would_be(
    engine: Engine, link: psycopg.Connection[Any], peeking: list[str]
) -> None:
    """The negative control: the tests above can fail."""
    engine.link.execute("ALTER VIEW bi_acme.events SET (security_barrier = false)")
    link.execute("SELECT * FROM events WHERE public.peek(ts)")
    assert len(peeking) == 4 + 9


def test_statistics_say_nothing_of_the_tables(engine: Engine, link: psycopg.Connection[Any]) -> None:
    """Those of TimescaleDB's own catalog are for everybody; they know chunks, not rows."""
    engine.link.execute("ANALYZE event, session, user_alias")
    tables = "SELECT schemaname, tablename FROM pg_stats WHERE schemaname NOT IN "
    assert ask(link, f"{tables} ('pg_catalog', 'information_schema', '_timescaledb_catalog')") == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        link.execute("SELECT * FROM pg_statistic_ext_data")


#: Of each kind of column that can be compared, values in order between which what globex has lies somewhere.
_STEPS = {
    "text": [*"vwxyz~"],
    "uuid": [f"{digit:x}0000000-0000-0000-0000-000000000000" for digit in range(16)],
    "integer": [str(number) for number in range(0, 30, 3)],
    "bigint": [str(number) for number in range(0, 30, 3)],
    "numeric": [str(number) for number in range(0, 400, 40)],
    "double precision": [str(number) for number in range(0, 36_000, 3600)],
    _TIME: [f"2025-06-{day:02}" for day in range(1, 12)],
}
#: By these a query finds its days. What they cost is told, with all projects' times (docs/bi.md).
_TIMES = {("events", "ts"), ("sessions", "start_ts"), ("rollups", "bucket")}


def _comparable() -> list[tuple[str, str, str]]:
    columns = ((view, *one.split(" ", 1)) for view, listed in COLUMNS.items() for one in listed.split(", "))
    left_out = {*_TIMES, ("rollups", "grain")}  # a grain is a constant of the view's text
    return [
        (view, name, kind) for view, name, kind in columns if kind in _STEPS and (view, name) not in left_out
    ]


def estimates(link: psycopg.Connection[Any], view: str, column: str, steps: list[str]) -> set[Any]:
    """Return what the planner expects between each two steps; who gets a single answer has learnt nothing."""
    seen = set()
    for low, high in pairwise(steps):
        query = f"EXPLAIN (FORMAT JSON) SELECT * FROM {view} WHERE {column} > '{low}' AND {column} < '{high}'"
        plan = ask(link, query)[0][0][0]["Plan"]
        seen.add((plan["Plan Rows"], plan["Total Cost"]))
    return seen


@pytest.fixture
def much(engine: Engine, acme: Tenant, link: psycopg.Connection[Any]) -> None:
    """Rows from which statistics tell a project's values: globex has most, and definitions, too."""
    ((globex,),) = engine.ask("SELECT id FROM project WHERE slug = 'globex'")
    for project, rows, mark in ((globex, 400, MARK), (acme.id, 100, "mine")):
        engine.link.execute(
            "INSERT INTO event (project_id, event_id, ts, received_at, type, user_id, anonymous_id, props) "
            "SELECT %(project)s, gen_random_uuid(), %(noon)s + n * interval '1 second', "
            "%(noon)s + n %% 9 * interval '1 day', %(mark)s, %(mark)s || n, %(mark)s || n, '{}' "
            "FROM generate_series(1, %(rows)s) AS n",
            {"project": project, "noon": NOON, "rows": rows, "mark": mark},
        )
        engine.link.execute(
            "INSERT INTO session (project_id, user_id, start_ts, end_ts, session_id, events, entry, exit) "
            "SELECT %(project)s, %(mark)s || n, %(noon)s, %(noon)s + n %% 9 * interval '1 day', "
            "gen_random_uuid(), n %% 30, %(mark)s || n, %(mark)s || n FROM generate_series(1, %(rows)s) AS n",
            {"project": project, "noon": NOON, "rows": rows, "mark": mark},
        )
        for number in range(12):
            define(project, f"{mark}{number}", measure=("count", "users")[number % 2])
    catch_up()
    engine.link.execute("ANALYZE")


@pytest.mark.parametrize(("view", "column", "kind"), _comparable())
def test_no_bisection_of_estimates_finds_what_another_project_has(
    link: psycopg.Connection[Any], much: None, view: str, column: str, kind: str
) -> None:
    assert len(estimates(link, view, column, _STEPS[kind])) == 1


@pytest.mark.parametrize(("view", "column"), sorted(_TIMES))
def test_times_can_be_bisected(link: psycopg.Connection[Any], much: None, view: str, column: str) -> None:
    """The negative control; and what the page about BI tools says of them."""
    assert len(estimates(link, view, column, _STEPS[_TIME])) > 1


def test_the_role_is_asked_to_read_for_a_while_and_no_longer(link: psycopg.Connection[Any]) -> None:
    shown = {name: ask(link, f"SHOW {name}")[0][0] for name in (
        "search_path", "default_transaction_read_only", "statement_timeout", "idle_in_transaction_session_timeout",
    )}  # fmt: skip
    assert shown == {
        "search_path": "bi_acme, public",
        "default_transaction_read_only": "on",
        "statement_timeout": "1min",
        "idle_in_transaction_session_timeout": "1min",
    }
    limit = "SELECT rolconnlimit, rolsuper, rolinherit FROM pg_roles WHERE rolname = current_user"
    assert ask(link, limit) == [(5, False, False)]


def test_days_and_types_that_come_later_show_at_once(acme: Tenant, link: psycopg.Connection[Any]) -> None:
    store_all(acme.id, [event("new", NOON + timedelta(days=30), type="later")])
    catch_up()
    assert ask(link, "SELECT user_id FROM events WHERE type = 'later'") == [("new",)]
    assert ask(link, "SELECT value FROM rollups WHERE metric = 'count:later' AND grain = '1d'") == [(1,)]


def test_a_migration_takes_the_views_down_and_puts_them_up(
    engine: Engine, link: psycopg.Connection[Any]
) -> None:
    """Without that, nobody could change the type of a column that they show."""
    call_command("migrate", "metrics", "0003", verbosity=0)
    try:
        assert {one.views for one in there()} == {()}
        engine.link.execute("ALTER TABLE session ALTER COLUMN entry TYPE varchar(600)")
        engine.link.execute("ALTER TABLE session ALTER COLUMN entry TYPE text")
    finally:
        call_command("migrate", verbosity=0)
    assert all(one.is_current and one.roles for one in there())
    assert ask(link, "SELECT count(*) FROM events") == [(4,)]


def test_without_that_a_migration_would_fail(engine: Engine, link: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="used by a view"):
        engine.link.execute("ALTER TABLE session ALTER COLUMN entry TYPE varchar(600)")


def test_closing_leaves_nothing(engine: Engine, acme: Tenant, link: psycopg.Connection[Any]) -> None:
    role = link.info.user
    close(acme.id)
    assert [one.name for one in there()] == ["bi_globex"]
    assert engine.ask("SELECT FROM pg_roles WHERE rolname = %s", role) == []
    with pytest.raises(psycopg.Error):
        link.execute("SELECT * FROM bi_acme.events")
