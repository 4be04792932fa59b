"""What a page's URL asks for: read, and given back to links, controls and the engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.http import QueryDict

from metrics.dashboards import view as views
from metrics.dashboards.view import View, read_view, week_up_to

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "now", lambda: NOON)


def read(query: str) -> View:
    return read_view(QueryDict(query), keep=["metric"])


def test_without_a_query_it_is_the_last_week_in_utc() -> None:
    view = read("")
    assert view.params(metric="count") == {
        "range": ["7d"],
        "step": ["auto"],
        "tz": ["UTC"],
        "metric": ["count"],
    }
    assert view.bounds == (NOON + timedelta(minutes=1, days=-7), NOON + timedelta(minutes=1))
    assert view.query() == ""


def test_everything_in_the_url_reaches_the_engine() -> None:
    view = read(
        "range=30d&step=1d&tz=Europe/Berlin&compare=previous&segment=s&type=a&type=b&filter=props.x:eq:1"
    )
    assert view.params(step=None) == {
        "range": ["30d"],
        "tz": ["Europe/Berlin"],
        "compare": ["previous"],
        "segment": ["s"],
        "type": ["a", "b"],
        "filter": ["props.x:eq:1"],
    }


def test_a_link_leads_back_to_the_same_view() -> None:
    query = "metric=users&range=custom&from=2026-11-01&to=2026-11-03&step=1h&tz=Asia%2FTokyo&compare=previous"
    query += "&segment=s&type=a+b&filter=props.x%3Aeq%3A%26"
    view = read(query)
    assert view.query() == query
    assert read(view.query(range="24h")).range == "24h"
    assert read(view.query(metric="events")).kept == (("metric", "events"),)


def test_both_days_of_a_custom_range_are_included_in_the_zone() -> None:
    view = read("range=custom&from=2026-11-01&to=2026-11-03&tz=Asia/Tokyo")
    assert view.asked == "2026-11-01T00:00:00/2026-11-04T00:00:00"
    assert view.bounds == (datetime(2026, 10, 31, 15, tzinfo=UTC), datetime(2026, 11, 3, 15, tzinfo=UTC))


@pytest.mark.parametrize(
    "days", ["from=x", "from=2026-11-05&to=2026-11-01", "to=9999-12-31", "from=1200-01-01", "from=1980-01-01"]
)
def test_days_that_make_no_sense_are_named_and_replaced(days: str) -> None:
    view = read(f"range=custom&{days}")
    assert "two days" in view.problem
    assert view.asked == "7d"


@pytest.mark.parametrize(
    "query", ["tz=Nowhere", "tz=localtime", "filter=x", "filter=props.x:gt:y", "filter=%00", "tz=%00"]
)
def test_what_cannot_be_read_is_named_and_left_out(query: str) -> None:
    view = read(query)
    assert view.problem
    assert (view.tz, view.filters) == ("UTC", ())


@pytest.mark.parametrize("query", ["range=x&step=y&compare=z", "type=%00&segment=%00&metric=%EF%BF%BD"])
def test_words_that_nobody_typed_fall_back_silently(query: str) -> None:
    assert read(query) == read("")


def test_a_click_filters_and_the_next_one_on_the_field_replaces_it() -> None:
    view = read(read("range=24h&filter=userId:ne:x").with_filter("props.plan", "free"))
    assert view.filters == ("userId:ne:x", "props.plan:eq:free")
    assert read(view.with_filter("props.plan", None)).filters == ("userId:ne:x", "props.plan:exists:false")
    assert read(view.without_filter("userId:ne:x")).filters == ("props.plan:eq:free",)
    assert read(view.with_filter("type", "a:b")).types == ("a:b",)


@pytest.mark.parametrize("value", ["", "x" * 1001, "a\x00b"])
def test_what_no_filter_can_say_has_no_link(value: str) -> None:
    link = read("").with_filter("props.plan", value)
    assert link == "" or read(link).filters == (f"props.plan:eq:{value}",)


def test_chips_say_what_narrows_and_lead_out() -> None:
    view = read("type=a&filter=props.plan:in:x,y&filter=userId:exists:false")
    assert [(chip.field, chip.operator, chip.value) for chip in view.chips] == [
        ("type", "is", "a"),
        ("plan", "is one of", "x, y"),
        ("user", "is missing", ""),
    ]
    assert read(view.chips[0].without).types == ()
    assert read(view.chips[1].without).filters == ("userId:exists:false",)


def test_the_week_up_to_a_moment_ends_with_its_day() -> None:
    view = read(week_up_to(read("metric=users"), datetime(2015, 5, 20, 23, tzinfo=UTC)))
    assert view.asked == "2015-05-14T00:00:00/2015-05-21T00:00:00"
    assert view.kept == (("metric", "users"),)
