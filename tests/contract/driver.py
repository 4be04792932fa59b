"""An engine under test: what it stores and counts with, and how a test writes to it and asks it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from config import engine as root
from config.lib.engine import Level
from config.lib.postgres import connect
from events.processor import staging
from events.store.base import Store
from metrics.rollups.base import Rollups
from tests.contract.engines import Reach
from tests.contract.places import Place
from tests.support.emptying import empty_tables
from tests.support.pipeline import catch_up, copy_line, let_go

PROJECT = 77


@dataclass
class Engine:
    """An engine at work: Django's default connection means its database meanwhile."""

    reach: Reach
    level: Level
    store: Store
    rollups: Rollups
    link: psycopg.Connection[tuple[Any, ...]]

    def write(
        self,
        *moments: datetime,
        user: str = "u1",
        slot: int = 0,
        project: int = PROJECT,
        late: bool = True,
        props: str = "{}",
    ) -> None:
        """Stage an event for each moment and pass them through store and rollups, in one transaction.

        With `late` the rollups catch up with what is old.
        """
        with self.link.transaction():
            cursor = self.link.cursor()
            with cursor.copy(staging.SQL["copy"]) as copy:
                for moment in moments:
                    copy.write(copy_line(project, user=user, ts=moment.isoformat(), props=props) + b"\n")
            self.store.prepare(cursor, sorted({moment.date() for moment in moments}))
            self.store.insert(cursor)
            self.rollups.apply(cursor, slot)
        if late:
            catch_up()

    def ask(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self.link.execute(query, params).fetchall()

    def drift(self, start: datetime, end: datetime) -> list[Any]:
        """Compare rollups and raw events."""
        return self.rollups.drift(self.link.cursor(), start, end)


@contextmanager
def at_work(place: Place, reach: Reach) -> Iterator[Engine]:
    """Give the engine of `place` with an empty database, and leave it empty."""
    with place.as_default():
        try:
            with connect(name="contract", autocommit=True) as link:
                staging.create(link)
                yield Engine(reach, root.level(), root.store(), root.rollups(), link)
        finally:
            let_go()
            empty_tables()
