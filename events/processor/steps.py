"""The processor's own steps. Each runs inside the claim's transaction."""

from __future__ import annotations

from config.lib import sqlfile
from events.processor.work import Work
from events.reasons import Outcome
from events.store.base import Store

SQL = sqlfile.load(__file__, "staging.sql")


def admit(work: Work) -> Work:
    """Take out batches whose project was removed since they were accepted; their events count as purged."""
    wanted = sorted({one.batch.project_id for one in work.claimed})
    living = {row[0] for row in work.cursor.execute(SQL["living"], {"ids": wanted}).fetchall()}
    for one in work.claimed:
        if one.batch.project_id not in living:
            work.outcomes[one.batch.project_id, Outcome.PURGED] += one.batch.accepted
    work.rows = [part for part in work.rows if part.project_id in living]
    work.letters = [letter for letter in work.letters if letter.project_id in living]
    return work


def load(work: Work) -> Work:
    """Stream the batches' lines into the staging table, unread."""
    with work.cursor.copy(SQL["copy"]) as copy:
        for part in work.rows:
            copy.write(part.rows)
    work.loaded = work.cursor.rowcount
    return work


def dedup(work: Work) -> Work:
    """Enter the ids in the ledger; leave only fresh events in staging and count the others."""
    entered = work.cursor.execute(SQL["enter"]).rowcount
    if entered == work.loaded:
        return work
    work.cursor.execute(SQL["set_aside"])
    for project_id, same, events in work.cursor.execute(SQL["count_duplicates"]).fetchall():
        work.outcomes[project_id, Outcome.DUPLICATE if same else Outcome.CONFLICT] += events
    return work


class StoreStep:
    """Moves the fresh events into the store, making room for their days first."""

    __name__ = "store"

    def __init__(self, store: Store) -> None:
        self._store = store

    def __call__(self, work: Work) -> Work:
        """Insert and count what is stored."""
        days = [day for (day,) in work.cursor.execute(SQL["days"]).fetchall()]
        self._store.prepare(work.cursor, days)
        self._store.insert(work.cursor)
        for project_id, events in work.cursor.execute(SQL["count_fresh"]).fetchall():
            work.outcomes[project_id, Outcome.STORED] += events
        return work


def count(work: Work) -> Work:
    """Write the outcomes of this claim into the counters."""
    for (project_id, outcome), events in sorted(work.outcomes.items()):
        work.cursor.execute(
            SQL["count_outcome"],
            {"slot": work.slot, "project_id": project_id, "outcome": outcome.value, "events": events},
        )
    return work
