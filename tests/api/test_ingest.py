"""POST /api/events: what is accepted, and what is stored of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from config.lib import clock
from events.reasons import Outcome
from tests.support.assertions import assert_balanced, assert_stored
from tests.support.pipeline import process_all, rows
from tests.support.tenants import Tenant

HELLO: dict[str, Any] = {"type": "hello", "userId": "u1"}


def stored(*columns: str) -> list[tuple[Any, ...]]:
    process_all()
    return rows(f"SELECT {', '.join(columns)} FROM event ORDER BY ts, event_id")


def test_one_event_is_accepted_with_its_id(acme: Tenant) -> None:
    answer = acme.send(HELLO)
    assert answer.status_code == 202
    body = answer.json()
    assert (body["accepted"], body["quarantined"], len(body["eventIds"])) == (1, 0, 1)
    process_all()
    assert_stored(acme.id, *body["eventIds"])


def test_every_answer_says_its_length(acme: Tenant) -> None:
    for answer in (
        acme.send(HELLO),
        acme.send(b"{"),
        acme.get("/api/events"),
        acme.send(HELLO, HTTP_AUTHORIZATION=""),
    ):
        assert answer["Content-Length"] == str(len(answer.content)), answer.status_code


@pytest.mark.parametrize("wrap", [list, lambda events: {"batch": events}], ids=["array", "batch"])
def test_many_events_are_accepted_in_order(acme: Tenant, wrap: Any) -> None:
    answer = acme.send(wrap([HELLO | {"props": {"n": n}} for n in range(5)])).json()
    assert answer["accepted"] == 5
    process_all()
    found = dict(rows("SELECT event_id::text, (props ->> 'n')::int FROM event"))
    assert [found[one] for one in answer["eventIds"]] == list(range(5))


@pytest.mark.parametrize("media_type", ["application/x-ndjson", "application/ndjson", "application/jsonl"])
def test_ndjson_has_one_event_a_line(acme: Tenant, media_type: str) -> None:
    body = b'{"type":"a","userId":"u"}\r\n\n{"type":"b","userId":"u"}'
    assert acme.send(body, content_type=media_type).json()["accepted"] == 2
    assert sorted(stored("type")) == [("a",), ("b",)]


@pytest.mark.parametrize("content_type", ["text/plain;charset=UTF-8", "application/json; charset=utf-8"])
def test_beacons_and_charsets_are_understood(acme: Tenant, content_type: str) -> None:
    assert acme.send(HELLO, content_type=content_type).status_code == 202


def test_nothing_is_answered_before_it_is_committed(acme: Tenant) -> None:
    acme.send(HELLO)
    assert rows("SELECT sum(events) FROM inbox") == [(1,)]
    assert_balanced()


def test_props_come_back_as_they_were_sent(acme: Tenant) -> None:
    props = {
        "text": 'tab\tnew\nline\\back "quoted" \\N \\. ☃ 漢字 \U0001f600',
        "big": 2**53 + 1,
        "small": 1e-300,
        "nested": {"list": [1, None, True, {"": "empty key"}]},
        "__class__": "x",
        "a'; DROP TABLE event; --": 1,
    }
    acme.send(HELLO | {"props": props})
    assert json.loads(stored("props")[0][0]) == props


@pytest.mark.parametrize("props", [None, {}])
def test_absent_and_null_props_are_empty(acme: Tenant, props: Any) -> None:
    acme.send([HELLO | {"props": props}, HELLO])
    assert stored("props") == [("{}",), ("{}",)]


def test_texts_are_trimmed_and_numbers_of_users_become_text(acme: Tenant) -> None:
    acme.send({"type": "  padded ", "userId": 42})
    assert stored("type", "user_id") == [("padded", "42")]


def test_an_anonymous_user_is_known_by_the_anonymous_id(acme: Tenant) -> None:
    acme.send([{"type": "a", "anonymousId": "anon"}, {"type": "b", "anonymousId": "anon", "userId": "known"}])
    process_all()
    query = "SELECT type, user_id, anonymous_id FROM event ORDER BY type"
    assert rows(query) == [("a", "anon", "anon"), ("b", "known", "anon")]


def test_unknown_fields_and_another_project_are_ignored(acme: Tenant, globex: Tenant) -> None:
    answer = acme.send(HELLO | {"projectId": globex.id, "project_id": globex.id, "context": {"a": {"b": 1}}})
    assert answer.status_code == 202
    assert stored("project_id") == [(acme.id,)]


@pytest.mark.parametrize("name", ["ts", "timestamp"])
@pytest.mark.parametrize("form", ["iso", "offset", "naive", "milliseconds"])
def test_times_are_read_in_every_form(acme: Tenant, name: str, form: str) -> None:
    moment = (clock.now() - timedelta(hours=3)).replace(microsecond=5000)
    forms = {
        "iso": moment.isoformat().replace("+00:00", "Z"),
        "offset": (moment + timedelta(hours=5, minutes=30)).replace(tzinfo=None).isoformat() + "+05:30",
        "naive": moment.replace(tzinfo=None).isoformat(),
        "milliseconds": round(moment.timestamp() * 1000),
    }
    acme.send(HELLO | {name: forms[form]})
    assert stored("ts") == [(moment,)]


def test_without_a_time_the_receipt_is_the_time(acme: Tenant) -> None:
    before = datetime.now(UTC)
    acme.send(HELLO)
    ((ts, received),) = stored("ts", "received_at")
    assert ts == received
    assert before - timedelta(seconds=1) <= ts <= datetime.now(UTC)


def test_a_clock_that_is_wrong_is_corrected_by_sent_at(acme: Tenant) -> None:
    now = datetime.now(UTC)
    wrong = now + timedelta(days=400)
    event = HELLO | {"ts": (wrong - timedelta(minutes=10)).isoformat()}
    acme.send({"batch": [event], "sentAt": wrong.isoformat()})
    ((ts,),) = stored("ts")
    assert abs(ts - (now - timedelta(minutes=10))) < timedelta(seconds=30)


def test_mere_latency_is_no_skew(acme: Tenant) -> None:
    moment = clock.now() - timedelta(minutes=1)
    acme.send(HELLO | {"ts": moment.isoformat(), "sentAt": (clock.now() - timedelta(seconds=2)).isoformat()})
    assert stored("ts") == [(moment,)]


def test_a_batch_stores_what_is_good_and_names_what_is_not(acme: Tenant) -> None:
    answer = acme.send([HELLO, {"type": "no user"}, 7, HELLO])
    body = answer.json()
    assert (answer.status_code, body["accepted"], body["quarantined"]) == (202, 2, 2)
    assert [(one["index"], one["field"], one["code"]) for one in body["errors"]] == [
        (1, "userId", "required"),
        (2, "", "wrong_type"),
    ]
    assert process_all() == {(acme.id, Outcome.STORED): 2, (acme.id, Outcome.DEAD): 2}
    assert_balanced()


def test_tenants_do_not_mix(acme: Tenant, globex: Tenant) -> None:
    acme.send([HELLO] * 2)
    globex.send([HELLO] * 3)
    assert process_all() == {(acme.id, Outcome.STORED): 2, (globex.id, Outcome.STORED): 3}


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"HTTP_AUTHORIZATION": "Bearer {key}"}, ""),
        ({"HTTP_AUTHORIZATION": "bearer {key}"}, ""),
        ({"HTTP_X_API_KEY": "{key}"}, ""),
        ({"HTTP_AUTHORIZATION": "Basic {basic}"}, ""),
        ({}, "?writeKey={key}"),
    ],
)
def test_a_write_key_is_taken_from_everywhere(acme: Tenant, headers: dict[str, str], query: str) -> None:
    import base64

    basic = base64.b64encode(f"{acme.write_key}:".encode()).decode()
    filled = {name: value.format(key=acme.write_key, basic=basic) for name, value in headers.items()}
    body = json.dumps(HELLO)
    path = "/api/events" + query.format(key=acme.write_key)
    assert Client().generic("POST", path, body, "application/json", **filled).status_code == 202
