"""Erasing a user removes everything of his, in one project, and nothing of anybody else's."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from config import engine
from config.lib.postgres import connect
from events import erase
from events.maintenance import drop_before
from events.reasons import Outcome
from sessions.services import remove_user, touch_range
from tests.support.assertions import (
    assert_balanced,
    assert_no_rollup_beyond_raw,
    assert_rollups_equal_raw,
    assert_sessions_equal_raw,
    letters,
    stored_sessions,
)
from tests.support.pipeline import (
    NOON,
    append,
    append_rows,
    copy_line,
    event,
    process_all,
    rebuild_sessions,
    rows,
    store_all,
)
from tests.support.tenants import Tenant
from tests.support.waiting import wait_until

ADA = [
    event("ada", NOON, type="page_view", value=100),
    event("ada", NOON + timedelta(minutes=5), type="order", value=2.5),
    event("ada", NOON + timedelta(days=2), type="page_view"),
]
BOB = [
    event("bob", NOON + timedelta(seconds=10), type="page_view", value=7),
    event("bob", NOON + timedelta(hours=3), type="page_view"),
]


WAITS = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = 'sluice erase' AND wait_event_type = 'Lock'"
)


@pytest.fixture
def both(acme: Tenant, globex: Tenant) -> tuple[Tenant, Tenant]:
    """Each tenant has an ada and a bob; acme's ada was stored by two processors."""
    store_all(acme.id, [*ADA[:2], *BOB])
    store_all(acme.id, ADA[2:])
    store_all(globex.id, [event(one["userId"], datetime.fromisoformat(one["ts"])) for one in [*ADA, *BOB]])
    return acme, globex


def erase_ada(project_id: int) -> erase.Footprint:
    return erase.erase_user(
        project_id=project_id, user_id="ada", store=engine.store(), rollups=engine.rollups()
    )


def users(relation: str, project_id: int) -> list[str]:
    query = f"SELECT DISTINCT user_id FROM {relation} WHERE project_id = %s ORDER BY 1"
    return [user for (user,) in rows(query, project_id)]


def command(*args: str, **options: Any) -> str:
    out = StringIO()
    call_command("erase_user", *args, stdout=out, **options)
    return out.getvalue()


def test_nothing_of_the_user_is_left(both: tuple[Tenant, Tenant]) -> None:
    acme, _ = both
    assert erase_ada(acme.id) == erase.Footprint(events=3, sessions=2)
    for relation in ("event", "session", "rollup_users_1h", "rollup_users_1d"):
        assert users(relation, acme.id) == ["bob"], relation


def test_rollups_and_sessions_equal_the_raw_events_afterwards(both: tuple[Tenant, Tenant]) -> None:
    acme, _ = both
    erase_ada(acme.id)
    assert_rollups_equal_raw()
    assert_no_rollup_beyond_raw(acme.id)
    assert_sessions_equal_raw(acme.id)
    assert_balanced()


def test_a_type_that_only_the_user_sent_is_gone_from_the_counts(both: tuple[Tenant, Tenant]) -> None:
    acme, _ = both
    erase_ada(acme.id)
    for grain in ("1m", "1h", "1d"):
        query = f"SELECT count(*) FROM rollup_events_{grain} WHERE project_id = %s AND type = 'order'"
        assert rows(query, acme.id) == [(0,)], grain


def test_another_projects_user_of_that_name_stays(both: tuple[Tenant, Tenant]) -> None:
    acme, globex = both
    before = stored_sessions(globex.id)
    erase_ada(acme.id)
    assert rows("SELECT count(*) FROM event WHERE project_id = %s AND user_id = 'ada'", globex.id) == [(3,)]
    assert users("rollup_users_1d", globex.id) == ["ada", "bob"]
    assert stored_sessions(globex.id) == before


def test_an_event_that_is_sent_again_is_a_duplicate(both: tuple[Tenant, Tenant]) -> None:
    acme, _ = both
    erase_ada(acme.id)
    assert store_all(acme.id, ADA) == {(acme.id, Outcome.DUPLICATE): 3}
    assert users("event", acme.id) == ["bob"]


def test_a_new_event_of_the_user_is_stored_and_counted_again(both: tuple[Tenant, Tenant]) -> None:
    acme, _ = both
    erase_ada(acme.id)
    store_all(acme.id, [event("ada", NOON)])
    assert users("rollup_users_1h", acme.id) == ["ada", "bob"]
    assert_rollups_equal_raw()
    assert_sessions_equal_raw(acme.id)


def test_an_unknown_user_is_no_error(both: tuple[Tenant, Tenant]) -> None:
    acme, _ = both
    nobody = erase.erase_user(
        project_id=acme.id, user_id="nobody", store=engine.store(), rollups=engine.rollups()
    )
    assert nobody == erase.Footprint(0, 0)
    assert_rollups_equal_raw()


def test_session_work_that_names_the_user_makes_no_sessions(both: tuple[Tenant, Tenant]) -> None:
    acme, _ = both
    with connect(name="test touch", autocommit=True) as link:
        touch_range(
            connection=link, start=datetime(2025, 1, 1, tzinfo=UTC), end=datetime(2026, 1, 1, tzinfo=UTC)
        )
    erase_ada(acme.id)
    assert rebuild_sessions()
    assert users("session", acme.id) == ["bob"]


def test_counts_of_rebuilt_rollups_are_subtracted_too(both: tuple[Tenant, Tenant]) -> None:
    acme, _ = both
    call_command("rebuild_rollups", stdout=StringIO())
    store_all(acme.id, [event("ada", NOON), event("bob", NOON)])
    erase_ada(acme.id)
    assert_rollups_equal_raw()
    assert_no_rollup_beyond_raw(acme.id)


def test_of_days_whose_events_were_dropped_only_the_counts_stay(both: tuple[Tenant, Tenant]) -> None:
    acme, _ = both
    drop_before(store=engine.store(), rollups=engine.rollups(), day=NOON.date() + timedelta(days=1))
    assert erase_ada(acme.id) == erase.Footprint(events=1, sessions=2)
    assert users("rollup_users_1d", acme.id) == users("session", acme.id) == ["bob"]
    counts = "SELECT sum(count)::int FROM rollup_events_1d WHERE project_id = %s"
    assert rows(counts, acme.id) == [(len(ADA[:2] + BOB),)]


def test_nothing_is_gone_unless_all_of_it_is(
    both: tuple[Tenant, Tenant], monkeypatch: pytest.MonkeyPatch
) -> None:
    acme, _ = both

    def fail(*args: Any, **kwargs: Any) -> int:
        raise RuntimeError("the store failed")

    store = engine.store()
    monkeypatch.setattr(type(store), "erase", fail)
    with pytest.raises(RuntimeError):
        erase_ada(acme.id)
    assert users("event", acme.id) == users("session", acme.id) == ["ada", "bob"]
    assert_rollups_equal_raw()
    assert_sessions_equal_raw(acme.id)


class Refused:
    """Rollups whose first two attempts to catch up find another at it."""

    def __init__(self) -> None:
        self.refusals, self._rollups = 2, engine.rollups()

    def catch_up(self, connection: Any) -> bool:
        self.refusals -= 1
        return self.refusals < 0 and self._rollups.catch_up(connection)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rollups, name)


def test_it_ends_when_the_rollups_have_caught_up(both: tuple[Tenant, Tenant]) -> None:
    rollups = Refused()
    erase.erase_user(project_id=both[0].id, user_id="ada", store=engine.store(), rollups=rollups)
    assert rollups.refusals < 0


def test_it_says_so_where_rollups_do_not_catch_up(
    both: tuple[Tenant, Tenant], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rollups = Refused()
    rollups.refusals = 1_000_000
    monkeypatch.setattr(erase, "_CATCH_UP_SECONDS", 0.1)
    erase.erase_user(project_id=both[0].id, user_id="ada", store=engine.store(), rollups=rollups)
    assert "may still count" in caplog.text


def test_events_that_come_meanwhile_are_all_counted_or_all_erased(both: tuple[Tenant, Tenant]) -> None:
    acme, globex = both
    for number in range(30):
        moment = NOON + timedelta(minutes=number)
        for tenant in (acme, globex):
            append(tenant.id, [event(user, moment) for user in ("ada", "bob")])
    processors = [threading.Thread(target=process_all) for _ in range(2)]
    for thread in processors:
        thread.start()
    erased = sum(erase_ada(acme.id).events for _ in range(10))
    for thread in processors:
        thread.join(timeout=60)
    left = rows("SELECT count(*) FROM event WHERE project_id = %s AND user_id = 'ada'", acme.id)[0][0]
    assert erased + left == 3 + 30
    rebuild_sessions()
    assert_rollups_equal_raw()
    assert_sessions_equal_raw(acme.id)
    assert_sessions_equal_raw(globex.id)
    assert_balanced()


def test_it_waits_for_a_claim_at_work(both: tuple[Tenant, Tenant]) -> None:
    acme, _ = both
    with connect(name="claim at work") as claim:
        engine.store().prepare(claim.cursor(), [NOON.date()])
        erasure = threading.Thread(target=erase_ada, args=(acme.id,))
        erasure.start()
        wait_until(lambda: rows(WAITS) == [(1,)], what="the erasure to wait")
        assert users("event", acme.id) == ["ada", "bob"]
        claim.rollback()
    erasure.join(timeout=20)
    assert users("event", acme.id) == ["bob"]


def test_it_waits_for_a_rebuild_of_the_users_sessions(both: tuple[Tenant, Tenant]) -> None:
    acme, _ = both
    with connect(name="rebuild at work") as rebuild:
        cursor = rebuild.cursor()
        remove_user(cursor, project_id=acme.id, user_id="ada")
        cursor.execute(
            "INSERT INTO session VALUES (%s, 'ada', now(), now(), gen_random_uuid(), 1, '', '')", [acme.id]
        )
        erasure = threading.Thread(target=erase_ada, args=(acme.id,))
        erasure.start()
        wait_until(lambda: rows(WAITS) == [(1,)], what="the erasure to wait")
        rebuild.commit()
    erasure.join(timeout=20)
    assert users("session", acme.id) == ["bob"]


def test_it_gives_up_where_processors_never_pause(
    both: tuple[Tenant, Tenant], monkeypatch: pytest.MonkeyPatch
) -> None:
    acme, _ = both
    monkeypatch.setattr(erase, "_TRIES", 1)
    with connect(name="claim at work") as claim:
        engine.store().prepare(claim.cursor(), [NOON.date()])
        with pytest.raises(CommandError, match="nothing was erased"):
            command(acme.slug, "ada", "--yes")
    assert users("session", acme.id) == ["ada", "bob"]


def test_the_log_does_not_name_the_user(
    both: tuple[Tenant, Tenant], caplog: pytest.LogCaptureFixture
) -> None:
    erase_ada(both[0].id)
    (record,) = [record for record in caplog.records if record.name == "events.erase"]
    assert "3 events, 2 sessions" in record.getMessage()
    assert "ada" not in record.getMessage()


def test_the_command_says_what_it_will_do_and_did(both: tuple[Tenant, Tenant]) -> None:
    acme, _ = both
    said = command(acme.slug, "ada", "--yes")
    assert "acme: 3 events and 2 sessions of this user" in said
    assert "erased: 3 events, 2 sessions" in said


@pytest.mark.parametrize("answer", ["no", "", "y"])
def test_the_command_does_nothing_without_a_yes(
    both: tuple[Tenant, Tenant], monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr("builtins.input", lambda prompt: answer)
    with pytest.raises(CommandError, match="nothing was erased"):
        command(both[0].slug, "ada")
    assert users("event", both[0].id) == ["ada", "bob"]


def test_the_command_erases_after_a_yes(both: tuple[Tenant, Tenant], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda prompt: "yes")
    command(both[0].slug, "ada")
    assert users("event", both[0].id) == ["bob"]


def test_the_command_refuses_an_unknown_project(both: tuple[Tenant, Tenant]) -> None:
    with pytest.raises(CommandError, match="no project 'initech'"):
        command("initech", "ada", "--yes")


def test_the_command_names_what_it_does_not_reach(both: tuple[Tenant, Tenant]) -> None:
    acme, globex = both
    append_rows(
        acme.id, copy_line(acme.id, user="ada", ts="garbage"), copy_line(acme.id, user="adam", ts="bad")
    )
    append_rows(globex.id, copy_line(globex.id, user="ada", ts="garbage"))
    process_all()
    append(acme.id, [event("ada")])
    said = command(acme.slug, "ada", "--yes")
    named = [letter.pk for letter in letters(acme.id) if b'"ada"' in bytes(letter.raw)]
    assert f"dead letters that name the user stay: 1 ({named[0]})" in said
    assert "events waiting in the bus: 1" in said
