"""Keyset paging: a page, and the cursor that names its last row by time and id."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from config.lib.errors import SluiceError
from config.lib.texts import is_storable

T = TypeVar("T")


class BadCursor(SluiceError):
    """The cursor is not one of ours."""

    code = "bad_cursor"
    http_status = 400


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items, and the cursor of the next page, None on the last."""

    items: Sequence[T]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Position:
    """The row that a page ended with."""

    ts: datetime | None = None
    id: UUID | None = None

    @classmethod
    def read(cls, cursor: str | None) -> Position:
        """Return the position that `cursor` names; without one, the beginning. Raises BadCursor."""
        if not cursor:
            return cls()
        try:
            moment, _, id_text = read_cursor(cursor).partition("|")
            ts = datetime.fromisoformat(moment)
            if ts.tzinfo is None or not 1970 <= ts.year < 9999:
                raise ValueError("a cursor's time is an event's, with an offset")
            return cls(ts, UUID(id_text))
        except ValueError:
            raise BadCursor() from None

    def write(self) -> str:
        """Return the cursor for this position."""
        return write_cursor(f"{self.ts.isoformat() if self.ts else ''}|{self.id}")


def write_cursor(last: str) -> str:
    """Return the cursor that names what a page ended with."""
    return base64.urlsafe_b64encode(last.encode()).decode()


def read_cursor(cursor: str) -> str:
    """Return what a page ended with: any text that a database can be asked for. Raises BadCursor."""
    try:
        last = base64.urlsafe_b64decode(cursor.encode()).decode()
    except (binascii.Error, ValueError):
        raise BadCursor() from None
    if not is_storable(last):
        raise BadCursor()
    return last


def page_of(rows: Sequence[T], limit: int, position: Callable[[T], Position]) -> Page[T]:
    """Make a page of at most `limit` rows from a query that asked for one more."""
    items = rows[:limit]
    more = len(rows) > limit
    return Page(items, position(items[-1]).write() if more else None)
