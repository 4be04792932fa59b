"""Rollups on TimescaleDB Community: continuous aggregates, each refreshed by a policy and, where it is late, by us.

An aggregate is in two parts. Below its watermark it shows what was materialized, above it the raw events. So what is
fresh counts at once, and what comes later than the policies' lag only after a refresh of its span: every claim notes
its spans in its own transaction, and `catch_up` refreshes them. Until then `rollup_pending` says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, LiteralString

from psycopg import sql

from config.lib import sqlfile
from metrics.rollups import bounds, policies, refresh
from metrics.rollups.aggregates import ALL_USERS, DIRECT, FINER, IN_ORDER
from metrics.rollups.base import Connection, Cursor, Drift, Row
from metrics.rollups.definitions import VALUE_PROPERTY, Rollup
from metrics.rollups.drift import drift
from metrics.rollups.restore import replace_span

SQL = sqlfile.load(__file__, "timescale.sql")
#: How staged events are added to sealed days.
_ADD = {"events": "add_counts", "users": "add_users", "values": "add_values"}


class ContinuousAggregates:
    """The relations of `definitions` are the aggregates themselves."""

    can_lag = True

    def apply(self, cursor: Cursor, slot: int) -> None:
        """Note where the fresh events in `staging` lie; add those of sealed days, which no refresh will see."""
        cursor.execute(SQL["note"])
        row = cursor.execute(SQL["has_sealed"]).fetchone()
        if row and row[0]:
            self._add_to_sealed(cursor)

    def catch_up(self, connection: Connection) -> bool:
        """Refresh what was noted and is late. False where another does it, a policy is in the way, or more is left."""
        return refresh.catch_up(connection)

    def drift(self, cursor: Cursor, start: datetime, end: datetime) -> list[Drift]:
        """Compare every bucket of the whole UTC days from `start` to `end` with the raw events."""
        return drift(cursor, start, end)

    def rebuild(self, connection: Connection, start: datetime, end: datetime) -> None:
        """Compute the whole UTC days from `start` to `end` again; waits for policies that are at work."""
        refresh.rebuild(connection, start, end)

    def keep_refreshes_out(self, cursor: Cursor) -> None:
        """Wait for our own refreshes, and let none begin until the transaction ends."""
        refresh.keep_out(cursor)

    def seal(self, cursor: Cursor, day: date) -> bool:
        """Mark the days before `day`, unless an event of them is only noted, or a policy still reaches them."""
        params = {"day": bounds.midnight(day), "direct": [one.relation for one in DIRECT]}
        row = cursor.execute(SQL["is_settled"], params).fetchone()
        if not row or not row[0]:
            return False
        bounds.seal(cursor, day)
        return True

    def sealed_before(self, cursor: Cursor) -> date | None:
        """Return the day before which nothing is ever refreshed."""
        return bounds.sealed_before(cursor)

    def restore(
        self, cursor: Cursor, rollup: Rollup, span: tuple[datetime, datetime], rows: Iterable[Row]
    ) -> None:
        """Put the rows into the table below the aggregate, and into the finer one that it is computed from."""
        tables, kept = self._tables(cursor), list(rows) if rollup in FINER else rows
        for one in (rollup, FINER.get(rollup)):
            if one is not None:
                replace_span(cursor, one, sql.Identifier(*tables[one.relation]), span, kept)

    def uncover(self, connection: Connection, day: date) -> None:
        """Move the watermarks to `day`: what lies above one is looked for in the raw events only.

        A refresh moves a watermark where it finds an event, and no other way does; so it is given one for a moment.
        """
        start = bounds.midnight(day)
        for block in ("lend_event", "take_event_back"):
            connection.execute(SQL[block], {"ts": start})
            self.rebuild(connection, start, start + timedelta(days=1))

    def erase(self, cursor: Cursor, *, project_id: int) -> None:
        """Remove a project."""
        self._erase(cursor, "erase_project", IN_ORDER, {"project_id": project_id, "ids": None})

    def erase_ids(self, cursor: Cursor, *, project_id: int, ids: Sequence[str]) -> None:
        """Take the ids out of the sets now, and out of all else at the next catching up."""
        self._erase(cursor, "erase_user", ALL_USERS, {"project_id": project_id, "ids": list(ids)})

    def _erase(
        self, cursor: Cursor, block: LiteralString, rollups: Sequence[Rollup], params: Mapping[str, Any]
    ) -> None:
        # A refresh at work may have read what is about to go: its spans are refreshed once more.
        cursor.execute(SQL["note_erased"], params)
        for rollup in rollups:
            cursor.execute(self._on(cursor, block, rollup), params)

    def configure(self, cursor: Cursor) -> None:
        """Make the policies what the settings say."""
        policies.configure(cursor)

    def _add_to_sealed(self, cursor: Cursor) -> None:
        for rollup in IN_ORDER:
            query = self._on(cursor, _ADD[rollup.measure], rollup)
            cursor.execute(query, {"property": VALUE_PROPERTY})

    def _on(self, cursor: Cursor, block: str, rollup: Rollup) -> sql.Composed:
        table = sql.Identifier(*self._tables(cursor)[rollup.relation])
        return sql.SQL(SQL[block]).format(table=table, width=sql.Literal(rollup.grain))

    def _tables(self, cursor: Cursor) -> dict[str, tuple[str, str]]:
        """Return the table below each aggregate. Rows written to sealed days stay: no events are read there."""
        found = cursor.execute(SQL["tables"]).fetchall()
        return {view: (schema, name) for view, schema, name in found}
