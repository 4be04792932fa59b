"""copy_to between two databases of one server: equality, resumption, late changes, refusals, sealed days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
import pytest_django
from django.core.management import CommandError, call_command
from django.db import connection, connections
from psycopg import sql

from config import engine
from config.lib.engine import Level, recorded
from config.moving import command, database, move, source, units
from config.moving import mark as marks
from config.moving.command import copy_to
from config.moving.errors import MoveError
from config.moving.mark import Mark
from config.moving.report import Outcome
from config.moving.tables import COPIED, NOT_COPIED
from config.moving.target import SQL as TARGET_SQL
from dlq.models import DeadLetter
from events.maintenance import drop_before
from events.models import Membership
from events.purge import purge_project
from events.store.base import Store
from metrics.rollups.base import Rollups
from metrics.rollups.definitions import EVENTS, USERS, VALUES, Rollup
from metrics.rollups.restore import merged
from tests.support import pipeline as driver
from tests.support.assertions import day_span
from tests.support.pipeline import NOON, append, append_rows, event, process_all, store_all
from tests.support.tenants import Tenant

RELATIONS = (*EVENTS, *USERS, *VALUES)


@dataclass
class Target:
    """Another database on the tests' server."""

    url: str
    link: psycopg.Connection[tuple[Any, ...]]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.link.execute(query).fetchall()

    @property
    def rollups(self) -> Rollups:
        return engine.ROLLUPS[self._level]()

    @property
    def store(self) -> Store:
        return engine.STORES[self._level]()

    @property
    def _level(self) -> Level:
        level = recorded(self.link.cursor())
        assert level
        return level


def source_name() -> str:
    """Return the name of the source."""
    return str(connections["default"].settings_dict["NAME"])


def url_of(name: str) -> str:
    """Return the URL of a database of the tests' server."""
    known = connections["default"].settings_dict
    login = f"{known['USER']}:{known['PASSWORD']}" if known["PASSWORD"] else known["USER"]
    return f"postgres://{login}@/{name}?host={quote(known['HOST'], safe='')}&port={known['PORT'] or 5432}"


@pytest.fixture
def target(pipeline: None, migrated: str) -> Iterator[Target]:
    """Give an empty database that was migrated, or is to be."""
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


@pytest.fixture(scope="module")
def migrated(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[str]:
    """Give the name of a database that can be copied in a tenth of the time of its migrations.

    One with TimescaleDB cannot: its scheduler is always connected.
    """
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
    moments = [NOON + timedelta(days=days, minutes=number) for days in range(4) for number in range(0, 90, 3)]
    append(acme.id, [event(f"u{ts.minute % 4}", ts, value=ts.minute / 8) for ts in moments], size=9)
    append_rows(acme.id, driver.copy_line(acme.id, props="{"))
    store_all(globex.id, [event("g1"), event("g2", NOON + timedelta(days=9), text="\u2028\\N\t'")])
    append(acme.id, [event("still in the bus")])
    return acme


@pytest.fixture
def admin_user_of_acme(acme: Tenant) -> None:
    from django.contrib.auth.models import User

    Membership.objects.create(project_id=acme.id, user=User.objects.create_user("ann", password="secret"))


def run(target: Target) -> Outcome:
    """Copy with nobody connected to the source but this test."""
    driver.let_go()
    return copy_to(target.url, running=False)


def texts(link: Any, table: str) -> list[str]:
    query = sql.SQL("SELECT t::text FROM {} t ORDER BY 1").format(sql.Identifier(table))
    return [text for (text,) in link.execute(query).fetchall()]


def known(link: Any, rollup: Rollup) -> list[tuple[Any, ...]]:
    return sorted(link.execute(merged(rollup, "-infinity", "infinity")).fetchall())


@pytest.fixture
def here(pipeline: None) -> Iterator[psycopg.Connection[Any]]:
    """Give a connection to the source that does not look like Sluice's."""
    name = source_name()
    with psycopg.connect(url_of(name), autocommit=True, application_name="test") as link:
        yield link


def assert_equal(here: psycopg.Connection[Any], target: Target) -> None:
    """Every copied table has the same rows, every rollup says the same."""
    for table in COPIED:
        assert texts(here, table) == texts(target.link, table), table
    for rollup in RELATIONS:
        assert known(here, rollup) == known(target.link, rollup), rollup.relation


def test_every_table_is_copied_or_has_a_reason_not_to_be(here: psycopg.Connection[Any]) -> None:
    tables = {name for (name,) in here.execute(TARGET_SQL["tables"])}
    assert tables - set(COPIED) - NOT_COPIED.keys() == set()
    assert set(COPIED) - tables == set()
    assert not set(COPIED) & NOT_COPIED.keys()


def test_the_target_equals_the_source(filled: Tenant, here: psycopg.Connection[Any], empty: Target) -> None:
    outcome = run(empty)
    assert (outcome.differing, list(outcome.busy)) == ([], [])
    assert all(texts(here, table) for table in ("event", "event_key", "session", "dead_letter", "inbox"))
    assert_equal(here, empty)
    assert [line.here.rows for line in outcome.lines if line.name == "events of 2025-06-03"] == [30]


def test_rollups_of_the_target_equal_its_events(filled: Tenant, target: Target) -> None:
    run(target)
    for day in (NOON + timedelta(days=days) for days in range(10)):
        assert target.rollups.drift(target.link.cursor(), *day_span(day.date())) == []
    assert known(target.link, EVENTS[0])


def test_a_second_run_copies_nothing(filled: Tenant, target: Target, counted: Counted) -> None:
    run(target)
    first = counted.units
    assert run(target).differing == []
    assert first > 4
    assert counted.units == first


@dataclass
class Counted:
    """How many units were copied, and after how many the next one fails."""

    units: int = 0
    fail_after: int | None = None


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """Count units, small ones, and let one fail on demand."""
    state, copy = Counted(), move.replace_unit

    def replace_unit(*args: Any) -> None:
        copy(*args)
        if state.units == state.fail_after:
            raise psycopg.OperationalError("the network is gone")
        state.units += 1

    monkeypatch.setattr(move, "replace_unit", replace_unit)
    monkeypatch.setattr(units, "UNIT_ROWS", 10)
    return state


@pytest.mark.parametrize("after", [0, 17])
def test_a_copy_that_was_interrupted_goes_on(
    filled: Tenant, here: psycopg.Connection[Any], target: Target, counted: Counted, after: int
) -> None:
    counted.fail_after = after
    with pytest.raises(MoveError, match=r"the network is gone .*run the same command again"):
        run(target)
    counted.fail_after = None
    assert run(target).differing == []
    assert_equal(here, target)


def test_what_was_copied_before_an_interruption_is_not_copied_again(
    filled: Tenant, target: Target, counted: Counted
) -> None:
    counted.fail_after = 9
    with pytest.raises(MoveError):
        run(target)
    counted.fail_after, counted.units = None, 0
    run(target)
    rest = counted.units
    counted.units = 0
    target.link.execute(
        "DELETE FROM event; DELETE FROM event_key; DELETE FROM session; DELETE FROM dead_letter"
    )
    run(target)
    assert counted.units == rest + 9


def test_rollups_are_computed_although_the_run_ended_before(
    filled: Tenant, here: psycopg.Connection[Any], target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(engine.rollups())
    with monkeypatch.context() as patch:
        patch.setattr(kind, "rebuild", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(target)
    run(target)
    assert_equal(here, target)


def _interrupted(*_: Any) -> None:
    raise KeyboardInterrupt


def test_what_changed_since_is_carried_over(
    filled: Tenant, globex: Tenant, here: psycopg.Connection[Any], target: Target
) -> None:
    run(target)
    process_all()
    store_all(
        filled.id,
        [event("late", NOON + timedelta(days=1, minutes=1)), event("new", NOON + timedelta(days=20))],
    )
    DeadLetter.objects.update(state="discarded", resolved_by="ann")
    purge_project(globex.id, store=engine.store(), rollups=engine.rollups())
    here.execute("DELETE FROM event WHERE user_id = 'u1'")
    engine.rollups().rebuild(here, *day_span(NOON.date()))
    for days in range(1, 4):
        engine.rollups().rebuild(here, *day_span(NOON.date() + timedelta(days=days)))
    assert run(target).differing == []
    assert_equal(here, target)


def test_what_somebody_changed_at_the_target_is_put_right(
    filled: Tenant, here: psycopg.Connection[Any], target: Target
) -> None:
    run(target)
    target.link.execute("UPDATE event SET type = 'forged' WHERE user_id = 'u1'")
    target.link.execute("DELETE FROM session WHERE user_id = 'u2'")
    target.link.execute(
        "INSERT INTO event_key SELECT project_id, gen_random_uuid(), ts, seen_at, 1 FROM event_key"
    )
    run(target)
    assert_equal(here, target)


def test_days_that_the_target_turned_into_columns_are_put_right(
    filled: Tenant, here: psycopg.Connection[Any], target: Target
) -> None:
    run(target)
    target.store.compress(target.link, NOON.date())
    here.execute("DELETE FROM event WHERE user_id = 'u1'")
    store_all(filled.id, [event("late", NOON)])
    engine.rollups().rebuild(here, *day_span(NOON.date()))
    run(target)
    assert texts(here, "event") == texts(target.link, "event")
    assert target.rollups.drift(target.link.cursor(), *day_span(NOON.date())) == []


def test_days_that_only_rollups_know_are_copied(
    filled: Tenant, here: psycopg.Connection[Any], target: Target
) -> None:
    drop_before(store=engine.store(), rollups=engine.rollups(), day=NOON.date() + timedelta(days=2))
    store_all(filled.id, [event("late to a dropped day", NOON, value=3)])
    assert run(target).differing == []
    assert_equal(here, target)
    assert target.rollups.sealed_before(target.link.cursor()) == date(2025, 6, 4)
    assert known(here, EVENTS[0])[0][3] == 30 + 1 + 1, "what was dropped, waited, and came late"


def test_days_that_only_rollups_know_show_although_nothing_came_since(
    filled: Tenant, here: psycopg.Connection[Any], target: Target
) -> None:
    process_all()
    drop_before(store=engine.store(), rollups=engine.rollups(), day=NOON.date() + timedelta(days=30))
    assert texts(here, "event") == []
    assert run(target).differing == []
    assert_equal(here, target)
    assert known(target.link, EVENTS[0])


def test_days_that_were_dropped_since_the_first_run_keep_their_rollups(
    filled: Tenant, here: psycopg.Connection[Any], target: Target
) -> None:
    run(target)
    drop_before(store=engine.store(), rollups=engine.rollups(), day=NOON.date() + timedelta(days=2))
    assert run(target).differing == []
    assert_equal(here, target)
    assert target.rows("SELECT count(*) FROM event WHERE ts < '2025-06-04'") == [(0,)]


def test_the_target_gives_out_ids_that_are_not_taken(filled: Tenant, target: Target) -> None:
    run(target)
    for table in ("project", "auth_user", "api_key", "dead_letter", "inbox", "session_work"):
        query = f"SELECT nextval(pg_get_serial_sequence('{table}', 'id')) > (SELECT coalesce(max(id), 0) FROM {table})"
        assert target.rows(query) == [(True,)], table


def test_a_source_in_use_is_told_and_copied_all_the_same(
    filled: Tenant, here: psycopg.Connection[Any], target: Target
) -> None:
    driver.let_go()
    with driver.processor():
        outcome = copy_to(target.url, running=False)
    assert outcome.busy == ["sluice processor", "1 processors"]
    assert_equal(here, target)


def test_rows_that_could_not_be_made_equal_are_told(
    filled: Tenant, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(move, "replace_unit", lambda *_: None)
    assert "events of 2025-06-03" in run(target).differing


# --- refusals ---------------------------------------------------------------------------------------------------


def refused(url: str) -> str:
    driver.let_go()
    with pytest.raises(MoveError) as caught:
        copy_to(url, running=False)
    return str(caught.value)


def test_an_installation_of_its_own_is_left_alone(filled: Tenant, target: Target) -> None:
    run(target)
    target.link.execute("COMMENT ON TABLE project IS NULL")
    assert "holds an installation of its own" in refused(target.url)


def test_a_copy_of_another_installation_is_left_alone(filled: Tenant, target: Target) -> None:
    run(target)
    found = marks.read(target.link)
    assert found
    marks.write(target.link, Mark("another", found.left))
    assert "a copy of another installation" in refused(target.url)


USES = {
    "an event": "UPDATE bus_counter SET appended_events = appended_events + 1",
    "a login": "UPDATE auth_user SET last_login = now()",
    "a key": "DELETE FROM api_key",
    "a batch processed": "DELETE FROM inbox",
}


def test_a_copy_that_was_used_since_is_left_alone(filled: Tenant, target: Target) -> None:
    run(target)
    for name, use in USES.items():
        left = marks.read(target.link)
        assert left
        target.link.execute(use)
        assert "was used since it was copied" in refused(target.url), name
        marks.write(target.link, replace(left, left=marks.left_at(target.link)))


def test_the_source_is_not_its_own_target(filled: Tenant) -> None:
    assert "the target is the source" in refused(url_of(source_name()))


def test_a_database_of_something_else_is_left_alone(acme: Tenant, empty: Target) -> None:
    empty.link.execute("CREATE TABLE invoices (id integer)")
    assert "tables that are not Sluice's (invoices)" in refused(empty.url)
    assert empty.rows("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()") == [(1,)]


def test_a_target_of_a_newer_version_is_left_alone(acme: Tenant, target: Target) -> None:
    run(target)
    target.link.execute(
        "INSERT INTO django_migrations (app, name, applied) VALUES ('events', '9999_later', now())"
    )
    assert "newer version: it has the migration events.9999_later" in refused(target.url)


def test_a_target_on_which_sluice_runs_is_left_alone(acme: Tenant, target: Target) -> None:
    with psycopg.connect(target.url, application_name="sluice processor"):
        assert "Sluice runs on the target (sluice processor)" in refused(target.url)


def test_two_copies_at_once_do_not_meet(acme: Tenant, target: Target) -> None:
    target.link.execute("SELECT pg_advisory_lock(7305, 0)")
    assert "another copy_to is at work" in refused(target.url)


def test_another_encoding_is_refused(acme: Tenant, here: psycopg.Connection[Any]) -> None:
    name = f"{here.info.dbname}_ascii"
    here.execute(
        f"CREATE DATABASE \"{name}\" ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
    )
    try:
        assert "encoding is SQL_ASCII" in refused(url_of(name))
    finally:
        here.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_a_role_without_rights_is_told_what_it_needs(acme: Tenant, empty: Target) -> None:
    empty.link.execute("DROP ROLE IF EXISTS copy_guest")
    empty.link.execute("CREATE ROLE copy_guest LOGIN")
    try:
        message = refused(empty.url.replace("//sluice", "//copy_guest"))
    finally:
        empty.link.execute("DROP ROLE copy_guest")
    assert "permission denied for schema public" in message
    assert "has to own the database" in message


URLS = {
    "mysql://u:hidden@h/db": "the target's URL cannot be read",
    "postgres://u:hidden@h/": "names no database",
    "postgres://u:hidden@127.0.0.1:1/db": "the target cannot be reached",
    "postgres://u:hidden@127.0.0.1/db?colour=blue": "the target cannot be reached",
}


@pytest.mark.parametrize("url", URLS)
def test_a_url_that_leads_nowhere_is_explained_without_its_password(acme: Tenant, url: str) -> None:
    message = refused(url)
    assert URLS[url] in message
    assert "hidden" not in message


def test_a_database_that_is_missing_is_to_be_made(acme: Tenant) -> None:
    assert "make it first: CREATE DATABASE" in refused(url_of("nobody_made_it"))


# --- the command ------------------------------------------------------------------------------------------------


@pytest.fixture
def at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The source's server runs: it is the tests'."""
    from contextlib import nullcontext

    monkeypatch.setattr(source, "at_hand", lambda: nullcontext(False))
    driver.let_go()


def test_the_command_shows_what_is_at_both_ends(
    filled: Tenant, target: Target, at_hand: None, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("copy_to", target.url)
    shown = capsys.readouterr().out
    assert "events of 2025-06-03" in shown
    assert "Everything is copied and verified" in shown


def test_the_command_fails_where_ends_differ(
    filled: Tenant, target: Target, at_hand: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(move, "replace_unit", lambda *_: None)
    with pytest.raises(CommandError, match=r"these differ: .*events of 2025-06-03"):
        call_command("copy_to", target.url)


def test_a_ctrl_c_says_how_to_go_on(target: Target, at_hand: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "take_snapshot", _interrupted)
    with pytest.raises(CommandError, match="stopped; run the same command again") as caught:
        call_command("copy_to", target.url)
    assert caught.value.returncode == 130
