"""A policy that was away for longer than its window moves the watermark over a span that nobody refreshed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from config.lib import clock
from metrics.rollups.aggregates import IN_ORDER
from tests.contract.driver import Engine
from tests.support.assertions import assert_rollups_equal_raw
from tests.support.pipeline import catch_up

AGO = timedelta(hours=30)
#: When a test's COPY lines say that they were accepted.
RECEIVED = datetime(2025, 6, 2, 12, 0, 1, tzinfo=UTC)
JUMP = "CALL refresh_continuous_aggregate(%s, %s, %s)"


@pytest.fixture
def outage(engine: Engine) -> tuple[Engine, datetime]:
    """Give an engine that stopped long ago with a fresh event in it, of which no note is left, and just came back."""
    if not engine.rollups.can_lag:
        pytest.skip(f"{engine.level}: nothing here is refreshed")
    moment = clock.now() - AGO
    for rollup in reversed(IN_ORDER):
        # Other tests have moved the watermarks; this takes them back.
        engine.link.execute(f"TRUNCATE {rollup.relation}")
    engine.write(moment, late=False)
    engine.link.execute("DELETE FROM rollup_stale")
    engine.link.execute("UPDATE rollup_refresh SET refreshed_until = %s", [moment - timedelta(minutes=15)])
    return engine, moment


def jump(engine: Engine) -> None:
    """Do what the policies do when the server is back: refresh their windows, newest spans first."""
    now = clock.now()
    engine.write(now - timedelta(hours=1), late=False)
    for relation in ("rollup_events_1m", "rollup_users_10m", "rollup_values_10m"):
        span = [relation, now - timedelta(hours=3), now - timedelta(minutes=10)]
        engine.link.execute(JUMP, span)


def counted(engine: Engine) -> int:
    return int(engine.ask("SELECT coalesce(sum(count), 0) FROM rollup_events_1m")[0][0])


def test_the_hole_is_real_and_said_to_be_there(outage: tuple[Engine, datetime]) -> None:
    engine, moment = outage
    assert counted(engine) == 1
    jump(engine)
    assert counted(engine) < 2
    ((since,),) = engine.ask("SELECT min(since) FROM rollup_pending")
    assert since < moment


def test_catching_up_closes_it(outage: tuple[Engine, datetime]) -> None:
    engine, moment = outage
    jump(engine)
    catch_up()
    assert counted(engine) == 2
    assert engine.ask("SELECT * FROM rollup_pending") == []
    assert_rollups_equal_raw(moment.date())


def test_policies_that_were_never_away_are_followed(engine: Engine) -> None:
    if not engine.rollups.can_lag:
        pytest.skip(f"{engine.level}: nothing here is refreshed")
    now = clock.now()
    engine.link.execute("UPDATE rollup_refresh SET refreshed_until = %s", [now - timedelta(hours=2)])
    jump(engine)
    catch_up()
    ((until,),) = engine.ask("SELECT refreshed_until FROM rollup_refresh WHERE relation = 'rollup_events_1m'")
    assert until > now - timedelta(hours=2)


def test_a_lag_that_grew_leaves_nothing_uncounted_below_the_watermark(engine: Engine) -> None:
    """The watermark stands where the shorter lag had brought it: what comes below it is late all the same."""
    if not engine.rollups.can_lag:
        pytest.skip(f"{engine.level}: nothing here is refreshed")
    moment = clock.now() - timedelta(minutes=5)
    engine.write(moment - timedelta(minutes=2), moment + timedelta(minutes=2), late=False)
    engine.link.execute(
        JUMP, ["rollup_events_1m", moment - timedelta(minutes=4), moment + timedelta(minutes=4)]
    )
    engine.write(moment, late=False)
    assert engine.ask("SELECT count(*) > 0 FROM rollup_pending") == [(True,)]
    catch_up()
    assert counted(engine) == 3


def test_what_is_pending_is_so_since_it_was_accepted(engine: Engine) -> None:
    """The time that an event waited in the bus counts too."""
    engine.write(clock.now() - timedelta(days=20), late=False)
    ((since,),) = engine.ask("SELECT min(since) FROM rollup_pending")
    assert since == (RECEIVED if engine.rollups.can_lag else None)
