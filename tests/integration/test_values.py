"""Numbers named `value` are kept by hour, day and type: how many, their sum, the least and the greatest."""

from __future__ import annotations

import threading
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from config import engine
from events import erase, maintenance
from tests.support.assertions import assert_no_rollup_beyond_raw, assert_rollups_equal_raw
from tests.support.pipeline import NOON, append, event, process_all, rows, store_all
from tests.support.tenants import Tenant

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MIDNIGHT = NOON - 12 * HOUR
Figures = tuple[datetime, str, int, Decimal, Decimal, Decimal]


def kept(project_id: int, grain: str) -> list[Figures]:
    """Return a project's numbers as readers merge them: (bucket, type, n, sum, least, greatest)."""
    merged = (
        f"SELECT bucket, type, sum(n)::int, sum(sum), min(min), max(max) FROM rollup_values_{grain} "
        "WHERE project_id = %s GROUP BY 1, 2 ORDER BY 1, 2"
    )
    return [
        (bucket, kind, n, *map(Decimal, figures)) for bucket, kind, n, *figures in rows(merged, project_id)
    ]


def erase_user(project_id: int, user: str) -> None:
    erase.erase_user(project_id=project_id, user_id=user, store=engine.store(), rollups=engine.rollups())


def test_they_are_kept_by_hour_day_and_type(acme: Tenant, globex: Tenant) -> None:
    moments = [(NOON, 2), (NOON + timedelta(minutes=59), -0.5), (NOON + HOUR, 7), (NOON + DAY, 1)]
    store_all(acme.id, [event(ts=ts, value=value) for ts, value in moments])
    store_all(acme.id, [event(type="order", value=3)])
    store_all(globex.id, [event(value=1000)])
    assert kept(acme.id, "1h") == [
        (NOON, "order", 1, 3, 3, 3),
        (NOON, "page_view", 2, Decimal("1.5"), Decimal("-0.5"), 2),
        (NOON + HOUR, "page_view", 1, 7, 7, 7),
        (NOON + DAY, "page_view", 1, 1, 1, 1),
    ]
    assert kept(acme.id, "1d") == [
        (MIDNIGHT, "order", 1, 3, 3, 3),
        (MIDNIGHT, "page_view", 3, Decimal("8.5"), Decimal("-0.5"), 7),
        (MIDNIGHT + DAY, "page_view", 1, 1, 1, 1),
    ]


def test_claims_add_to_one_another(acme: Tenant) -> None:
    for value in (5, 1, 9):
        store_all(acme.id, [event(value=value)])
    assert kept(acme.id, "1h") == [(NOON, "page_view", 3, 15, 1, 9)]
    assert kept(acme.id, "1d") == [(MIDNIGHT, "page_view", 3, 15, 1, 9)]
    assert_rollups_equal_raw()


def test_a_duplicate_adds_nothing(acme: Tenant) -> None:
    for _ in range(2):
        store_all(acme.id, [event(id="one", value=5), event(id="one", value=5)])
    assert kept(acme.id, "1d") == [(MIDNIGHT, "page_view", 1, 5, 5, 5)]


def test_sums_are_exact(acme: Tenant) -> None:
    store_all(acme.id, [event(value=value) for value in (0.1, 0.2, 2**53 + 1, 1e22)])
    ((_, _, n, total, *_),) = kept(acme.id, "1d")
    assert (n, total) == (4, Decimal("10000009007199254740993.3"))


@pytest.mark.parametrize("value", ["7", "NaN", True, None, [7], {"value": 7}])
def test_what_is_not_a_json_number_has_no_part(acme: Tenant, value: object) -> None:
    store_all(acme.id, [event(value=value), event(other=7)])
    assert kept(acme.id, "1h") == kept(acme.id, "1d") == []
    assert_rollups_equal_raw()


@pytest.fixture
def ada_and_bob(acme: Tenant) -> Tenant:
    """Ada has the extremes of an hour and of its day, the only order, and an hour of her own."""
    sent = [("bob", NOON, 5), ("ada", NOON, 50), ("bob", NOON + 3 * HOUR, 7), ("ada", NOON + HOUR, -50)]
    store_all(acme.id, [event(user, ts, value=value) for user, ts, value in sent])
    store_all(acme.id, [event("ada", type="order", value=1), event("ada", NOON + 2 * HOUR)])
    return acme


def test_a_user_who_is_erased_takes_his_extremes_with_him(ada_and_bob: Tenant) -> None:
    erase_user(ada_and_bob.id, "ada")
    assert kept(ada_and_bob.id, "1d") == [(MIDNIGHT, "page_view", 2, 12, 5, 7)]
    assert_rollups_equal_raw()
    assert_no_rollup_beyond_raw(ada_and_bob.id)


def test_a_user_is_erased_from_what_was_rebuilt(ada_and_bob: Tenant) -> None:
    erase_user(ada_and_bob.id, "nobody")
    store_all(ada_and_bob.id, [event("ada", value=500)])
    erase_user(ada_and_bob.id, "ada")
    store_all(ada_and_bob.id, [event("ada", value=6), event("bob", value=9)])
    erase_user(ada_and_bob.id, "ada")
    assert kept(ada_and_bob.id, "1d") == [(MIDNIGHT, "page_view", 3, 21, 5, 9)]
    assert_rollups_equal_raw()


def test_numbers_that_come_during_an_erasure_are_all_kept_or_all_erased(acme: Tenant) -> None:
    for minute in range(30):
        append(
            acme.id, [event(user, NOON + timedelta(minutes=minute), value=minute) for user in ("ada", "bob")]
        )
    processors = [threading.Thread(target=process_all) for _ in range(2)]
    for thread in processors:
        thread.start()
    for _ in range(10):
        erase_user(acme.id, "ada")
    for thread in processors:
        thread.join(timeout=60)
    assert_rollups_equal_raw()
    assert_no_rollup_beyond_raw(acme.id)


def drop_until(day: date) -> None:
    assert maintenance.drop_before(store=engine.store(), rollups=engine.rollups(), day=day)


def test_numbers_outlive_their_events_and_late_ones_are_added(acme: Tenant) -> None:
    store_all(acme.id, [event("ada", value=5), event("ada", value=1)])
    drop_until((NOON + DAY).date())
    store_all(acme.id, [event("bob", value=9)])
    assert kept(acme.id, "1d") == [(MIDNIGHT, "page_view", 3, 15, 1, 9)]
    assert kept(acme.id, "1h") == [(NOON, "page_view", 3, 15, 1, 9)]


def test_erasing_a_user_leaves_days_alone_whose_events_were_dropped(acme: Tenant) -> None:
    store_all(acme.id, [event("ada", value=5)])
    drop_until((NOON + DAY).date())
    store_all(acme.id, [event("ada", value=9), event("ada", NOON + DAY, value=2)])
    erase_user(acme.id, "ada")
    assert kept(acme.id, "1d") == [(MIDNIGHT, "page_view", 2, 14, 5, 9)]
