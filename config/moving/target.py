"""Whether the target may be written to: an empty database, or a copy of the same source that nobody has used."""

from __future__ import annotations

import time

from psycopg import sql

from config.bootstrap import OLDEST_SERVER
from config.lib import sqlfile
from config.moving import mark
from config.moving.compare import Link
from config.moving.ends import NAME
from config.moving.errors import MoveError
from config.moving.mark import Mark
from config.moving.tables import COPIED, MADE_BY_MIGRATE, NOT_COPIED

SQL = sqlfile.load(__file__, "target.sql")
_LOCK_SPACE = 7305
#: How often, and with which pause in seconds, clients are looked for before they count.
_LOOKS, _PAUSE = 20, 0.1
_EMPTY_ONE = "copy into an empty database"


def demand_fit(target: Link) -> None:
    """Raise MoveError where the server cannot hold a copy, or somebody else is at work there."""
    major, encoding = target.execute(SQL["server"]).fetchall()[0]
    if major < OLDEST_SERVER:
        raise MoveError(f"the target is PostgreSQL {major}: Sluice needs {OLDEST_SERVER} or newer")
    if encoding != "UTF8":
        raise MoveError(f"the target's encoding is {encoding}: make the database with ENCODING 'UTF8'")
    if not target.execute(SQL["lock"], {"space": _LOCK_SPACE}).fetchall()[0][0]:
        raise MoveError("another copy_to is at work on the target")
    if found := clients(target):
        raise MoveError(f"Sluice runs on the target ({', '.join(found)}): stop it there first")


def demand_ours(source: Link, target: Link) -> Mark | None:
    """Return the mark of an earlier copy, None where the target is empty. Raises MoveError where it is neither."""
    there = _tables(target)
    foreign = sorted(there - set(COPIED) - NOT_COPIED.keys())
    if foreign:
        raise MoveError(
            f"the target has tables that are not Sluice's ({', '.join(foreign[:3])}): {_EMPTY_ONE}"
        )
    ours = mark.identity(source)
    if _identity(target, there) == ours:
        raise MoveError("the target is the source, or was made from it by other means: " + _EMPTY_ONE)
    found = mark.read(target)
    if found is None:
        _demand_empty(target, there)
    elif found.copy_of != ours:
        raise MoveError(f"the target is a copy of another installation: {_EMPTY_ONE}")
    elif mark.left_at(target) != found.left:
        raise MoveError(f"the target was used since it was copied; copying would undo that: {_EMPTY_ONE}")
    return found


def clients(link: Link) -> list[str]:
    """Return the parts of Sluice that stay connected to a database, this program left out.

    A server takes a moment to notice that a client went, Django's connections of this very program among them.
    """
    for _ in range(_LOOKS):
        found = [name for (name,) in link.execute(SQL["clients"], {"ours": f"sluice {NAME}%"})]
        if not found:
            break
        time.sleep(_PAUSE)
    return found


def _tables(target: Link) -> set[str]:
    return {name for (name,) in target.execute(SQL["tables"])}


def _identity(target: Link, tables: set[str]) -> str | None:
    try:
        return mark.identity(target) if "django_migrations" in tables else None
    except IndexError:
        return None


def _demand_empty(target: Link, tables: set[str]) -> None:
    for table in sorted(tables & set(COPIED) - MADE_BY_MIGRATE):
        query = sql.SQL(SQL["has_rows"]).format(table=sql.Identifier(table))
        if target.execute(query).fetchall()[0][0]:
            raise MoveError(f"the target holds an installation of its own (rows in {table}): {_EMPTY_ONE}")
