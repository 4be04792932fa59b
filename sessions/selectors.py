"""Reads sessions, for pages and the API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from config.lib import sqlfile
from config.lib.paging import Page, Position, page_of
from config.lib.postgres import bounded_cursor

SQL = sqlfile.load(__file__, "sessions.sql")


@dataclass(frozen=True, slots=True)
class Session:
    """One session. `entry` and `exit` are its first and last path (or URL, or event type)."""

    session_id: UUID
    user_id: str
    start: datetime
    end: datetime
    events: int
    entry: str
    exit: str

    @property
    def duration_seconds(self) -> float:
        """Return the time from the first event to the last; 0 for a single event."""
        return (self.end - self.start).total_seconds()


def list_sessions(
    *,
    project_id: int,
    user_ids: Sequence[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Session]:
    """Return sessions that start in start <= t < end, newest first, of everybody or of some ids. Raises BadCursor."""
    position = Position.read(cursor)
    params = {
        "project_id": project_id,
        "user_ids": list(user_ids) if user_ids is not None else None,
        "start": start,
        "end": end,
        "cursor_ts": position.ts,
        "cursor_id": position.id,
        "limit": limit + 1,
    }
    block = "list" if user_ids is None else "list_of"
    return page_of(_sessions(block, params), limit, lambda one: Position(one.start, one.session_id))


def get_session(*, project_id: int, session_id: UUID) -> Session | None:
    """Return one session, or None."""
    found = _sessions("get", {"project_id": project_id, "session_id": session_id})
    return found[0] if found else None


def waiting() -> int:
    """Return how many entries wait for their sessions to be rebuilt."""
    with bounded_cursor() as cursor:
        ((users,),) = cursor.execute(SQL["waiting"]).fetchall()
    return int(users)


def _sessions(block: str, params: dict[str, Any]) -> list[Session]:
    with bounded_cursor() as cursor:
        return [Session(*row) for row in cursor.execute(SQL[block], params).fetchall()]
