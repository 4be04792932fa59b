"""copy_to between two databases of one server: equality, resumption, late changes, sealed days, the command."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command

from config import engine
from config.moving import command, move, source, units
from config.moving.command import copy_to
from config.moving.errors import MoveError
from config.moving.tables import COPIED, EVENT, IN_PIECES, NOT_COPIED
from config.moving.target import SQL as TARGET_SQL
from dlq.models import DeadLetter
from events.maintenance import drop_before
from events.purge import purge_project
from metrics.rollups.definitions import EVENTS
from tests.integration.copying.ends import (
    Target,
    assert_equal,
    known,
    run,
    texts,
)
from tests.support import pipeline as driver
from tests.support.assertions import day_span
from tests.support.pipeline import NOON, event, process_all, store_all
from tests.support.tenants import Tenant


def test_every_table_is_copied_or_has_a_reason_not_to_be(here: psycopg.Connection[Any]) -> None:
    tables = {name for (name,) in here.execute(TARGET_SQL["tables"])}
    assert tables - set(COPIED) - NOT_COPIED.keys() == set()
    assert set(COPIED) - tables == set()
    assert not set(COPIED) & NOT_COPIED.keys()


def test_the_target_equals_the_source(filled: Tenant, here: psycopg.Connection[Any], empty: Target) -> None:
    outcome = run(empty)
    assert (outcome.differing, list(outcome.busy)) == ([], [])
    full = (
        "event",
        "event_key",
        "session",
        "dead_letter",
        "inbox",
        "user_alias",
        "user_trait",
        "observed_property",
    )
    assert all(texts(here, table) for table in full)
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
    target.link.execute("; ".join(f"DELETE FROM {table.name}" for table in (EVENT, *IN_PIECES)))  # type: ignore[arg-type]
    run(target)
    assert counted.units == rest + 9


def test_rollups_are_computed_although_the_run_ended_before(
    filled: Tenant, here: psycopg.Connection[Any], target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(engine.ROLLUPS[engine.level()]())
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
