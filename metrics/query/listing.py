"""Lists people page by page: those who meet conditions on their traits, or are in a segment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from config.lib import sqlfile
from config.lib.paging import Page, read_cursor, write_cursor
from metrics.language.conditions import Words
from metrics.language.filters import Filter
from metrics.language.people import people_of
from metrics.people.selectors import Profile, profiles
from metrics.query.audience import HINT
from metrics.query.run import asking
from metrics.segments.compile import members
from metrics.segments.rules import Segment
from metrics.segments.weight import reads_events

SQL = sqlfile.load(__file__, "listing.sql")


def list_people(
    *,
    project_id: int,
    traits: Sequence[Filter] = (),
    segment: Segment | None = None,
    now: datetime,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Profile]:
    """Return people by their user id, those whose traits meet every condition.

    A condition's field is `props.NAME`, and means the trait NAME. Somebody is listed when his first session was made.
    Raises BadCursor, QuestionTooLarge or TooBusy.
    """
    after = read_cursor(cursor) if cursor else ""
    heavy = segment is not None and reads_events(segment.rules)
    with asking(heavy=heavy, hint=HINT if heavy else "") as (link, _):
        statement, params = _statement(link, project_id, traits, segment, now)
        rows = link.execute(statement, {**params, "after": after, "limit": limit + 1}).fetchall()
    people = [person for (person,) in rows]
    found = profiles(project_id=project_id, people=people[:limit])
    return Page(found, write_cursor(people[limit - 1]) if len(people) > limit else None)


def _statement(
    cursor: psycopg.Cursor[Any],
    project_id: int,
    traits: Sequence[Filter],
    segment: Segment | None,
    now: datetime,
) -> tuple[sql.Composed, dict[str, Any]]:
    """Return the statement and its parameters, but for `after` and `limit`. A condition's `props.NAME` is a trait."""
    words = Words()
    project = words.bind(project_id)
    if segment is not None:
        people = people_of(cursor, project_id)
        words.person = people.person
        inside = members(segment.rules, words, people, project_id=project_id, now=now)
        base = sql.SQL(SQL["of_segment"]).format(members=inside)
    elif present := next((one for one in traits if _needs_the_trait(one)), None):
        base = sql.SQL(SQL["holders"]).format(project=project, name=words.bind(_name(present)))
    else:
        base = sql.SQL(SQL["everybody"]).format(project=project)
    statement = sql.SQL(SQL["list"]).format(
        people=base,
        project=project,
        names=words.bind(sorted({_name(one) for one in traits})),
        conditions=words.all_of([words.condition(one) for one in traits]),
    )
    return statement, words.params


def _name(one: Filter) -> str:
    return one.field.removeprefix("props.")


def _needs_the_trait(one: Filter) -> bool:
    """Tell whether only somebody who has the trait can meet the condition."""
    return one.op != "ne" and not (one.op == "exists" and one.values[0] == "false")
