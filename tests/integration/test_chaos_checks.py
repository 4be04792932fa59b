"""The campaign's checks against a database: silent where all is well, and each finds what it is there to find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest

from chaos import events
from chaos.checks import Checker, Violation
from chaos.oracle import Oracle
from config import engine
from config.lib.postgres import connect
from events.contracts import Batch, Lane
from tests.support.pipeline import process_all, rebuild_sessions, rows
from tests.support.tenants import Tenant

Sql = Callable[..., Any]


class Scene:
    """An oracle, its checker, and events that went through the pipeline."""

    def __init__(self, tenant: Tenant, folder: Path, connection: psycopg.Connection[Any]) -> None:
        self.tenant = tenant
        self.oracle = Oracle(folder)
        self.checker = Checker(connection, self.oracle, [tenant.id])
        self.sql: Sql = connection.execute

    def send(self, sent: list[events.Event], *, really: bool = True) -> None:
        """Send events, or only say so, and hear of their acknowledgement."""
        request = self.oracle.sending(self.tenant.id, sent)
        if really:
            self.put(sent)
        self.oracle.was_acknowledged(request, new=len(sent))

    def put(self, sent: list[events.Event]) -> None:
        """Put events on the bus behind the oracle's back."""
        lines = b"".join(event.line(self.tenant.id) for event in sent)
        engine.bus().append(Batch(self.tenant.id, Lane.LIVE, len(sent), lines))

    def settle(self) -> None:
        """Process everything and rebuild sessions."""
        process_all()
        rebuild_sessions()

    def found(self) -> dict[str, int]:
        """Return {kind: count} of every violation."""
        self.checker.load()
        return {one.kind: one.count for one in self._violations()}

    def _violations(self) -> Iterator[Violation]:
        yield from self.checker.events()
        yield from self.checker.rollups()
        yield from self.checker.sessions(None)
        yield from self.checker.books(spooled=0)


@pytest.fixture
def scene(acme: Tenant, tmp_path: Path) -> Iterator[Scene]:
    with connect(name="test chaos", autocommit=True) as connection:
        scene = Scene(acme, tmp_path, connection)
        with closing(scene.oracle):
            yield scene
        connection.execute("DROP SCHEMA chaos CASCADE")


def some(count: int, seed: int = 1) -> list[events.Event]:
    rng = Random(seed)
    return [events.make(rng) for _ in range(count)]


@pytest.fixture
def stored(scene: Scene) -> Scene:
    """Two hundred events, sent, acknowledged and processed."""
    scene.send(some(200))
    scene.settle()
    return scene


def test_nothing_is_found_where_every_promise_is_kept(stored: Scene) -> None:
    assert stored.found() == {}


def test_a_repeat_is_no_violation(stored: Scene) -> None:
    request = stored.oracle.sending(stored.tenant.id, [])
    stored.put(some(200)[:50])
    stored.oracle.was_acknowledged(request, new=0, repeated=50)
    stored.settle()
    assert stored.found() == {}


def test_the_logs_are_loaded_piece_by_piece(stored: Scene) -> None:
    assert stored.found() == {}
    stored.send(some(30, seed=2))
    stored.settle()
    assert stored.found() == {}


def test_an_acknowledged_event_that_is_nowhere_is_lost(stored: Scene) -> None:
    stored.send(some(3, seed=2), really=False)
    found = stored.found()
    assert found["lost"] == 3
    assert found["acknowledged, but not in the books"] == 3


def test_an_event_that_was_never_acknowledged_may_be_missing(stored: Scene) -> None:
    stored.oracle.sending(stored.tenant.id, some(3, seed=2))
    assert stored.found() == {}


def test_an_event_that_was_never_sent_is_found(stored: Scene) -> None:
    stored.put(some(2, seed=3))
    stored.settle()
    assert stored.found() == {"never sent": 2}


def test_an_event_that_is_stored_twice_is_doubled(stored: Scene) -> None:
    stored.sql("INSERT INTO event SELECT * FROM event LIMIT 1")
    found = stored.found()
    assert found["doubled"] == 1
    assert found["wrong buckets in rollup_events_1m"] == 1


@pytest.mark.parametrize(
    "change", ["user_id = 'x'", "type = 'x'", "props = '{}'", "ts = ts + interval '1 millisecond'"]
)
def test_a_payload_that_is_not_what_was_sent_is_altered(stored: Scene, change: str) -> None:
    victim = some(200)[0].id
    stored.sql(f"UPDATE event SET {change} WHERE event_id = %s", [victim])
    assert stored.found()["altered"] == 1


def test_dead_letters_without_a_cause_are_found(stored: Scene) -> None:
    spoilt = some(2, seed=4)
    request = stored.oracle.sending(stored.tenant.id, spoilt)
    lines = b"".join(event.line(stored.tenant.id, ts="never") for event in spoilt)
    engine.bus().append(Batch(stored.tenant.id, Lane.LIVE, 2, lines))
    stored.oracle.was_acknowledged(request, new=2)
    stored.settle()
    assert stored.found() == {"dead without a cause": 2}
    stored.oracle.condemn(spoilt)
    assert stored.found() == {}


def test_poison_that_did_not_become_a_dead_letter_is_found(stored: Scene) -> None:
    stored.oracle.condemn(some(1))
    assert stored.found() == {"poison not in the dead-letter queue": 1}


@pytest.mark.parametrize(
    ("change", "relation"),
    [
        ("UPDATE {} SET count = count + 1 WHERE ctid = (SELECT min(ctid) FROM {})", "rollup_events_1m_slot"),
        ("DELETE FROM {} WHERE ctid = (SELECT min(ctid) FROM {})", "rollup_events_1h_slot"),
        ("DELETE FROM {} WHERE ctid = (SELECT min(ctid) FROM {})", "rollup_events_1d_slot"),
        ("DELETE FROM {} WHERE ctid = (SELECT min(ctid) FROM {})", "rollup_users_1h"),
        ("UPDATE {} SET user_id = 'x' WHERE ctid = (SELECT min(ctid) FROM {})", "rollup_users_1d"),
        ("UPDATE {} SET sum = sum + 1 WHERE ctid = (SELECT min(ctid) FROM {})", "rollup_values_1h_slot"),
        ("UPDATE {} SET max = max + 1 WHERE ctid = (SELECT min(ctid) FROM {})", "rollup_values_1d_slot"),
    ],
)
def test_a_rollup_that_differs_from_the_raw_events_is_wrong(
    stored: Scene, change: str, relation: str
) -> None:
    if not rows("SELECT 1 FROM pg_tables WHERE tablename = %s", relation):
        pytest.skip(f"on this engine {relation} is no table that could be falsified")
    stored.sql(change.replace("{}", relation))
    assert list(stored.found()) == [f"wrong buckets in {relation.removesuffix('_slot')}"]


@pytest.mark.parametrize("change", ["events = events + 1", "end_ts = end_ts + interval '1 second'"])
def test_a_session_that_is_not_what_the_events_make_is_wrong(stored: Scene, change: str) -> None:
    stored.sql(f"UPDATE session SET {change} WHERE session_id = (SELECT session_id FROM session LIMIT 1)")
    # The one that should be there, and the one that is there instead.
    assert stored.found() == {"wrong sessions": 2}


def test_a_session_that_is_missing_is_wrong(stored: Scene) -> None:
    stored.sql("DELETE FROM session WHERE session_id = (SELECT session_id FROM session LIMIT 1)")
    assert stored.found() == {"wrong sessions": 1}


def test_an_accepted_event_without_an_outcome_puts_the_books_off(stored: Scene) -> None:
    stored.sql("UPDATE outcome_count SET events = events - 1 WHERE outcome = 'stored'")
    assert stored.found() == {"books off": 1}


def test_what_still_waits_puts_the_books_off(stored: Scene) -> None:
    assert [one.count for one in stored.checker.books(spooled=4)] == [4]
    batch = Batch(stored.tenant.id, Lane.LIVE, 3, b"".join(one.line(stored.tenant.id) for one in some(3)))
    engine.bus().append(batch)
    assert stored.found() == {"books off": 3}


def test_the_hash_of_what_was_sent_is_that_of_what_is_stored(scene: Scene) -> None:
    odd = replace(
        some(1)[0], props='{"a": "\\"\\\\ \\t\\n 日本 🎈", "bb": [1, null, true, {"c": 0}], "ccc": 1.50}'
    )
    scene.send([odd])
    scene.settle()
    assert scene.found() == {}
