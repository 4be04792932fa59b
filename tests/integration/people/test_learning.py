"""What events say of their users is kept: whatever the order, however often, by any number of processors."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrics.people import services
from metrics.people.selectors import profile_of
from metrics.people.telemetry import traits_left_out
from tests.support.people_model import (
    accepted,
    assert_flat,
    classes,
    expected_traits,
    stored_aliases,
    stored_traits,
)
from tests.support.pipeline import NOON, append, append_rows, event, new_project, process_all, rows, store_all
from tests.support.tenants import Tenant


def identify(user: str, minute: int = 0, *, anonymous: str | None = None, **traits: Any) -> dict[str, Any]:
    made = event(user, NOON + timedelta(minutes=minute), type="identify", **traits)
    return made | {"anonymousId": anonymous} if anonymous else made


def alias(previous: Any, user: str, minute: int = 0) -> dict[str, Any]:
    return event(user, NOON + timedelta(minutes=minute), type="alias", previousId=previous)


def test_the_last_word_by_the_events_own_time_wins(acme: Tenant, globex: Tenant) -> None:
    store_all(acme.id, [identify("ada", 5, plan="pro", seats=3)])
    store_all(acme.id, [identify("ada", 2, plan="free", city="Kiel")])
    store_all(globex.id, [identify("ada", 9, plan="none of acme's")])
    assert stored_traits(acme.id) == {("ada", "plan"): "pro", ("ada", "seats"): 3, ("ada", "city"): "Kiel"}


@pytest.mark.parametrize("type_", ["identify", "$identify"])
@pytest.mark.parametrize(
    "props", [{"plan": "pro"}, {"traits": {"plan": "pro"}, "x": 1}, {"$set": {"plan": "pro"}, "x": 1}]
)
def test_traits_stand_where_several_kinds_of_clients_put_them(
    acme: Tenant, type_: str, props: dict[str, Any]
) -> None:
    store_all(acme.id, [event("ada", type=type_, **props)])
    assert stored_traits(acme.id) == {("ada", "plan"): "pro"}


def said(minute: int, user: str = "ada", **props: Any) -> dict[str, Any]:
    """Return an `$identify` as PostHog's clients send it: words of theirs in the properties."""
    return event(user, NOON + timedelta(minutes=minute), type="$identify", **props)


ONCE = [
    said(5, **{"$set_once": {"source": "late"}, "$lib": "web"}),
    said(2, **{"$set_once": {"source": "first"}}),
    said(9, **{"$set_once": {"source": "last"}}),
]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_of_what_is_set_once_the_first_word_by_time_stays(acme: Tenant, order: tuple[int, ...]) -> None:
    for place in order:
        store_all(acme.id, [ONCE[place] | {"eventId": str(place)}])
    assert stored_traits(acme.id) == {("ada", "source"): "first"}
    profile = profile_of(project_id=acme.id, user_id="ada")
    assert profile and profile.traits["source"].at == NOON + timedelta(minutes=2)


@pytest.mark.parametrize("backwards", [False, True])
def test_what_is_set_counts_before_what_is_set_once(acme: Tenant, backwards: bool) -> None:
    told = [said(9, **{"$set": {"a": 1}}), said(2, **{"$set_once": {"a": 2, "b": 3}})]
    for one in reversed(told) if backwards else told:
        store_all(acme.id, [one])
    assert stored_traits(acme.id) == {("ada", "a"): 1, ("ada", "b"): 3}


def test_what_is_set_once_of_two_ids_is_the_first_of_both(acme: Tenant) -> None:
    store_all(acme.id, [said(2, "anon", **{"$set_once": {"source": "ad"}})])
    store_all(acme.id, [said(5, **{"$set_once": {"source": "login"}, "$anon_distinct_id": "anon"})])
    profile = profile_of(project_id=acme.id, user_id="ada")
    assert profile and profile.traits["source"].value == "ad"


def test_what_is_unset_is_gone_until_it_is_set_later(acme: Tenant) -> None:
    store_all(acme.id, [said(1, **{"$set": {"a": 1, "b": 1, "c": 1}})])
    store_all(acme.id, [said(2, **{"$unset": ["a", "b", 7, None], "$set": {"b": 2}})])
    store_all(acme.id, [said(3, **{"$set": {"a": 3}})])
    profile = profile_of(project_id=acme.id, user_id="ada")
    assert profile and {name: one.value for name, one in profile.traits.items()} == {"a": 3, "c": 1}


@pytest.mark.parametrize("odd", [None, True, 7, "a", [], ["a"], [["a"]], {}, {"a": {"b": 1}}])
def test_odd_words_of_posthogs_stop_nothing(acme: Tenant, odd: Any) -> None:
    props = {"$set_once": odd, "$unset": odd, "$anon_distinct_id": odd}
    assert sum(store_all(acme.id, [said(1, **props)]).values()) == 1


@pytest.mark.parametrize(("given", "alias"), [("anon-1", "anon-1"), (17, "17")])
def test_the_anonymous_id_that_posthog_names_is_joined(acme: Tenant, given: Any, alias: str) -> None:
    store_all(acme.id, [said(1, **{"$anon_distinct_id": given, "$set": {"plan": "pro"}})])
    store_all(acme.id, [said(2, "bob", **{"$anon_distinct_id": "distinct_id"})])
    assert stored_aliases(acme.id) == {alias: "ada"}
    assert stored_traits(acme.id) == {("ada", "plan"): "pro"}


def test_other_types_say_nothing_of_a_user(acme: Tenant) -> None:
    store_all(acme.id, [event("ada", type="page_view", plan="pro") | {"anonymousId": "a1"}])
    assert stored_traits(acme.id) == stored_aliases(acme.id) == {}


def test_a_duplicate_says_nothing(acme: Tenant) -> None:
    first = identify("ada", plan="pro")
    store_all(acme.id, [first])
    store_all(acme.id, [first | {"ts": (NOON + timedelta(hours=1)).isoformat(), "props": {"plan": "free"}}])
    assert stored_traits(acme.id) == {("ada", "plan"): "pro"}


def test_an_anonymous_id_stands_for_the_user_who_is_identified_with_it(acme: Tenant, globex: Tenant) -> None:
    store_all(acme.id, [identify("ada", anonymous="a1")])
    assert stored_aliases(acme.id) == {"a1": "ada"}
    assert stored_aliases(globex.id) == {}


@pytest.mark.parametrize(
    ("type_", "props"),
    [
        ("alias", {"previousId": "old"}),
        ("$create_alias", {"alias": "old"}),
        ("alias", {"previousId": None, "alias": " old "}),
    ],
)
def test_an_alias_event_joins_two_ids(acme: Tenant, type_: str, props: dict[str, Any]) -> None:
    store_all(acme.id, [event("ada", type=type_, **props)])
    assert stored_aliases(acme.id) == {"old": "ada"}


def test_a_number_is_an_id(acme: Tenant) -> None:
    store_all(acme.id, [alias(17, "ada")])
    assert stored_aliases(acme.id) == {"17": "ada"}


def test_a_later_alias_moves_those_who_stood_for_it(acme: Tenant) -> None:
    store_all(acme.id, [identify("b", anonymous="a1"), identify("b", anonymous="a2")])
    store_all(acme.id, [alias("b", "c")])
    assert stored_aliases(acme.id) == {"a1": "c", "a2": "c", "b": "c"}


ODD: list[Any] = [
    None,
    True,
    {},
    [],
    {"a": 1},
    ["a"],
    "",
    " ",
    "\x00",
    "x" * 3000,
    1e300,
    -1,
    "\ud800",
    10**300,
]


def test_nothing_that_an_event_holds_stops_it(acme: Tenant) -> None:
    odd = [event("ada", type="alias", previousId=value) for value in ODD]
    odd += [event("ada", type="identify", traits=value) for value in ODD]
    odd += [event("ada", type="identify", **{"$set": {"k" * 200: value, "": value}}) for value in ODD]
    outcomes = store_all(acme.id, odd)
    assert sum(outcomes.values()) == rows("SELECT count(*) FROM event WHERE project_id = %s", acme.id)[0][0]
    assert_flat(acme.id)


@pytest.mark.parametrize("props", ["[]", "[1]", '"text"', "7", "null"])
@pytest.mark.parametrize("type_", ["identify", "alias", "page_view"])
def test_props_that_are_no_object_are_stored_all_the_same(acme: Tenant, props: str, type_: str) -> None:
    line = f"{acme.id}\t{uuid.uuid4()}\t{NOON.isoformat()}\t{NOON.isoformat()}\t{type_}\tada\ta1\t{props}\t0"
    append_rows(acme.id, line.encode())
    process_all()
    assert rows("SELECT count(*) FROM event WHERE project_id = %s", acme.id) == [(1,)]


def test_too_much_is_left_out_and_counted(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_TRAITS", 3)
    before = traits_left_out._value.get()
    store_all(acme.id, [identify("ada", 1, a=1, b=2, big="x" * 3000), identify("bob", 1, a=1)])
    store_all(acme.id, [identify("ada", 2, a=10, c=3, d=4, e=5)])
    assert stored_traits(acme.id) == {
        ("ada", "a"): 10, ("ada", "b"): 2, ("ada", "c"): 3, ("bob", "a"): 1,
    }  # fmt: skip
    assert traits_left_out._value.get() - before == 3


def test_a_value_that_is_left_out_hides_no_other(acme: Tenant) -> None:
    store_all(acme.id, [identify("ada", 1, a="kept"), identify("ada", 2, a="x" * 3000)])
    assert stored_traits(acme.id) == {("ada", "a"): "kept"}


IDS = st.sampled_from(["a", "b", "c", "d", "e"])
MINUTES = st.integers(0, 3)
TRAITS = st.dictionaries(st.sampled_from(["plan", "city"]), st.integers(0, 5))
EVENTS = st.lists(
    st.one_of(
        st.builds(lambda user, at, traits: identify(user, at, **traits), IDS, MINUTES, TRAITS),
        st.builds(lambda user, at, other: identify(user, at, anonymous=other), IDS, MINUTES, IDS),
        st.builds(lambda user, at, other: alias(other, user, at), IDS, MINUTES, IDS),
    ),
    max_size=14,
)


def pair_of(one: dict[str, Any]) -> tuple[str, str] | None:
    other = one.get("anonymousId") if one["type"] == "identify" else one["props"]["previousId"]
    return (other, one["userId"]) if other and other != one["userId"] else None


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS, again=st.randoms(use_true_random=False), size=st.integers(1, 6))
def test_any_order_and_repetition_by_two_processors_tells_the_same(
    pipeline: None, events: list[dict[str, Any]], again: Any, size: int
) -> None:
    project = new_project()
    sent = events + again.sample(events, len(events) // 2)
    again.shuffle(sent)
    append(project, sent, size=size)
    processors = [threading.Thread(target=process_all) for _ in range(2)]
    for thread in processors:
        thread.start()
    for thread in processors:
        thread.join(timeout=60)
    assert stored_traits(project) == expected_traits(events)
    assert_flat(project)
    pairs = [pair for one in events if (pair := pair_of(one))]
    stored = stored_aliases(project)
    assert stored.keys() <= {alias for alias, _ in pairs}
    # Whichever came first: nobody is joined without a word, and what was said joined somebody, or was known.
    assert all(any(group <= said for said in classes(pairs)) for group in classes(stored.items()))
    assert all(alias in stored or stored.get(user, user) == alias for alias, user in pairs)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS, size=st.integers(1, 6))
def test_claims_one_after_another_accept_what_the_rules_accept(
    pipeline: None, events: list[dict[str, Any]], size: int
) -> None:
    project = new_project()
    in_order: list[dict[str, Any]] = []
    for start in range(0, len(events), size):
        claim = events[start : start + size]
        store_all(project, claim)
        in_order += sorted(claim, key=lambda one: (one["ts"], one["eventId"]))
    pairs = accepted(pair for one in in_order if (pair := pair_of(one)))
    stored = stored_aliases(project)
    assert stored.keys() == {alias for alias, _ in pairs}
    assert classes(stored.items()) == classes(pairs)
    assert_flat(project)
