"""Who stands for whom: first wins, always flat, never a circle."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.people.aliases import Said, joined, worth_knowing
from tests.support.people_model import accepted, classes

NOW = datetime(2025, 6, 2, tzinfo=UTC)
IDS = st.sampled_from("abcdefgh")


def said(*pairs: tuple[str, str]) -> list[Said]:
    return [Said(alias, user, NOW) for alias, user in pairs]


def found(*pairs: tuple[str, str], known: dict[str, str] | None = None) -> dict[str, str]:
    return {one.alias: one.user_id for one in joined(known or {}, said(*pairs), most=10**6).new}


def test_the_first_user_named_for_an_id_keeps_it() -> None:
    assert found(("a", "u"), ("a", "v")) == {"a": "u"}
    assert found(("a", "v"), known={"a": "u"}) == {}


def test_several_ids_stand_for_one_user() -> None:
    assert found(("a", "u"), ("b", "u")) == {"a": "u", "b": "u"}


def test_an_alias_of_an_alias_stands_for_the_person() -> None:
    assert found(("a", "b"), ("b", "c")) == {"a": "c", "b": "c"}
    assert found(("b", "c"), ("a", "b")) == {"a": "c", "b": "c"}
    assert found(("a", "b"), known={"b": "c"}) == {"a": "c"}


def test_a_circle_is_not_closed() -> None:
    assert found(("a", "b"), ("b", "a")) == {"a": "b"}
    assert found(("a", "b"), ("b", "c"), ("c", "a")) == {"a": "c", "b": "c"}


def test_a_person_has_so_many_ids_and_no_more() -> None:
    pairs = said(("a", "u"), ("b", "u"), ("c", "u"), ("d", "v"), ("v", "u"), ("e", "v"))
    joins = joined({}, pairs, most=3)
    assert {one.alias: one.user_id for one in joins.new} == {"a": "u", "b": "u", "d": "v", "e": "v"}
    assert joins.left_out == 2


def test_ids_that_are_known_already_count() -> None:
    known, ids = {"a": "u", "x": "v", "y": "v"}, {"u": 2, "v": 3}
    assert joined(known, said(("v", "u")), ids=ids, most=4).left_out == 1
    assert [one.alias for one in joined(known, said(("v", "u")), ids=ids, most=5).new] == ["v"]
    assert joined(known, said(("b", "a")), ids=ids, most=2).left_out == 1


@pytest.mark.parametrize(
    "pair",
    [
        (one, "u")
        for one in ("id", "distinct_id", "distinctId", "EMAIL", "not_authenticated", str(UUID(int=0)))
    ]
    + [("undefined", "u"), ("a", "null"), ("  ", "u"), ("a", "a"), (" a ", "a"), ("x" * 256, "u")],
)
def test_what_names_nobody_joins_nobody(pair: tuple[str, str]) -> None:
    assert worth_knowing(said(pair)) == []


def test_an_alias_is_trimmed_as_user_ids_are() -> None:
    assert worth_knowing(said((" a\u2003", "u"))) == said(("a", "u"))


@given(st.lists(st.tuples(IDS, IDS).filter(lambda pair: pair[0] != pair[1])))
def test_the_classes_are_those_of_what_was_accepted(pairs: list[tuple[str, str]]) -> None:
    new = found(*pairs)
    assert not new.keys() & set(new.values())
    assert new.keys() == {alias for alias, _ in accepted(pairs)}
    assert classes(new.items()) == classes(accepted(pairs))


@given(st.lists(st.tuples(IDS, IDS)), st.integers(0, 10))
def test_two_claims_know_what_one_would(pairs: list[tuple[str, str]], cut: int) -> None:
    pairs = [pair for pair in pairs if pair[0] != pair[1]]
    first = found(*pairs[:cut])
    second = found(*pairs[cut:], known=first)
    moved = {alias: second.get(user, user) for alias, user in first.items()}
    assert moved | second == found(*pairs)


def test_a_long_chain_takes_no_long_time() -> None:
    chain = [(f"id{n}", f"id{n + 1}") for n in reversed(range(50_000))]
    began = time.process_time()
    assert set(found(*chain).values()) == {"id50000"}
    assert time.process_time() - began < 5
