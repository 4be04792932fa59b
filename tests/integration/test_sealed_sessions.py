"""Sessions and days whose raw events were dropped: nothing there is computed again, everything else is."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from config import engine
from config.lib import clock
from events import maintenance
from tests.support.pipeline import append, event, process_all, rebuild_sessions, rows, store_all
from tests.support.tenants import Tenant

SESSIONS = "SELECT user_id, start_ts, end_ts, events FROM session WHERE project_id = %s ORDER BY 1, 2"


@pytest.fixture
def bound(acme: Tenant) -> datetime:
    """Seal the days before a midnight, over which a session of ada's lasts; return that midnight."""
    midnight = (clock.now() - timedelta(days=3)).replace(hour=0, minute=0, second=0, microsecond=0)
    store_all(acme.id, [event("ada", midnight + timedelta(minutes=at)) for at in (-5, 5)])
    assert maintenance.drop_before(store=engine.store(), rollups=engine.rollups(), day=midnight.date())
    return midnight


def test_a_claim_over_the_bound_makes_the_sessions_of_the_days_that_are_there(
    acme: Tenant, bound: datetime
) -> None:
    today = clock.now() - timedelta(hours=1)
    store_all(acme.id, [event("bob", bound - timedelta(days=1)), event("bob", today)])
    assert rows(SESSIONS, acme.id)[1:] == [("bob", today, today, 1)]


def test_a_session_that_began_before_the_bound_stays_as_it_is(acme: Tenant, bound: datetime) -> None:
    before = rows(SESSIONS, acme.id)
    assert before == [("ada", bound - timedelta(minutes=5), bound + timedelta(minutes=5), 2)]
    store_all(
        acme.id, [event("ada", bound - timedelta(minutes=10)), event("ada", bound + timedelta(hours=2))]
    )
    assert rows(SESSIONS, acme.id) == [
        *before,
        ("ada", bound + timedelta(hours=2), bound + timedelta(hours=2), 1),
    ]


def test_an_event_of_a_dropped_day_alone_leaves_all_sessions(acme: Tenant, bound: datetime) -> None:
    before = rows(SESSIONS, acme.id)
    append(acme.id, [event("ada", bound - timedelta(minutes=7))])
    process_all()
    rebuild_sessions()
    assert rows(SESSIONS, acme.id) == before
