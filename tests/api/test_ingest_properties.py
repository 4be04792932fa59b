"""Properties of POST /api/events: what is sent is what is stored; a key that stands twice is always found."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.pipeline import process_all, rows
from tests.support.tenants import Tenant

relaxed = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
#: Larger floats come back as equal whole numbers, which Python compares digit by digit.
numbers = st.integers(-(2**63), 2**63) | st.floats(-1e15, 1e15)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
#: What a COPY line, a JSON text or a key count could trip over.
ODD = [
    "\\",
    "\\.",
    "\\N",
    "\t",
    "\n",
    "\r",
    '"',
    '":',
    '\\":',
    "\\u0041",
    "\x1f",
    "\x7f",
    "\u2028",
    "\ufeff",
    "'",
    "\U0001f600",
]


@given(
    sent=st.lists(st.dictionaries(texts | st.sampled_from(ODD), values, max_size=4), min_size=1, max_size=8)
)
@example(sent=[{odd: odd, "in a list": [odd, {odd: [odd]}]} for odd in ODD])
@relaxed
def test_props_are_stored_as_they_were_sent(acme: Tenant, sent: list[dict[str, Any]]) -> None:
    answer = acme.send([{"type": "a", "userId": "u", "props": props} for props in sent])
    assert answer.status_code == 202, answer.content
    ids = answer.json()["eventIds"]
    process_all()
    found = dict(rows("SELECT event_id::text, props FROM event WHERE event_id = ANY(%s::uuid[])", ids))
    assert [json.loads(found[one]) for one in ids] == sent


@given(
    names=st.lists(
        texts.map(str.strip).filter(bool) | st.sampled_from(["\\", '"', '":', "\\N", "a\tb", "a\nb"]),
        min_size=1,
    )
)
@relaxed
def test_types_and_users_are_stored_as_they_were_sent(acme: Tenant, names: list[str]) -> None:
    ids = acme.send([{"type": name, "userId": name[::-1].strip()} for name in names]).json()["eventIds"]
    process_all()
    found = {id: (kind, user) for id, kind, user in rows("SELECT event_id::text, type, user_id FROM event")}
    assert [found[one] for one in ids] == [(name, name[::-1].strip()) for name in names]


# --- keys that stand twice: trees of (key, value) pairs, written as JSON in every legal way ---------------------

keys = st.sampled_from(["a", "b", '"', '":', "\\", "é", "type"])
Pairs = list[tuple[str, Any]]
trees = st.recursive(
    st.sampled_from([1, "x", '":', '\\":', None]),
    lambda inner: st.lists(inner, max_size=2) | st.lists(st.tuples(keys, inner), max_size=3).map(tuple),
    max_leaves=10,
)
styles = st.sampled_from(["", " ", "\n", "\t"])


def written(value: Any, space: str, escape: bool) -> str:
    """Return a tree as JSON: a tuple of pairs is an object."""
    if isinstance(value, tuple):
        pairs = (
            f"{written(key, '', escape)}{space}:{space}{written(one, space, escape)}" for key, one in value
        )
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(written(one, space, escape) for one in value) + "]"
    text = json.dumps(value)
    return text.replace("a", "\\u0061") if escape and isinstance(value, str) and value == "a" else text


def has_repeated_key(value: Any) -> bool:
    if isinstance(value, tuple):
        names = [key for key, _ in value]
        return len(set(names)) != len(names) or any(has_repeated_key(one) for _, one in value)
    return isinstance(value, list) and any(map(has_repeated_key, value))


events = st.tuples(
    st.booleans(),
    st.sampled_from(["", "order", '":']),
    st.lists(st.tuples(keys, trees), max_size=4).map(tuple),
    trees,
)


@given(several=st.lists(events, min_size=1, max_size=4), space=styles, escape=st.booleans())
@relaxed
def test_a_repeated_key_is_found_wherever_it_stands(
    acme: Tenant, several: list[tuple[bool, str, tuple[tuple[str, Any], ...], Any]], space: str, escape: bool
) -> None:
    body = [
        (("type", "t"), ("userId", "u"), ("eventId", id), ("props", props))
        + ((("context", context),) if with_context else ())
        for with_context, id, props, context in several
    ]
    text = written([*body, (("type", "good"), ("userId", "u"))], space, escape)
    expected = 400 if has_repeated_key(body) else 202
    assert acme.send(text.encode()).status_code == expected, text
