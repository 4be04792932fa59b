"""The view `rollups` says of defined metrics what the API says, sketches included."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from config.lib.postgres import connect
from metrics.definitions.backfill import backfill
from metrics.definitions.folding import fold
from metrics.definitions.services import give_up
from tests.support.bi import opened
from tests.support.definitions_model import define
from tests.support.pipeline import NOON, event, rows, store_all
from tests.support.tenants import Tenant

DAYS = 3
METRICS: dict[str, dict[str, Any]] = {
    "orders": {"measure": "count", "match": {"type": "order"}, "dimensions": ["props.plan"]},
    "income": {"measure": "sum", "property": "x", "dimensions": ["props.plan"]},
    "typical": {"measure": "avg", "property": "x"},
    "least": {"measure": "min", "property": "x"},
    "most": {"measure": "max", "property": "x"},
    "slow": {"measure": "p95", "property": "x", "dimensions": ["type"]},
    "people": {"measure": "users", "dimensions": ["props.plan"]},
}


@pytest.fixture
def link(acme: Tenant, globex: Tenant) -> Iterator[psycopg.Connection[Any]]:
    """A BI tool's connection; some events came before the metrics were defined, and globex has its own of one name."""
    sent = [
        event(
            f"u{n % 40}",
            NOON + timedelta(days=n % DAYS, minutes=n),
            type="order" if n % 3 else "view",
            x=(n * n - 500) / 7,
            plan=["pro", "free", None][n % 7 % 3],
        )
        for n in range(240)
    ]
    store_all(acme.id, sent[:100])
    for name, body in METRICS.items():
        define(acme.id, name, **body)
    define(globex.id, "orders", measure="count")
    store_all(acme.id, sent[100:])
    store_all(globex.id, [event(f"g{n}", type="order") for n in range(50)])
    fill()
    with opened(acme.id, acme.slug) as connection:
        yield connection


def fill() -> None:
    with connect(name="test definitions", autocommit=True) as owner:
        while backfill(owner, seconds=0):
            pass


def shown(link: psycopg.Connection[Any], name: str, grain: str) -> dict[datetime, float]:
    query = "SELECT bucket, value FROM rollups WHERE metric = %s AND grain = %s"
    return {bucket: float(value) for bucket, value in link.execute(query, [name, grain]).fetchall()}


def answered(tenant: Tenant, name: str, step: str) -> dict[datetime, float]:
    span = f"{NOON.date()}/{NOON.date() + timedelta(days=DAYS + 1)}"
    answer = tenant.get("/api/metrics", metric=name, range=span, step=step)
    assert answer.status_code == 200, answer.content
    points = answer.json()["series"][0]["points"]
    return {datetime.fromisoformat(start): value for start, value in points if value}


@pytest.mark.parametrize("grain", ["1m", "1h", "1d"])
@pytest.mark.parametrize("name", METRICS)
def test_a_defined_metric_is_what_the_api_says(
    acme: Tenant, link: psycopg.Connection[Any], name: str, grain: str
) -> None:
    expected = answered(acme, name, grain)
    assert expected
    assert shown(link, name, grain) == pytest.approx(expected)


def test_thinned_users_are_estimated(acme: Tenant, link: psycopg.Connection[Any]) -> None:
    exact = shown(link, "people", "1d")
    with connect(name="test definitions", autocommit=True) as owner:
        assert fold(owner, NOON - timedelta(days=1), NOON + timedelta(days=DAYS), most=3)
    assert rows("SELECT count(*) > 0 FROM rollup_metric_dense_1d") == [(True,)]
    assert shown(link, "people", "1d") == pytest.approx(exact, rel=0.02)


def test_many_thinned_users_are_estimated_within_two_percent(
    acme: Tenant, link: psycopg.Connection[Any]
) -> None:
    ((definition,),) = rows("SELECT id FROM metric_definition WHERE name = 'people'")
    later, sizes = NOON.replace(hour=0) + timedelta(days=90), (15_000, 25_000, 45_000, 90_000)
    with connect(name="test definitions", autocommit=True) as owner:
        for day, users in enumerate(sizes):
            owner.execute(
                "INSERT INTO rollup_metric_user_1d (definition_id, bucket, hash) "
                "SELECT %s, %s, hashtextextended('user ' || n, 7) FROM generate_series(1, %s) AS n",
                [definition, later + timedelta(days=day), users],
            )
        fold(owner, later, later + timedelta(days=len(sizes)), most=10_000)
    found = shown(link, "people", "1d")
    for day, users in enumerate(sizes):
        assert found[later + timedelta(days=day)] == pytest.approx(users, rel=0.02)
        assert found[later + timedelta(days=day)] != users


def test_what_is_not_computed_yet_is_not_shown(acme: Tenant, link: psycopg.Connection[Any]) -> None:
    one = define(acme.id, "fresh", measure="count")
    assert shown(link, "fresh", "1d") == {}
    fill()
    one.refresh_from_db()
    assert shown(link, "fresh", "1d") == pytest.approx(answered(acme, "fresh", "1d"))


def test_what_was_given_up_is_not_shown_while_it_is_removed(
    acme: Tenant, link: psycopg.Connection[Any]
) -> None:
    """It has another name meanwhile, so that its own is free."""
    for name in ("orders", "people", "slow"):
        assert give_up(project_id=acme.id, name=name, by="ann")
    names = {name for (name,) in link.execute("SELECT DISTINCT metric FROM rollups").fetchall()}
    assert names - {"count", "count:order", "count:view", "users"} == {"income", "typical", "least", "most"}
