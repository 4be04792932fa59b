"""What must hold when everything sent is acknowledged and everything acknowledged is processed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from chaos.oracle import Oracle, SyncedLog
from chaos.sessions import sessions_of
from config.lib import sqlfile

SQL = sqlfile.load(__file__, "checks.sql")
#: The relations that questions read, the same on every engine.
_ROLLUPS = (
    ("wrong_counts", "rollup_events_1m", "minute"),
    ("wrong_counts", "rollup_events_1h", "hour"),
    ("wrong_counts", "rollup_events_1d", "day"),
    ("wrong_users", "rollup_users_1h", "hour"),
    ("wrong_users", "rollup_users_1d", "day"),
    ("wrong_values", "rollup_values_1h", "hour"),
    ("wrong_values", "rollup_values_1d", "day"),
)
#: Beyond this many events one check computes the sessions of one in so many users, another the next.
_ALL_SESSIONS, SHARES = 60_000, 12

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken: how often, and what with."""

    kind: str
    count: int
    examples: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.count} ({self.examples})"


class Checker:
    """Checks one instance against its oracle. `projects` are the ids that the oracle knows all about."""

    def __init__(self, connection: Connection, oracle: Oracle, projects: Sequence[int]) -> None:
        self._connection = connection
        self._oracle = oracle
        self._projects = list(projects)
        connection.execute(SQL["create"])

    def load(self) -> None:
        """Bring the oracle's tables up to its logs. What a crash took away is loaded again."""
        self._load("sent", "copy_sent", self._oracle.sent_log)
        self._load("acknowledged", "copy_acknowledged", self._oracle.acknowledged_log)

    def _load(self, name: str, block: str, log: SyncedLog) -> None:
        with self._connection.transaction(), self._connection.cursor() as cursor:
            row = cursor.execute(SQL["loaded"], {"log": name}).fetchone()
            assert row, "`create` has made the row"
            with log.path.open("rb") as file, cursor.copy(SQL[block]) as copy:
                file.seek(row[0])
                while piece := file.read(1 << 20):
                    copy.write(piece)
                end = file.tell()
            cursor.execute(SQL["note_loaded"], {"log": name, "bytes": end})

    # --- the promises -----------------------------------------------------------------------------------------

    def events(self) -> Iterator[Violation]:
        """Acknowledged is stored or dead, once; stored was sent, with that payload."""
        letters = self._letters()
        known = {event_id for event_id, _ in letters if event_id}
        params = {"projects": self._projects, "dead": sorted(known)}
        for verdict, count, examples in self._connection.execute(SQL["reconcile"], params):
            yield Violation(verdict, count, ", ".join(examples))
        yield from self._dead(letters)

    def _dead(self, letters: list[tuple[str, str]]) -> Iterator[Violation]:
        """The dead letters are those that the campaign meant to be, each once."""
        condemned = self._oracle.condemned
        wrong = [why for event_id, why in letters if event_id not in condemned]
        if wrong:
            yield Violation("dead without a cause", len(wrong), "; ".join(wrong[:3]))
        if missing := condemned - {event_id for event_id, _ in letters}:
            yield Violation(
                "poison not in the dead-letter queue", len(missing), ", ".join(sorted(missing)[:3])
            )
        if twice := len(letters) - len(wrong) - len(condemned - missing):
            yield Violation("dead letters doubled", twice, "")

    def _letters(self) -> list[tuple[str, str]]:
        """Return (event id, what is said of it) of every dead letter; no id where it cannot be told."""
        rows = self._connection.execute(SQL["letters"], {"projects": self._projects}).fetchall()
        return [(_id_in(raw), f"{stage} {reason}: {message}") for _, stage, reason, message, raw in rows]

    def rollups(self) -> Iterator[Violation]:
        """Every rollup equals the raw events."""
        with self._connection.transaction():
            for block in ("raw_counts", "raw_users", "raw_values"):
                self._connection.execute(SQL[block])
            for block, relation, unit in _ROLLUPS:
                query = sql.SQL(SQL[block]).format(relation=sql.Identifier(relation), unit=sql.Literal(unit))
                row = self._connection.execute(query).fetchone()
                if row and row[0]:
                    yield Violation(f"wrong buckets in {relation}", row[0], "; ".join(row[1]))

    def sessions(self, share: int | None) -> Iterator[Violation]:
        """The sessions are those that the stored events make; `share` picks users where there are many events."""
        few = share is None or self._oracle.sent < _ALL_SESSIONS
        shares = {"shares": 1, "share": 0} if few else {"shares": SHARES, "share": (share or 0) % SHARES}
        for project in self._projects:
            params = {"project_id": project} | shares
            expected = sessions_of(self._rows("events_of_users", params))
            found = set(self._rows("sessions_of_users", params))
            if wrong := expected ^ found:
                examples = "; ".join(_said(row, row in expected) for row in sorted(wrong)[:3])
                yield Violation("wrong sessions", len(wrong), examples)

    def books(self, spooled: int) -> Iterator[Violation]:
        """Accepted is what the outcomes add up to, nothing waits, and nothing acknowledged is missing in accepted."""
        books: dict[str, int] = dict(self._connection.execute(SQL["books"]).fetchall())
        accepted, waiting = books.pop("accepted"), books.pop("waiting")
        said = json.dumps({"accepted": accepted, "waiting": waiting, "spooled": spooled, **books})
        missing = accepted - waiting - sum(books.values())
        if missing or waiting or spooled:
            yield Violation("books off", abs(missing) or waiting + spooled, said)
        if accepted < self._oracle.answered:
            yield Violation("acknowledged, but not in the books", self._oracle.answered - accepted, said)

    def _rows(self, block: str, params: dict[str, Any]) -> list[Any]:
        return self._connection.execute(SQL[block], params).fetchall()


def _id_in(raw: bytes) -> str:
    """Return the event id in a dead letter's bytes, which may be JSON or a damaged COPY line."""
    text = bytes(raw).decode("utf-8", "replace")
    try:
        return str(json.loads(text)["eventId"])
    except (ValueError, TypeError, KeyError):
        pass
    fields = text.split("\t")
    return _uuid(fields[1]) if len(fields) > 1 else ""


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""


def _said(row: tuple[str, datetime, datetime, int], expected: bool) -> str:
    user, start, end, count = row
    return f"{user} {start:%d %H:%M:%S} to {end:%d %H:%M:%S}, {count} events {'missing' if expected else 'extra'}"
