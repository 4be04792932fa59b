"""What an answer says beside its numbers: the period before, what was read, how long it may be kept, and that it is
too much to ask.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import caches
from django.core.management import call_command
from django.test import Client

from config import engine
from config.lib.postgres import connect
from metrics import versions
from tests.support.pipeline import NOON, event, store_all
from tests.support.tenants import Tenant

DAYS = {"metric": "count", "range": "2025-06-02/2025-06-04", "step": "1d"}


@pytest.fixture
def both(acme: Tenant, globex: Tenant) -> Tenant:
    """acme with events on three of four days, globex with others."""
    for days, kinds in {
        -2: ["view"],
        -1: ["view", "order", "order"],
        0: ["view"] * 2,
        1: ["order"] * 4,
    }.items():
        store_all(
            acme.id, [event(f"u{n}", NOON + timedelta(days=days), type=one) for n, one in enumerate(kinds)]
        )
    store_all(globex.id, [event("v", NOON + timedelta(days=days)) for days in (-2, 0) for _ in range(7)])
    return acme


def ask(tenant: Tenant, **query: Any) -> dict[str, Any]:
    answer = tenant.get("/api/metrics", **(DAYS | query))
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def again(tenant: Tenant, answer: Any, **query: Any) -> Any:
    """Ask again as a client does that has kept `answer`."""
    headers = {"HTTP_AUTHORIZATION": f"Bearer {tenant.read_key}", "HTTP_IF_NONE_MATCH": answer["ETag"]}
    return Client().get("/api/metrics", DAYS | query, **headers)


@contextmanager
def nobody_may_read(table: str) -> Iterator[None]:
    """Lock a table, so that whatever reads it takes longer than it may."""
    kept, settings.QUERY_TIMEOUT_MS = settings.QUERY_TIMEOUT_MS, 200
    try:
        with connect(name="lock") as link, link.transaction():
            link.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
            yield
    finally:
        settings.QUERY_TIMEOUT_MS = kept


# --- compare ------------------------------------------------------------------------------------------------


def test_the_period_before_comes_with_the_answer(both: Tenant) -> None:
    answer = ask(both, compare="previous")
    assert answer["series"][0]["points"] == [["2025-06-02T00:00:00Z", 2], ["2025-06-03T00:00:00Z", 4]]
    assert answer["previous"]["range"] == {"from": "2025-05-31T00:00:00Z", "to": "2025-06-02T00:00:00Z"}
    (before,) = answer["previous"]["series"]
    assert (before["total"], before["points"]) == (
        4, [["2025-05-31T00:00:00Z", 1], ["2025-06-01T00:00:00Z", 3]]
    )  # fmt: skip
    assert "previous" not in ask(both)


def test_groups_of_the_period_before_are_its_own(both: Tenant) -> None:
    answer = ask(both, compare="previous", groupBy="type")
    found = [
        {one["group"]["type"]: one["total"] for one in part["series"]}
        for part in (answer, answer["previous"])
    ]
    assert found == [{"view": 2, "order": 4}, {"view": 2, "order": 2}]


def test_both_periods_must_be_kept_for_the_answer_to_be(both: Tenant) -> None:
    assert ask(both)["cached"] is False
    assert ask(both, compare="previous")["cached"] is False
    assert ask(both, compare="previous")["cached"] is True


def test_days_are_compared_with_days_where_the_clocks_change(acme: Tenant) -> None:
    span = "2025-03-31/2025-04-01"
    answer = ask(acme, range=span, step="1h", tz="Europe/Berlin", compare="previous")
    assert [len(part["series"][0]["points"]) for part in (answer, answer["previous"])] == [24, 23]


# --- explain ------------------------------------------------------------------------------------------------


def test_an_answer_says_what_was_read_and_why(both: Tenant) -> None:
    (part,) = ask(both, explain="1")["plan"]
    assert part.pop("why").endswith(".")
    assert part == {
        "relation": "rollup_events_1d",
        "from": "2025-06-02T00:00:00Z",
        "to": "2025-06-04T00:00:00Z",
    }
    assert "plan" not in ask(both)


def test_the_plan_covers_the_range_without_gaps(both: Tenant) -> None:
    span = "2025-06-01T23:58:30Z/2025-06-03T01:00:30Z"
    plan = ask(both, range=span, explain="1", compare="previous")["plan"]
    assert [one["from"] for one in plan[1:]] == [one["to"] for one in plan[:-1]]
    assert (plan[0]["from"], plan[-1]["to"]) == ("2025-06-01T23:58:30Z", "2025-06-03T01:00:30Z")
    assert {one["relation"] for one in plan} == {
        "event",
        "rollup_events_1m",
        "rollup_events_1h",
        "rollup_events_1d",
    }


def test_an_explained_answer_is_the_same_answer(both: Tenant) -> None:
    plain, explained = ask(both), ask(both, explain="1")
    assert explained["cached"] is True
    assert {name: explained[name] for name in plain if name != "cached"} == {
        name: plain[name] for name in plain if name != "cached"
    }


# --- kept answers -------------------------------------------------------------------------------------------


def test_a_client_may_keep_an_answer_and_ask_whether_it_holds(both: Tenant) -> None:
    first = both.get("/api/metrics", **DAYS)
    assert first["Cache-Control"] == "private, max-age=60"
    assert first["ETag"].startswith('"')
    second = again(both, first)
    assert (second.status_code, second.content, second["ETag"]) == (304, b"", first["ETag"])
    assert second["Cache-Control"] == first["Cache-Control"]


def test_the_tag_is_of_the_bytes_and_those_that_differ_in_cached_match(both: Tenant) -> None:
    first, second = both.get("/api/metrics", **DAYS), both.get("/api/metrics", **DAYS)
    assert (first.json()["cached"], second.json()["cached"]) == (False, True)
    assert first["ETag"] != second["ETag"]
    assert again(both, first).status_code == again(both, second).status_code == 304


def test_another_answer_has_another_tag(both: Tenant, globex: Tenant) -> None:
    first = both.get("/api/metrics", **DAYS)
    assert again(both, first, metric="users").status_code == 200
    assert again(globex, first).status_code == 200
    assert again(both, first, explain="1").status_code == 200


def test_only_who_reads_gets_a_304(both: Tenant) -> None:
    """RFC 9110, 13.1.2: for other methods a tag that matches is no answer."""
    body, key = '{"steps": ["view", "order"], "range": "2025-06-01/2025-06-03"}', f"Bearer {both.read_key}"
    first = Client().post("/api/funnels", body, "application/json", HTTP_AUTHORIZATION=key)
    second = Client().post(
        "/api/funnels", body, "application/json", HTTP_AUTHORIZATION=key, HTTP_IF_NONE_MATCH=first["ETag"]
    )
    assert (second.status_code, second.json() | {"cached": 0}) == (200, first.json() | {"cached": 0})


@pytest.mark.parametrize("name", ["metrics", "funnels", "retention", "paths", "lifecycle"])
def test_the_openapi_document_tells_of_304(name: str) -> None:
    document = yaml.safe_load(Client().get("/api/schema").content)
    methods = document["paths"][f"/api/{name}"]
    assert "304" in methods["get"]["responses"]
    assert "304" not in methods.get("post", {"responses": {}})["responses"]


def test_the_openapi_document_is_json_where_that_is_asked_for() -> None:
    answer = Client().get("/api/schema", {"format": "json"})
    assert "json" in answer["Content-Type"]
    assert answer.json() == yaml.safe_load(Client().get("/api/schema").content)


def test_an_answer_that_was_computed_again_has_another_tag(both: Tenant) -> None:
    """`asOf` is part of it: what a 304 kept would say less than is known."""
    first = both.get("/api/metrics", **DAYS)
    caches["answers"].clear()
    second = again(both, first)
    assert (second.status_code, second.json()["series"]) == (200, first.json()["series"])
    assert second.json()["asOf"] > first.json()["asOf"]


def test_an_answer_about_now_may_be_kept_for_seconds(both: Tenant) -> None:
    answer = both.get("/api/metrics", metric="count", range="1h", step="1m")
    assert answer["Cache-Control"] == "private, max-age=1"


def test_one_key_s_answer_is_not_shown_for_another_s(both: Tenant) -> None:
    vary = {one.strip().lower() for one in both.get("/api/metrics", **DAYS)["Vary"].split(",")}
    assert {"authorization", "x-api-key", "cookie"} <= vary


@pytest.mark.parametrize("tags", ["W/{0}", '"other", {0}', '{0} , "other"'])
def test_tags_are_understood_in_lists_and_made_weak_on_the_way(both: Tenant, tags: str) -> None:
    tag = both.get("/api/metrics", **DAYS)["ETag"]
    assert again(both, {"ETag": tags.format(tag)}).status_code == 304


@pytest.mark.parametrize("tags", ['"other"', "", "x" * 5000, ",,,", '"'])
def test_other_tags_get_the_answer(both: Tenant, tags: str) -> None:
    assert again(both, {"ETag": tags}).status_code == 200


def test_an_erased_user_is_in_no_kept_answer(both: Tenant, globex: Tenant) -> None:
    assert ask(both)["series"][0]["total"] == 6
    assert ask(globex)["series"][0]["total"] == 7
    kept = both.get("/api/metrics", **DAYS)
    call_command("erase_user", both.slug, "u0", "--yes", verbosity=0)
    assert ask(both)["series"][0]["total"] == 4
    assert again(both, kept).status_code == 200
    assert ask(globex)["cached"] is True


def test_a_range_that_is_computed_again_is_asked_again(both: Tenant) -> None:
    ask(both)
    call_command("rebuild_rollups", "--from=2025-06-02", "--to=2025-06-02", verbosity=0)
    assert ask(both)["cached"] is False


def test_a_project_that_is_removed_leaves_no_version(both: Tenant) -> None:
    from events.purge import purge_project

    assert versions.version_of(both.id)
    purge_project(both.id, store=engine.store(), rollups=engine.rollups())
    assert versions.version_of(both.id) == 0


def test_versions_only_grow(acme: Tenant, globex: Tenant) -> None:
    with connect(name="bump", autocommit=True) as link:
        link.execute("INSERT INTO project_answers VALUES (%s, 9000000000000000000)", [acme.id])
        versions.bump(link.cursor(), acme.id)
        versions.bump_all(link.cursor())
        assert versions.version_of(acme.id) == 9_000_000_000_000_000_002
        first = versions.version_of(globex.id)
        versions.bump(link.cursor(), globex.id)
        assert versions.version_of(globex.id) > first > 0


# --- too large ----------------------------------------------------------------------------------------------


def test_a_question_that_takes_too_long_hears_what_would_fit(both: Tenant) -> None:
    with nobody_may_read("event"):
        answer = both.get("/api/metrics", **(DAYS | {"groupBy": "props.x"}))
    assert (answer.status_code, answer.json()["code"]) == (503, "question_too_large")
    message = answer.json()["message"]
    assert "longer than 0.2 s; a range of 12h may fit" in message
    assert "defined metric" in message


@pytest.mark.parametrize(
    ("metric", "step", "fits"), [("users", "15m", "1h"), ("sum:props.value", "5m", "1h")]
)
def test_a_step_that_a_rollup_answers_is_named(both: Tenant, metric: str, step: str, fits: str) -> None:
    with nobody_may_read("event"):
        answer = both.get("/api/metrics", metric=metric, range=DAYS["range"], step=step)
        assert f"With step={fits} it would be read from a rollup." in answer.json()["message"]
        caches["answers"].clear()
        assert both.get("/api/metrics", metric=metric, range=DAYS["range"], step=fits).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        '/api/funnels?steps=["view","order"]&range=2025-06-01/2025-06-03',
        "/api/retention?range=2025-06-01/2025-06-03&filter=props.x:exists",
        "/api/paths?from=view&range=2025-06-01/2025-06-03",
        "/api/lifecycle?range=2025-06-01/2025-06-03&filter=props.x:exists",
    ],
)
def test_every_other_question_hears_it_too(both: Tenant, path: str) -> None:
    with nobody_may_read("event"):
        answer = both.get(path)
    assert (answer.status_code, answer.json()["code"]) == (503, "question_too_large"), answer.content
    assert "may fit" in answer.json()["message"]


def test_a_page_shows_it_and_is_still_there(both: Tenant) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    with nobody_may_read("rollup_events_1h"):
        page = client.get(f"/p/{both.slug}/", {"range": "90d"})
    assert page.status_code == 200
    assert b"may fit" in page.content
