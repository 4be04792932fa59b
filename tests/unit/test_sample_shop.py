"""The generated shop: always the same, and shaped like one."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta

from metrics.dashboards.sample import shop_events

ANCHOR = date(2026, 11, 20)
EVENTS = list(shop_events(ANCHOR))


def test_it_is_the_same_every_time() -> None:
    assert list(shop_events(ANCHOR)) == EVENTS


def test_the_same_day_has_the_same_events_whatever_the_anchor() -> None:
    by_id = {event["eventId"]: event for event in shop_events(ANCHOR + timedelta(days=1))}
    shared = [event for event in EVENTS if event["eventId"] in by_id]
    assert len(shared) > 25_000
    assert all(by_id[event["eventId"]] == event for event in shared)


def test_ids_are_unique_and_sizes_as_promised() -> None:
    assert len({event["eventId"] for event in EVENTS}) == len(EVENTS)
    assert 20_000 <= len(EVENTS) <= 40_000
    assert 250 <= len({event["userId"] for event in EVENTS}) <= 300


def test_people_look_more_than_they_buy() -> None:
    counts = Counter(event["type"] for event in EVENTS)
    assert counts["page_view"] > counts["add_to_cart"] > counts["checkout"] > counts["purchase"] > 0
    assert all(event["props"]["amount"] > 0 for event in EVENTS if event["type"] == "purchase")


def test_evenings_are_busier_than_nights() -> None:
    hours = Counter(datetime.fromisoformat(event["ts"]).hour for event in EVENTS)
    assert hours[20] > 5 * hours[3]
