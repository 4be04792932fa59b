"""Writes the question who the people are that meet conditions on their traits, or are in a segment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from config.lib import sqlfile
from metrics.language.conditions import Words
from metrics.language.filters import Filter
from metrics.language.people import people_of
from metrics.segments.compile import members
from metrics.segments.rules import Segment

SQL = sqlfile.load(__file__, "listing.sql")


def list_statement(
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
