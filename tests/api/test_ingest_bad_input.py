"""Bad input at POST /api/events: each kind gets the answer that the policy gives it, and never a 5xx."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from config.lib import clock
from events.reasons import Outcome, Reason, Stage
from tests.support.assertions import assert_balanced, letters
from tests.support.pipeline import process_all, rows
from tests.support.tenants import Tenant

HELLO: dict[str, Any] = {"type": "hello", "userId": "u1"}


@pytest.fixture(autouse=True)
def the_next_good_event_is_accepted(acme: Tenant) -> Iterator[None]:
    yield
    assert acme.send(HELLO).status_code == 202


def with_value(text: str) -> bytes:
    return b'{"type":"a","userId":"u","props":{"v":%s}}' % text.encode("utf-8", "surrogatepass")


INVALID_JSON = {
    "empty": b"",
    "blank": b"  ",
    "not json": b"hello",
    "cut short": b'{"type":"a"',
    "two documents": b'{"type":"a","userId":"u"}{"type":"b","userId":"u"}',
    "trailing comma": b'{"type":"a","userId":"u",}',
    "single quotes": b"{'type':'a'}",
    "NaN": with_value("NaN"),
    "Infinity": with_value("-Infinity"),
    "1e400": with_value("1e400"),
    "-1e400 in a list": with_value("[1,[-1e400]]"),
    "1e131071": with_value("1e131071"),
    "5000 digits": with_value("9" * 5000),
    "5000 digits below zero": with_value("-" + "9" * 5000),
    "invalid utf-8": b'{"type":"a","userId":"\xff"}',
    "overlong utf-8": b'{"type":"a","userId":"\xc0\xaf"}',
    "encoded surrogate": b'{"type":"a","userId":"\xed\xa0\x80"}',
    "utf-16": '{"type":"a","userId":"u"}'.encode("utf-16"),
    "bare control character": b'{"type":"a","userId":"u\x01"}',
    "200,000 open brackets": b"[" * 200_000,
    "repeated key": b'{"type":"a","type":"b","userId":"u"}',
    "repeated key, spaced": b'{"type" : "a", "type" : "b", "userId":"u"}',
    "repeated key, escaped": b'{"type":"a","userId":"u","props":{"k":1,"\\u006b":2}}',
    "repeated key, deep": with_value('[{"k":{"a":1,"a":2}}]'),
    "repeated key beside a NUL": b'{"type":"a\\u0000","userId":"u","props":{"k":1,"k":2}}',
    "repeated key in another event": b'[{"type":"a","userId":"u"},{"type":"a","userId":"u","userId":"v"}]',
    "repeated key in an unknown field": b'{"type":"a","userId":"u","context":{"k":1,"k":2}}',
    "repeated key of the wrapper": b'{"batch":[],"batch":[{"type":"a","userId":"u"}]}',
    "repeated key beside a refused id": (
        b'[{"type":"x","userId":"u","eventId":""},{"type":"a","userId":"u","props":{"a":1,"a":2,"a":3,"a":4}}]'
    ),
}


@pytest.mark.parametrize("kind", INVALID_JSON)
def test_what_is_not_json_is_refused_whole(acme: Tenant, kind: str) -> None:
    answer = acme.send(INVALID_JSON[kind])
    assert answer.status_code == 400, answer.content
    assert answer.json()["code"] in ("invalid_json", "bad_request")
    assert rows("SELECT count(*) FROM inbox") == [(0,)]


def test_ndjson_with_one_broken_line_stores_nothing(acme: Tenant) -> None:
    body = json.dumps(HELLO).encode() + b'\n{"type":'
    assert acme.send(body, content_type="application/x-ndjson").status_code == 400
    assert rows("SELECT count(*) FROM inbox") == [(0,)]


@pytest.mark.parametrize(
    "body", [b"7", b'"text"', b"true", b"null", b"[]", b'{"batch":{}}', b'{"batch":null}']
)
def test_what_has_the_wrong_shape_is_refused_whole(acme: Tenant, body: bytes) -> None:
    assert acme.send(body).status_code == 400


@pytest.mark.parametrize(
    ("event", "field", "code"),
    [
        ({}, "type", "required"),
        ({"type": None, "userId": "u"}, "type", "required"),
        ({"type": "", "userId": "u"}, "type", "empty"),
        ({"type": " \t ", "userId": "u"}, "type", "empty"),
        ({"type": 5, "userId": "u"}, "type", "wrong_type"),
        ({"type": "x" * 201, "userId": "u"}, "type", "too_long"),
        ({"type": "a"}, "userId", "required"),
        ({"type": "a", "userId": ""}, "userId", "empty"),
        ({"type": "a", "userId": True}, "userId", "wrong_type"),
        ({"type": "a", "userId": "x" * 256}, "userId", "too_long"),
        ({"type": "a", "anonymousId": ["x"]}, "anonymousId", "wrong_type"),
        ({"type": "a", "userId": "u", "props": [1]}, "props", "wrong_type"),
        ({"type": "a", "userId": "u", "props": "x"}, "props", "wrong_type"),
        ({"type": "a", "userId": "u", "ts": "now"}, "ts", "invalid_timestamp"),
        ({"type": "a", "userId": "u", "ts": "infinity"}, "ts", "invalid_timestamp"),
        ({"type": "a", "userId": "u", "ts": "2026-02-30T00:00:00Z"}, "ts", "invalid_timestamp"),
        ({"type": "a", "userId": "u", "ts": True}, "ts", "invalid_timestamp"),
        ({"type": "a", "userId": "u", "ts": 1e308}, "ts", "invalid_timestamp"),
        ({"type": "a", "userId": "u", "ts": -1}, "ts", "invalid_timestamp"),
        ({"type": "a", "userId": "u", "ts": 10**30}, "ts", "invalid_timestamp"),
        ({"type": "a", "userId": "u", "ts": 0, "sentAt": "9999-12-31T23:59:59Z"}, "ts", "invalid_timestamp"),
        ({"type": "a", "userId": "u", "ts": 0, "sentAt": {}}, "sentAt", "invalid_timestamp"),
        ({"type": "a", "userId": "u", "props": {"v": 10**309}}, "props", "number_out_of_range"),
    ],
)
def test_an_event_that_cannot_be_one_is_refused_with_its_reason(
    acme: Tenant, event: dict[str, Any], field: str, code: str
) -> None:
    answer = acme.send(event)
    assert answer.status_code == 400, answer.content
    first = answer.json()["errors"][0]
    assert (first["index"], first["field"], first["code"]) == (0, field, code)
    assert rows("SELECT count(*) FROM inbox") == [(0,)]


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


LIMITS: dict[str, tuple[Callable[[], dict[str, Any]], Reason]] = {
    "too old": (
        lambda: {"ts": (clock.now() - timedelta(days=30, minutes=1)).isoformat()},
        Reason.OUTSIDE_WINDOW,
    ),
    "too far ahead": (
        lambda: {"ts": (clock.now() + timedelta(minutes=62)).isoformat()},
        Reason.OUTSIDE_WINDOW,
    ),
    "year 9999": (lambda: {"ts": "9999-12-31T00:00:00Z"}, Reason.OUTSIDE_WINDOW),
    "year 1": (lambda: {"ts": "0001-01-01T00:00:00Z"}, Reason.OUTSIDE_WINDOW),
    "too large": (lambda: {"props": {"v": "x" * 33_000}}, Reason.EVENT_TOO_LARGE),
    "too deep": (lambda: {"props": nested(33)}, Reason.TOO_DEEP),
    "too many keys": (lambda: {"props": {f"k{n}": n for n in range(256)}}, Reason.TOO_MANY_KEYS),
    "too many keys, nested": (
        lambda: {"props": {f"k{n}": {"a": 1} for n in range(128)}},
        Reason.TOO_MANY_KEYS,
    ),
    "key too long": (lambda: {"props": {"ü" * 101: 1}}, Reason.KEY_TOO_LONG),
}


@pytest.mark.parametrize("kind", LIMITS)
def test_an_event_beyond_a_limit_is_quarantined_with_its_reason(acme: Tenant, kind: str) -> None:
    make, reason = LIMITS[kind]
    answer = acme.send(HELLO | make())
    body = answer.json()
    assert (answer.status_code, body["accepted"], body["quarantined"]) == (202, 0, 1)
    assert body["errors"][0]["code"] == reason
    assert process_all() == {(acme.id, Outcome.DEAD): 1}
    (letter,) = letters(acme.id)
    assert (letter.stage, letter.reason) == (Stage.GATEWAY, reason)
    assert json.loads(bytes(letter.raw))["userId"] == "u1"
    assert_balanced()


WITHIN: dict[str, Callable[[], dict[str, Any]]] = {
    "just young enough": lambda: {
        "ts": (clock.now() - timedelta(days=30) + timedelta(minutes=1)).isoformat()
    },
    "just not too far ahead": lambda: {"ts": (clock.now() + timedelta(minutes=59)).isoformat()},
    "large": lambda: {"props": {"v": "x" * 32_000}},
    "deep": lambda: {"props": nested(32)},
    "many keys": lambda: {"props": {f"k{n}": n for n in range(255)}},
    "long key": lambda: {"props": {"ü" * 100: 1}},
    "long type": lambda: {"type": "ü" * 200},
    "long user": lambda: {"userId": "ü" * 255},
    "largest number": lambda: {"props": {"v": 1.7976931348623157e308, "w": 10**308, "tiny": 5e-324}},
    "text that looks like a number": lambda: {"props": {"v": "NaN", "w": "1e400"}},
}


@pytest.mark.parametrize("kind", WITHIN)
def test_an_event_just_within_the_limits_is_stored(acme: Tenant, kind: str) -> None:
    assert acme.send(HELLO | WITHIN[kind]()).json().get("errors") is None
    assert process_all() == {(acme.id, Outcome.STORED): 1}


def test_more_events_than_a_request_may_hold_are_too_large(acme: Tenant) -> None:
    assert acme.send([HELLO] * 2001).status_code == 413
    assert acme.send([HELLO] * 2000).status_code == 202


def test_a_body_over_the_limit_is_too_large(acme: Tenant) -> None:
    assert acme.send(b" " * (1 << 20) + b"1").status_code == 413


@pytest.mark.parametrize(
    ("path", "event"),
    [
        ("type", {"type": "a{}b", "userId": "u"}),
        ("user_id", {"type": "t", "userId": "a{}b"}),
        ("anonymous_id", {"type": "t", "anonymousId": "a{}b"}),
        ("props ->> 'k'", {"type": "t", "userId": "u", "props": {"k": "a{}b"}}),
        ("props -> 'k' -> 1 ->> 'd'", {"type": "t", "userId": "u", "props": {"k": [0, {"d": "a{}b"}]}}),
        (
            "jsonb_path_query_first(props, '$.keyvalue().key') #>> '{{}}'",
            {"type": "t", "userId": "u", "props": {"a{}b": 1}},
        ),
    ],
    ids=["type", "user", "anonymous", "prop", "deep prop", "key"],
)
@pytest.mark.parametrize(
    "odd", ["\\u0000", "\\ud800", "\\udfff", "\\uDC00"], ids=["NUL", "high", "low", "upper case"]
)
def test_characters_that_cannot_be_stored_are_replaced_and_flagged(
    acme: Tenant, path: str, event: dict[str, Any], odd: str
) -> None:
    body = json.dumps(event).replace("{}b", odd + "b").encode()
    assert acme.send(body).status_code == 202
    assert process_all() == {(acme.id, Outcome.STORED): 1}
    assert rows(f"SELECT {path.replace('{{}}', '{}')}, flags & 1 FROM event") == [("a\ufffdb", 1)]


def test_a_surrogate_pair_is_a_character_and_no_flag(acme: Tenant) -> None:
    acme.send(b'{"type":"a","userId":"\\ud83d\\ude00","props":{"v":"\\\\u0000"}}')
    process_all()
    assert rows("SELECT user_id, props ->> 'v', flags FROM event") == [("\U0001f600", "\\u0000", 0)]


def test_odd_characters_in_a_refused_event_reach_its_letter(acme: Tenant) -> None:
    assert acme.send(b'[{"type":"a\\u0000\\ud800"},{"type":"a","userId":"u"}]').status_code == 202
    assert process_all() == {(acme.id, Outcome.STORED): 1, (acme.id, Outcome.DEAD): 1}


@pytest.mark.parametrize("depth", [100, 700, 900, 980, 1500])
@pytest.mark.parametrize("start", [b'{"type":5,"userId":"u"', b'{"type":"a","userId":"u"', b'{"x":5'])
def test_nesting_of_any_depth_is_no_server_error(acme: Tenant, start: bytes, depth: int) -> None:
    body = b'[%s,"props":%s1%s},{"type":"a","userId":"u"}]' % (start, b'{"a":' * depth, b"}" * depth)
    assert acme.send(body).status_code in (202, 400)


def test_a_deep_event_with_odd_characters_is_no_server_error(acme: Tenant) -> None:
    body = b'{"type":"a\\u0000","userId":"u","props":%s1%s}' % (b'{"a":' * 900, b"}" * 900)
    answer = acme.send(body)
    assert answer.status_code in (202, 400)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/xml",
        "application/json; charset=utf-16",
    ],
)
def test_other_media_types_are_not_supported(acme: Tenant, content_type: str) -> None:
    assert acme.send(HELLO, content_type=content_type).status_code == 415


def test_errors_have_one_shape(acme: Tenant) -> None:
    body = acme.send(b"{").json()
    assert set(body) == {"code", "message", "detail", "requestId"}
    assert body["message"] == body["detail"]
    assert body["requestId"]
