"""Who is in a segment equals a computation in plain Python: any rules over any events, aliases and traits."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg import sql

from config.lib.postgres import bounded_cursor
from events.models import Project
from metrics.errors import BadQuestion
from metrics.language.conditions import Words
from metrics.language.people import people_of
from metrics.query.audience import Audience, export, people_in, size_of
from metrics.query.scope import parse_scope, scope_sql
from metrics.segments.reading import read_rules
from metrics.segments.rules import Listed, wire
from metrics.segments.services import create_segment, delete_segment
from tests.support.metrics_model import Seen
from tests.support.pipeline import event, store_all
from tests.support.segments_model import Told, World

PROJECT, OTHER_PROJECT = 3_100_001, 3_100_002
NOW = datetime(2025, 6, 10, 12, 34, tzinfo=UTC)
#: Where windows that are asked for begin and end, and what lies between the edges of hours and days.
END = NOW + timedelta(minutes=1)
EDGES = [END - timedelta(**span) for span in ({}, {"minutes": 90}, {"hours": 6}, {"days": 2}, {"days": 30})]
MIDNIGHT = datetime(2025, 6, 9, tzinfo=UTC)
ALIASES = {"u1": "u2", "u3": "u2", "u4": "known", "u5": "elsewhere"}
NAMES = ("plan", "seats", "vip", "my plan")
VALUES = ("pro", "free", "", 5, 5.0, 12.5, True, None, ["pro"])
RULE_FIELDS = [
    "props.country:eq:DE", "props.country:ne:DE", "props.v:gt:5", "props.v:exists", "props.v:exists:false",
    "userId:eq:u2", "userId:in:u7,known", "userId:eq:u1", "type:ne:buy",
]  # fmt: skip
CONDITIONS = [
    "plan:eq:pro", "plan:ne:pro", "plan:in:pro,free", "plan:contains:r", "plan:exists", "plan:exists:false",
    "seats:gt:5", "seats:gte:5", "seats:eq:5", "seats:ne:5", "vip:eq:true", "my plan:eq:pro",
    "nothing:ne:x", "nothing:exists",
]  # fmt: skip


def some_events(seed: int, count: int = 700) -> list[Seen]:
    """Return events most of which lie on the edges of windows, hours and days, or a microsecond from there."""
    chance = random.Random(seed)
    hours = [MIDNIGHT + timedelta(hours=hour) for hour in range(30)]
    nudges = [timedelta(0), timedelta(microseconds=-1), timedelta(microseconds=1), timedelta(minutes=-1)]

    def moment() -> datetime:
        if chance.random() < 0.2:
            return NOW - timedelta(minutes=chance.randrange(50 * 1440))
        return chance.choice(EDGES + hours) + chance.choice(nudges)

    def props() -> dict[str, Any]:
        values = {"country": chance.choice(["DE", "FR", None]), "v": chance.choice([5, 5.5, -1, "5", True])}
        return {name: value for name, value in values.items() if chance.random() < 0.7}

    users = [f"u{number}" for number in range(30)] + ["known", "ünïcode"]
    return [
        Seen(chance.choice(users), moment(), chance.choice(["view", "view", "buy", "b\tq"]), props())
        for _ in range(count)
    ]


def some_told(seed: int, events: Sequence[Seen]) -> list[Told]:
    """Return what was said about users, at equal moments and not in order."""
    chance = random.Random(seed)
    said = [
        Told(one.user, name, chance.choice(VALUES), chance.choice(EDGES), UUID(int=chance.getrandbits(128)))
        for one in events[:120]
        for name in NAMES
    ]
    # A user id has one value of a name: what was said last.
    last = {(one.user, one.name): one for one in sorted(said, key=lambda told: (told.ts, told.event_id))}
    return list(last.values())


EVENTS = some_events(20250610)
ALIASED = World(EVENTS, NOW, ALIASES, some_told(7, EVENTS))
FOREIGN = [Seen(user, NOW, "buy", {"country": "DE"}) for user in ("u0", "u2", "foreign")]


@pytest.fixture
def stored(pipeline: None) -> None:
    for number, slug in ((PROJECT, "acme"), (OTHER_PROJECT, "globex")):
        Project.objects.create(pk=number, slug=slug)
    store_all(PROJECT, [event(one.user, one.ts, type=one.type, **one.props) for one in EVENTS])
    store_all(OTHER_PROJECT, [event(one.user, one.ts, type=one.type, **one.props) for one in FOREIGN])
    # In the other project the same ids stand for others, and have other traits.
    put(OTHER_PROJECT, {"u0": "u2", "u7": "foreign"}, [Told("u2", "plan", "pro", NOW, UUID(int=1))])


@pytest.fixture
def aliased(stored: None) -> None:
    put(PROJECT, ALIASED.aliases, ALIASED.told)


def put(project: int, aliases: Any, told: Sequence[Told]) -> None:
    """Write what identify and alias events would have said."""
    with connection.cursor() as cursor:
        for alias, user in aliases.items():
            cursor.execute("INSERT INTO user_alias VALUES (%s, %s, %s, now())", [project, alias, user])
        for one in told:
            row = [project, one.user, one.name, json.dumps(one.value), one.ts, one.event_id]
            cursor.execute("INSERT INTO user_trait VALUES (%s, %s, %s, %s, %s, %s)", row)


def everyone(rule: Any, *, project: int = PROJECT, limit: int = 7) -> list[str]:
    """Return who meets a rule, page by page."""
    audience, cursor, found = Audience(project, read_rules(rule), NOW), None, []
    while True:
        page = people_in(audience, cursor=cursor, limit=limit)
        found += page.users
        if (cursor := page.next_cursor) is None:
            return found


@st.composite
def dids(draw: st.DrawFn) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "did": draw(st.sampled_from(["buy", {}, {"type": ["view", "b\tq"]}, {"type": "none"}]))
    }
    if draw(st.booleans()):
        type_ = draw(st.sampled_from([[], "buy", ["view", "buy"]]))
        rule["did"] = {"type": type_, "filters": draw(st.lists(st.sampled_from(RULE_FIELDS), max_size=2))}
    if draw(st.booleans()):
        rule["atLeast"] = draw(st.integers(0, 5))
        if not rule["atLeast"] or draw(st.booleans()):
            rule["atMost"] = rule["atLeast"] + draw(st.integers(0, 3))
    if draw(st.booleans()):
        rule |= draw(
            st.one_of(
                st.sampled_from(["90m", "6h", "2d", "30d", "1w", "1m"]).map(lambda s: {"within": s}), ranges()
            )
        )
    return rule


@st.composite
def ranges(draw: st.DrawFn) -> dict[str, str]:
    start = draw(st.sampled_from([*EDGES[1:], MIDNIGHT, MIDNIGHT + timedelta(hours=3)]))
    length = draw(
        st.sampled_from(
            [timedelta(microseconds=1), timedelta(minutes=59), timedelta(hours=7), timedelta(days=3)]
        )
    )
    return {"range": f"{start.isoformat()}/{(start + length).isoformat()}"}


LEAVES = st.one_of(dids(), st.sampled_from(CONDITIONS).map(lambda text: {"trait": text}))
RULES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda rules: {"all": rules}),
        st.lists(inner, min_size=1, max_size=3).map(lambda rules: {"any": rules}),
        inner.map(lambda rule: {"not": rule}),
    ),
    max_leaves=6,
)


def depth(rule: Any) -> int:
    inner = rule.get("all") or rule.get("any") or ([rule["not"]] if "not" in rule else [])
    return 1 + max(map(depth, inner), default=0)


SOME_RULES = RULES.filter(lambda rule: depth(rule) <= 5)
HARD = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much]


@given(rule=SOME_RULES)
@example(rule={"not": {"did": {}}})
@example(
    rule={"all": [{"not": {"trait": "plan:ne:pro"}}, {"not": {"did": "buy", "atLeast": 0, "atMost": 1}}]}
)
@settings(max_examples=300, suppress_health_check=HARD)
def test_members_equal_a_computation_in_python(aliased: None, rule: dict[str, Any]) -> None:
    wanted = ALIASED.members(rule)
    assert everyone(rule) == sorted(wanted, key=str.encode)
    assert size_of(Audience(PROJECT, read_rules(rule), NOW)).people == len(wanted)


@given(rule=dids())
@settings(max_examples=100, suppress_health_check=HARD)
def test_members_of_a_project_where_nobody_has_two_ids(stored: None, rule: dict[str, Any]) -> None:
    assert set(everyone(rule)) == World(EVENTS, NOW).members(rule)


@given(rule=SOME_RULES)
@settings(max_examples=200)
def test_rules_survive_being_saved(rule: dict[str, Any]) -> None:
    checked = read_rules(rule)
    assert read_rules(json.loads(json.dumps(wire(checked)))) == checked


def test_the_model_tells_rules_apart() -> None:
    """Without this, all of the above could be about nobody, or everybody."""
    rules: list[dict[str, Any]] = [
        {"did": "buy"}, {"did": "buy", "atLeast": 3}, {"did": "buy", "within": "6h"}, {"trait": "plan:eq:pro"},
        {"trait": "plan:ne:pro"}, {"did": {"filters": ["userId:eq:u2"]}}, {"not": {"did": "buy", "within": "6h"}},
    ]  # fmt: skip
    found = [frozenset(ALIASED.members(rule)) for rule in rules]
    assert len(set(found)) == len(rules)
    assert all(0 < len(one) < len(ALIASED.everybody()) for one in found)


def test_pages_of_any_size_are_the_same_people(aliased: None) -> None:
    rule = {"not": {"did": "none"}}
    whole = everyone(rule, limit=1000)
    assert len(whole) > 20
    assert [everyone(rule, limit=limit) for limit in (1, 2, len(whole), len(whole) + 1)] == [whole] * 4


def test_pages_are_of_the_moment_of_the_first_one(stored: None) -> None:
    """A window that ended a day later would show nobody of the next page again."""
    rules = read_rules({"did": {}, "within": "90m"})
    first = people_in(Audience(PROJECT, rules, NOW), cursor=None, limit=1)
    later = Audience(PROJECT, rules, NOW + timedelta(days=20))
    second = people_in(later, cursor=first.next_cursor, limit=1000)
    assert people_in(later, cursor=None, limit=1000).users == []
    assert {*first.users, *second.users} == World(EVENTS, NOW).members({"did": {}, "within": "90m"})


def test_a_page_neither_repeats_nor_hides_people_while_others_come(stored: None) -> None:
    rules = read_rules({"did": "buy"})
    audience = Audience(PROJECT, rules, NOW)
    before = everyone({"did": "buy"}, limit=1000)
    first = people_in(audience, cursor=None, limit=5)
    store_all(PROJECT, [event("a-newcomer", NOW, type="buy"), event("zz-newcomer", NOW, type="buy")])
    rest = people_in(audience, cursor=first.next_cursor, limit=1000)
    assert [*first.users, *rest.users] == sorted([*before, "zz-newcomer"], key=str.encode)


def test_a_file_has_everybody_once(aliased: None) -> None:
    rules = read_rules({"any": [{"did": "buy"}, {"trait": "plan:exists"}, {"did": {}, "within": "30d"}]})
    lines = export(Audience(PROJECT, rules, NOW)).read().decode().splitlines()
    wanted = ALIASED.members(wire(rules) or {})
    assert lines == ["userId", *sorted(wanted, key=str.encode)]


# --- in questions ---------------------------------------------------------------------------------------------


def scoped(project: int, **params: str) -> int:
    """Return how many events a question with these parameters is about."""
    asked = {name: [value] for name, value in params.items()}
    scope = parse_scope(project_id=project, params=asked, now=NOW, default_range="30d")
    words = Words()
    with bounded_cursor() as cursor:
        written = scope_sql(scope, words, people_of(cursor, project))
        text = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(written.events, written.condition)
        ((count,),) = cursor.execute(text, words.params).fetchall()
    return int(count)


@pytest.mark.parametrize("rule", [{"did": "buy", "within": "6h"}, {"not": {"trait": "plan:eq:pro"}}])
def test_a_question_is_about_the_events_of_the_people_in_a_segment(
    aliased: None, rule: dict[str, Any]
) -> None:
    create_segment(project_id=PROJECT, name="some", by="ada", rules=read_rules(rule))
    people, start = ALIASED.members(rule), END - timedelta(days=30)
    wanted = [e for e in EVENTS if start <= e.ts < END and ALIASED.person(e.user) in people]
    whole = [e for e in EVENTS if start <= e.ts < END]
    assert 0 < len(wanted) < len(whole)
    assert scoped(PROJECT, segment="some") == len(wanted)
    assert scoped(PROJECT) == len(whole)


def test_a_list_is_a_segment_too_whatever_id_somebody_is_listed_by(aliased: None) -> None:
    create_segment(project_id=PROJECT, name="vips", by="ada", users=["u1", "known", "never-seen"])
    people, start = {"u2", "known"}, END - timedelta(days=30)
    wanted = [e for e in EVENTS if start <= e.ts < END and ALIASED.person(e.user) in people]
    assert scoped(PROJECT, segment="vips") == len(wanted) > 0


def test_a_list_of_another_project_is_never_read(stored: None) -> None:
    theirs = create_segment(project_id=OTHER_PROJECT, name="theirs", by="ada", users=["u0", "foreign"])
    sizes = [size_of(Audience(number, Listed(theirs.pk), NOW)).people for number in (OTHER_PROJECT, PROJECT)]
    assert sizes == [2, 0]


def test_a_segment_of_another_project_is_none(stored: None) -> None:
    create_segment(project_id=OTHER_PROJECT, name="theirs", by="ada", rules=read_rules({"did": "buy"}))
    with pytest.raises(BadQuestion, match="no such segment"):
        scoped(PROJECT, segment="theirs")
    delete_segment(project_id=OTHER_PROJECT, name="theirs", by="test")
    with pytest.raises(BadQuestion, match="no such segment"):
        scoped(OTHER_PROJECT, segment="theirs")
