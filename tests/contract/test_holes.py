"""A policy that was away for longer than its window moves the watermark over a span that nobody refreshed."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from config.lib import clock
from metrics.rollups.aggregates import IN_ORDER
from tests.contract.driver import Engine
from tests.support.assertions import assert_rollups_equal_raw
from tests.support.pipeline import catch_up

AGO = timedelta(hours=30)
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
