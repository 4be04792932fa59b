"""Learns from the staged events of a claim who users are, and forgets it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import psycopg

from config.lib import sqlfile
from metrics.people.aliases import Joins, Said, joined, worth_knowing
from metrics.people.telemetry import aliases_left_out, traits_left_out

SQL = sqlfile.load(__file__, "services.sql")
Cursor = psycopg.Cursor[Any]
#: The types that say something of their user, and those that name another id of his.
IDENTIFY = ("identify", "$identify")
ALIAS = ("alias", "$create_alias")
#: How many traits of a user id are kept, and how many bytes of a value and of a name: an index holds names.
MOST_TRAITS, MOST_BYTES, MOST_NAME_BYTES = 200, 2048, 500
#: How many ids a person may have: who joins two people moves all ids of one of them.
MOST_IDS = 1000
#: Before any event's time.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Of advisory locks: one a project, for whoever changes its aliases.
_LOCK_SPACE = 7310


@dataclass(frozen=True, slots=True)
class Joined:
    """Ids of a project that stand for another person than before."""

    project_id: int
    ids: tuple[str, ...]


def learn(cursor: Cursor) -> list[Joined]:
    """Keep what the events in `staging` say of their users; return whose events are another's now.

    Nothing that an event holds makes this fail: what cannot be kept is left out, and counted.
    """
    row = cursor.execute(SQL["anything_said"], {"types": [*IDENTIFY, *ALIAS]}).fetchone()
    if not row or not row[0]:
        return []
    _keep_traits(cursor)
    types = {"identify": list(IDENTIFY), "types": [*IDENTIFY, *ALIAS]}
    pairs = cursor.execute(SQL["pairs"], types).fetchall()
    changes = []
    # In the order of their projects: the locks of several are taken in one order everywhere.
    for project_id, rows in groupby(pairs, key=lambda row: row[0]):
        said = worth_knowing(Said(*row) for _, *row in rows)
        if said and (ids := _join(cursor, project_id, said)):
            changes.append(Joined(project_id, ids))
    return changes


def forget(cursor: Cursor, *, project_id: int, ids: Iterable[str]) -> None:
    """Remove what is known of user ids, and who they stand for. Writers must be kept out."""
    params = {"project_id": project_id, "ids": sorted(ids)}
    cursor.execute(SQL["forget_traits"], params)
    cursor.execute(SQL["forget_aliases"], params)


def _keep_traits(cursor: Cursor) -> None:
    params = {
        "types": list(IDENTIFY),
        "epoch": _EPOCH,
        "most": MOST_TRAITS,
        "bytes": MOST_BYTES,
        "name_bytes": MOST_NAME_BYTES,
    }
    row = cursor.execute(SQL["keep_traits"], params).fetchone()
    if row and row[0]:
        traits_left_out.inc(row[0])


def _join(cursor: Cursor, project_id: int, said: Sequence[Said]) -> tuple[str, ...]:
    """Enter the aliases that are new; return the ids whose person is another now."""
    looked_at = _joins(cursor, project_id, said)
    aliases_left_out.inc(looked_at.left_out)
    # Most often nothing is new, and no processor need wait for another.
    if not looked_at.new:
        return ()
    cursor.execute(SQL["lock"], {"space": _LOCK_SPACE, "project_id": project_id})
    if not (new := _joins(cursor, project_id, said).new):
        return ()
    aliases = [one.alias for one in new]
    params = {
        "project_id": project_id,
        "aliases": aliases,
        "users": [one.user_id for one in new],
        "since": [one.ts for one in new],
    }
    moved = cursor.execute(SQL["enter"], params).fetchall()
    return tuple(sorted({alias for (alias,) in moved} | set(aliases)))


def _joins(cursor: Cursor, project_id: int, said: Sequence[Said]) -> Joins:
    ids = sorted({one_id for one in said for one_id in (one.alias, one.user_id)})
    found = cursor.execute(SQL["known"], {"project_id": project_id, "ids": ids}).fetchall()
    known = {one: person for one, person, _ in found if person != one}
    return joined(known, said, ids={person: ids for _, person, ids in found}, most=MOST_IDS)
