"""Who is in a segment: how many, who they are page by page, and all of them as a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import psycopg
from psycopg import sql

from config.lib import sqlfile
from config.lib.paging import BadCursor, read_cursor, write_cursor
from metrics.language.conditions import Words
from metrics.language.people import people_of
from metrics.query.remember import remembered
from metrics.query.run import asking
from metrics.segments.compile import members
from metrics.segments.rules import Rule
from metrics.segments.weight import reads_events

SQL = sqlfile.load(__file__, "audience.sql")
#: What makes such a question smaller.
HINT = "Rules with `within` or `range` read less."
#: Seconds that a size is kept, and bytes of a file that are kept in memory.
KEPT_SECONDS, _IN_MEMORY = 5, 1 << 20


@dataclass(frozen=True, slots=True)
class Audience:
    """Those of a project who meet rules at a moment."""

    project_id: int
    rules: Rule
    now: datetime

    @classmethod
    def at(cls, now: datetime, *, project_id: int, rules: Rule) -> Audience:
        """Return an audience as of the minute of `now`: equal questions of one minute are one question."""
        return cls(project_id, rules, now.replace(second=0, microsecond=0))


@dataclass(frozen=True, slots=True)
class Size:
    """How many people; `as_of` is the moment up to which every accepted event is in it."""

    people: int
    as_of: datetime
    cached: bool = False


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """Some people, and the cursor of the next page, None on the last."""

    users: Sequence[str]
    next_cursor: str | None
    as_of: datetime


def size_of(audience: Audience) -> Size:
    """Return how many people there are. Raises QuestionTooLarge or TooBusy."""
    size, cached = remembered(audience, KEPT_SECONDS, lambda: _count(audience))
    return replace(size, cached=cached)


def people_in(audience: Audience, *, cursor: str | None, limit: int) -> PeoplePage:
    """Return some of the people. All pages are of the moment of the first.

    Raises BadCursor, QuestionTooLarge or TooBusy.
    """
    after = ""
    if cursor:
        now, after = _position(cursor)
        audience = replace(audience, now=now)
    with asking(heavy=reads_events(audience.rules), hint=HINT) as (link, seen):
        statement, params = _written("page", link, audience, after=after, limit=limit + 1)
        found = [person for (person,) in link.execute(statement, params).fetchall()]
    users, more = found[:limit], len(found) > limit
    return PeoplePage(users, _cursor(audience.now, users[-1]) if more else None, seen.as_of)


def export(audience: Audience) -> IO[bytes]:
    """Return all the people as an open CSV file, at its beginning. Raises QuestionTooLarge or TooBusy.

    The database is done when this returns: whoever reads slowly keeps a file, and no connection.
    """
    file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - the answer closes it
    with asking(heavy=reads_events(audience.rules), hint=HINT) as (link, _):
        statement, params = _written("export", link, audience)
        with link.copy(statement, params) as rows:
            for piece in rows:
                file.write(piece)
    file.seek(0)
    return file


def _count(audience: Audience) -> Size:
    with asking(heavy=reads_events(audience.rules), hint=HINT) as (link, seen):
        statement, params = _written("size", link, audience)
        ((people,),) = link.execute(statement, params).fetchall()
    return Size(people, seen.as_of)


def _written(
    block: str, link: psycopg.Cursor[Any], audience: Audience, **values: Any
) -> tuple[sql.Composed, dict[str, Any]]:
    """Return a statement about an audience and the values of its parameters."""
    words, people = Words(), people_of(link, audience.project_id)
    found = members(audience.rules, words, people, project_id=audience.project_id, now=audience.now)
    bound = {name: words.bind(value) for name, value in values.items()}
    return sql.SQL(SQL[block]).format(members=found, **bound), words.params


def _cursor(now: datetime, person: str) -> str:
    return write_cursor(f"{now.isoformat()}|{person}")


def _position(cursor: str) -> tuple[datetime, str]:
    try:
        moment, _, person = read_cursor(cursor).partition("|")
        now = datetime.fromisoformat(moment).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadCursor() from None
    if not 1980 <= now.year < 2200:
        raise BadCursor()
    return now, person
