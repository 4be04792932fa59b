"""The engine of a database: what the server can do, decided once and recorded, checked ever after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import psycopg
from django.core.management.base import CommandError
from django.db import Error as DatabaseError

from config.lib import sqlfile

SQL = sqlfile.load(__file__, "engine.sql")
OLDEST_TIMESCALEDB = (2, 15)
AUTO = "auto"


class Level(StrEnum):
    """What the database does for us; each level can do what the one before can."""

    POSTGRES = "postgres"
    APACHE = "timescaledb-apache"
    COMMUNITY = "timescaledb"


_RANK = {level: rank for rank, level in enumerate(Level)}


class EngineError(CommandError):
    """The server is not what is needed; the message says what to ask of whom. Commands end with it as one line."""


class Cursor(Protocol):
    """The part of a cursor that is used here; Django's and psycopg's both have it."""

    def execute(self, query: Any, params: Any = None, /) -> Any:
        """Run a statement."""

    def fetchone(self) -> Any:
        """Return a row."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the server has. Versions are None where TimescaleDB is not created, or not installed."""

    version: str | None
    available: str | None
    licence: str | None
    may_create: bool
    role: str
    database: str

    @property
    def level(self) -> Level:
        """Return the highest level that this database can do now."""
        if self.version is None or _parts(self.version) < OLDEST_TIMESCALEDB:
            return Level.POSTGRES
        return Level.COMMUNITY if self.licence == "timescale" else Level.APACHE


def look(cursor: Cursor) -> Found:
    """Ask the server what it has."""
    cursor.execute(SQL["found"])
    return Found(*cursor.fetchone())


def recorded(cursor: Cursor) -> Level | None:
    """Return the level that the database was made for, or None before the first migrate."""
    cursor.execute(SQL["is_recorded"])
    if not cursor.fetchone()[0]:
        return None
    cursor.execute(SQL["recorded"])
    row = cursor.fetchone()
    return Level(row[0]) if row else None


def decide(cursor: Cursor, wish: str) -> Level:
    """Return the level to make a new database for, creating the extension where it is wanted.

    `wish` is `auto` (the highest there is) or a level. Raises EngineError where the server, the extension's
    version, the licence or the role's rights do not allow it.
    """
    found = look(cursor)
    if wish == Level.POSTGRES or (wish == AUTO and found.version is None and found.available is None):
        return Level.POSTGRES
    if found.version is None:
        _create_extension(cursor, found)
        found = look(cursor)
    if found.version is None or _parts(found.version) < OLDEST_TIMESCALEDB:
        raise EngineError(_too_old(found))
    if wish != AUTO and _RANK[Level(wish)] > _RANK[found.level]:
        raise EngineError(
            f"ENGINE asks for {wish}, but timescaledb.license is {found.licence!r}: {_ASK_LICENCE}"
        )
    return found.level if wish == AUTO else Level(wish)


def record(cursor: Cursor, choose: Callable[[], Level]) -> Level:
    """Return the recorded level; the first time, record the one that `choose` returns."""
    known = recorded(cursor)
    if known is not None:
        return known
    level = choose()
    cursor.execute(SQL["table"])
    cursor.execute(SQL["record"], {"level": level.value, "version": look(cursor).version})
    return level


def mismatch(cursor: Cursor) -> tuple[str, str] | None:
    """Return (what is wrong, what to do) where the server can no longer do what was recorded, else None."""
    level = recorded(cursor)
    found = look(cursor)
    if level is None:
        return None
    if _RANK[found.level] >= _RANK[level]:
        return None if level is Level.POSTGRES or _is_whole(cursor) else (_GUTTED, _RESTORE)
    if found.version is None:
        return f"The database was made for {level}, but has no extension timescaledb", _ask_extension(found)
    if _parts(found.version) < OLDEST_TIMESCALEDB:
        return f"The database was made for {level}; its TimescaleDB is too old", _too_old(found)
    return f"The database was made for {level}, but timescaledb.license is {found.licence!r}", _ASK_LICENCE


def _create_extension(cursor: Cursor, found: Found) -> None:
    """Create the extension. Asked before and not after: a server that did not preload it ends the connection."""
    if found.available is None:
        raise EngineError(
            "ENGINE asks for TimescaleDB, but the server does not have it: " + _ask_extension(found)
        )
    if not found.may_create:
        raise EngineError(f"the role {found.role} may not create extensions: " + _ask_extension(found))
    try:
        cursor.execute(SQL["create_extension"])
    except (DatabaseError, psycopg.Error) as error:
        reason = str(error).strip().splitlines()[0]
        raise EngineError(f"TimescaleDB cannot be created ({reason}): " + _ask_extension(found)) from None


def _is_whole(cursor: Cursor) -> bool:
    cursor.execute(SQL["is_whole"])
    return bool(cursor.fetchone()[0])


_GUTTED = (
    "The extension timescaledb was dropped here, and with it what it kept: `event` is no hypertable any more"
)
_RESTORE = "restore a backup, or use a new database"
_ASK_LICENCE = "ask the administrator for timescaledb.license = 'timescale', or move the data with copy_to"


def _ask_extension(found: Found) -> str:
    install = "" if found.available else "install TimescaleDB on the server, "
    return (
        f"ask the administrator to {install}put timescaledb in shared_preload_libraries and run CREATE EXTENSION "
        f"timescaledb in the database {found.database}; or set ENGINE=postgres for a new database"
    )


def _too_old(found: Found) -> str:
    oldest = ".".join(map(str, OLDEST_TIMESCALEDB))
    return (
        f"TimescaleDB {found.version} is older than {oldest}: ask the administrator for ALTER EXTENSION timescaledb "
        "UPDATE, or set ENGINE=postgres for a new database"
    )


def _parts(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: (2, 29, 2)."""
    numbers = []
    for part in version.split("-")[0].split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)
