"""Whatever the gateway accepts, Postgres stores: made-up events go all the way, and none is found to be poison."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dlq.models import DeadLetter
from events.reasons import Reason
from tests.support.pipeline import process_all, rows
from tests.support.tenants import Tenant

#: What parsers and databases take differently.
_NASTY = [
    "\x00", "\ud800", "\udfff\ud800", "\ufeff", "\u2028", "\\", "\\N", "\\.", "\t", "\n", "\r\n", "'", '"', "%s", "{}",
    "\x7f", "\x85", "\U0010ffff", "NaN", "Infinity", "-infinity", "now", "epoch", "null", "\\u0000", "a" * 300,
]  # fmt: skip
_TEXT = st.one_of(
    st.sampled_from(_NASTY), st.text(st.characters(), max_size=30), st.text("\x00\ud800a\\\n\t", max_size=9)
)
_NUMBERS = st.one_of(
    st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.just(-0.0), st.just(5e-324),
    st.just(10**308), st.just(-(10**308)), st.just(1.7976931348623157e308), st.just(2**64), st.just(10**18 + 1),
)  # fmt: skip
_SCALARS = st.one_of(st.none(), st.booleans(), _NUMBERS, _TEXT)
_JSON = st.recursive(
    _SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_TEXT, inner, max_size=4))
)
_TIMES = st.one_of(
    st.none(), st.integers(), _TEXT,
    st.sampled_from(["now", "infinity", "-infinity", "2026-02-30", "0001-01-01T00:00:00Z"]),
    st.just("9999-12-31T23:59:59+14:00"),
)  # fmt: skip
_EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.one_of(_TEXT, st.just("t")),
        "userId": st.one_of(_TEXT, st.integers(), st.just("u")),
        "anonymousId": _TEXT,
        "eventId": st.one_of(_TEXT, st.integers(), st.uuids().map(str)),
        "ts": _TIMES,
        "sentAt": _TIMES,
        "props": st.one_of(st.dictionaries(_TEXT, _JSON, max_size=6), st.just({"value": 1e308}), _JSON),
    },
)
_GOOD = st.builds(lambda event: {"type": "t", "userId": "u"} | event, _EVENTS)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.large_base_example,
    ],
)
@given(events=st.lists(st.one_of(_GOOD, _EVENTS, _JSON), min_size=1, max_size=25), ascii=st.booleans())
@example(events=[{"type": "t", "userId": "u", "props": {"value": 1e308}}] * 3, ascii=True)
@example(events=[{"type": "\\.", "userId": "\\N", "props": {"\\.": "\\."}}], ascii=True)
def test_what_is_accepted_is_stored(acme: Tenant, events: list[Any], ascii: bool) -> None:
    before = accepted()
    body = json.dumps(events, ensure_ascii=ascii).encode("utf-8", "surrogatepass")
    answer = acme.send(body)
    assert answer.status_code in (202, 400), answer.content
    process_all()
    assert not DeadLetter.objects.filter(reason=Reason.DATABASE_REFUSED).exists()
    if answer.status_code == 202:
        found = answer.json()
        assert accepted() - before == found["accepted"] + found["quarantined"]


def accepted() -> int:
    """Return how many events have an outcome; all were accepted, and the bus is empty."""
    ((settled,),) = rows("SELECT coalesce(sum(events), 0)::bigint FROM outcome_count")
    ((waiting,),) = rows("SELECT count(*) FROM inbox")
    assert waiting == 0
    return int(settled)


@pytest.mark.parametrize(
    "body", [b"\xff\xfe{}", b'{"type":"t","userId":"u","props":{"a":\xed\xa0\x80}}', b"\x00" * 9]
)
def test_bytes_that_are_no_json_store_nothing(acme: Tenant, body: bytes) -> None:
    assert acme.send(body).status_code == 400
    assert accepted() == 0
