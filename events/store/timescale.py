"""The store on TimescaleDB: `event` is a hypertable, its chunks are whole UTC days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import psycopg
from django.conf import settings

from config.lib import sqlfile
from events.store.base import Cursor, Partition, Policy, days_between

SQL = sqlfile.load(__file__, "timescale.sql")
#: Fewer events than this make batches that are not worth a row of their own.
_LEAST = 1000
#: The extension first takes in rows beside the columns, and only when asked again small batches of columns.
_PASSES = 2
_DAY = timedelta(days=1)


class HypertableStore:
    """Chunks are made by the extension. Where its licence allows, old ones are turned into columns by a policy."""

    def __init__(self, *, columnstore: bool) -> None:
        self.can_compress = columnstore

    def prepare(self, cursor: Cursor, days: Sequence[date]) -> None:
        """Keep the chunks from being dropped until the commit; missing ones are made by the insert."""
        cursor.execute(SQL["hold"])

    def insert(self, cursor: Cursor) -> int:
        """Move the fresh events from `staging` into `event`: history straight into columns."""
        if not self._is_history(cursor):
            return cursor.execute(SQL["insert"]).rowcount
        cursor.execute(SQL["write_columns"])
        moved = cursor.execute(SQL["insert_columns"]).rowcount
        cursor.execute(SQL["write_rows"])
        return moved

    def partitions(self, cursor: Cursor) -> list[Partition]:
        """Return the chunks, newest first."""
        block = "chunks_and_columns" if self.can_compress else "chunks"
        return [Partition(*row) for row in cursor.execute(SQL[block]).fetchall()]

    def keep_writers_out(self, cursor: Cursor) -> None:
        """Let no event be written until the transaction ends."""
        cursor.execute(SQL["keep_out"])

    def drop_before(self, cursor: Cursor, day: date) -> list[date]:
        """Drop the chunks that end by `day`."""
        before = _midnight(day)
        old = [(start, end) for start, end in _ranges(cursor) if end <= before]
        cursor.execute(SQL["drop_before"], {"before": before})
        return sorted(one for start, end in old for one in days_between(start.date(), end.date() - _DAY))

    def last_edge(self, cursor: Cursor, day: date) -> date | None:
        """Return the end of the last chunk that ends by `day`."""
        return max((end.date() for _, end in _ranges(cursor) if end <= _midnight(day)), default=None)

    def compress(self, connection: psycopg.Connection[Any], day: date) -> bool:
        """Turn the chunk of `day` into columns, what came late to it included."""
        if not self.can_compress:
            return False
        passes = [self._compress_once(connection, day) for _ in range(_PASSES)]
        return any(passes)

    def erase(self, cursor: Cursor, *, project_id: int, user_id: str | None = None) -> int:
        """Remove a project's events, or those of one of its users."""
        if self.can_compress:
            cursor.execute(SQL["erase"])
        block = "erase_project" if user_id is None else "erase_user"
        return cursor.execute(SQL[block], {"project_id": project_id, "user_id": user_id}).rowcount

    def configure(self, cursor: Cursor) -> None:
        """Carry CHUNK_DAYS and COMPRESS_AFTER_DAYS over to the database."""
        interval = timedelta(days=settings.CHUNK_DAYS)
        if cursor.execute(SQL["chunk_interval"]).fetchone() != (interval,):
            cursor.execute(SQL["set_chunk_interval"], {"interval": interval})
        if self.can_compress:
            self._configure_columnstore(cursor)

    def policies(self, cursor: Cursor) -> list[Policy]:
        """Return the extension's jobs that work on our relations."""
        return [Policy(*row) for row in cursor.execute(SQL["policies"]).fetchall()]

    def _compress_once(self, connection: psycopg.Connection[Any], day: date) -> bool:
        return bool(connection.execute(SQL["compress"], {"day": _midnight(day)}).fetchall())

    def _is_history(self, cursor: Cursor) -> bool:
        """Tell whether the fresh events would soon be turned into columns anyway, and are worth it."""
        days = settings.COMPRESS_AFTER_DAYS
        if not (self.can_compress and days and settings.DIRECT_COMPRESS):
            return False
        # A chunk that spans several days may still take in events of the present.
        closed = {"least": _LEAST, "after": timedelta(days=days + settings.CHUNK_DAYS - 1)}
        found = cursor.execute(SQL["is_history"], closed).fetchone()
        return bool(found and found[0]) and self._can_insert_columns(cursor)

    def _can_insert_columns(self, cursor: Cursor) -> bool:
        row = cursor.execute(SQL["can_insert_columns"]).fetchone()
        return bool(row and row[0])

    def _configure_columnstore(self, cursor: Cursor) -> None:
        days = settings.COMPRESS_AFTER_DAYS
        wanted = (timedelta(days=days),) if days else None
        if cursor.execute(SQL["compress_after"]).fetchone() == wanted:
            return
        cursor.execute(SQL["remove_compression"])
        if wanted:
            cursor.execute(SQL["add_compression"], {"after": wanted[0]})


def _ranges(cursor: Cursor) -> list[tuple[datetime, datetime]]:
    return list(cursor.execute(SQL["ranges"]).fetchall())


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
