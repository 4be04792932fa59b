"""Which events a question is about, whatever it asks of them: one project's, of a range, of some people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from psycopg import sql

from config.lib import sqlfile
from metrics.language.conditions import Words
from metrics.language.filters import Filter, parse_filters
from metrics.language.params import Params, check_texts, one
from metrics.language.people import People
from metrics.language.ranges import parse_range, parse_zone
from metrics.segments.compile import members
from metrics.segments.rules import Segment
from metrics.segments.selectors import segment_named

SQL = sqlfile.load(__file__, "scope.sql")


@dataclass(frozen=True, slots=True)
class Scope:
    """One project's events with start <= ts < end that meet every filter, of the people in a segment if there is one.

    `now` is the moment of the question: windows of a segment's rules end there. Without a segment it is no later than
    `end`.
    """

    project_id: int
    start: datetime
    end: datetime
    tz: ZoneInfo
    now: datetime
    filters: tuple[Filter, ...] = ()
    segment: Segment | None = None


def parse_scope(*, project_id: int, params: Params, now: datetime, default_range: str) -> Scope:
    """Read `range`, `tz`, `filter` and `segment`. Raises BadQuestion."""
    check_texts(params)
    tz = parse_zone(one(params, "tz") or "UTC")
    start, end = parse_range(one(params, "range") or default_range, tz, now)
    # Whole minutes, and nothing of what is over, so that equal questions are one question.
    name, minute = one(params, "segment"), now.replace(second=0, microsecond=0)
    return Scope(
        project_id=project_id,
        start=start,
        end=end,
        tz=tz,
        now=minute if name else min(minute, end),
        filters=parse_filters(params.get("filter", ())),
        segment=segment_named(project_id=project_id, name=name) if name else None,
    )


@dataclass(frozen=True, slots=True)
class ScopeSql:
    """A scope in a statement: `FROM {events} WHERE {condition}` reads its events as `e`."""

    events: sql.Composable
    condition: sql.Composable


def scope_sql(scope: Scope, words: Words, people: People) -> ScopeSql:
    """Return how a statement about these people reads the scope's events."""
    condition = sql.SQL(SQL["condition"]).format(
        project=words.bind(scope.project_id),
        start=words.bind(scope.start),
        end=words.bind(scope.end),
        filters=words.all_of([words.condition(one_) for one_ in scope.filters]),
        segment=in_segment(scope, words, people),
    )
    return ScopeSql(sql.SQL(SQL["events"]).format(aliases=people.aliases), condition)


def in_segment(scope: Scope, words: Words, people: People) -> sql.Composable:
    """Return the condition that a row of `e` is of a person in the scope's segment."""
    if scope.segment is None:
        return sql.SQL("true")
    inside = members(scope.segment.rules, words, people, project_id=scope.project_id, now=scope.now)
    return sql.SQL("{} IN ({})").format(people.person, inside)
