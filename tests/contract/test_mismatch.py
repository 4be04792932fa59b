"""A server that lost what the database was made for is noticed, also where the extension was made anew since."""

from __future__ import annotations

import pytest

from config.lib import engine as engines
from config.lib.engine import Level
from tests.contract.driver import Engine


def wrong(engine: Engine) -> str:
    found = engines.mismatch(engine.link.cursor())
    return found[0] if found else ""


def test_a_server_as_it_was_is_right(engine: Engine) -> None:
    assert wrong(engine) == ""


def test_events_that_lie_in_no_hypertable_any_more_are_noticed(engine: Engine) -> None:
    if engine.level is Level.POSTGRES:
        pytest.skip("plain Postgres has no hypertables")
    with engine.link.transaction(force_rollback=True):
        engine.link.execute("ALTER TABLE event RENAME TO event_kept")
        engine.link.execute("CREATE TABLE event (LIKE event_kept)")
        assert "no hypertable any more" in wrong(engine)


def test_a_database_made_for_more_than_the_server_can_do_is_noticed(engine: Engine) -> None:
    if engine.level is Level.COMMUNITY:
        pytest.skip("this engine can do everything")
    with engine.link.transaction(force_rollback=True):
        engine.link.execute("UPDATE engine SET level = 'timescaledb'")
        found = engines.look(engine.link.cursor()).level
        assert bool(wrong(engine)) == (found is not Level.COMMUNITY)
