"""Removes a project with everything that belongs to it."""

from __future__ import annotations

import logging

from psycopg import sql

from config.lib import sqlfile
from config.lib.postgres import connect
from events.reasons import Outcome

logger = logging.getLogger(__name__)
SQL = sqlfile.load(__file__, "purge.sql")
_TABLES = (
    "session_work",
    "session",
    "event",
    "event_key",
    "rollup_events_1m_slot",
    "rollup_events_1h_slot",
    "rollup_events_1d_slot",
    "rollup_users_1h",
    "rollup_users_1d",
    "dead_letter",
    "import_job",
    "membership",
    "api_key",
)


def purge_project(project_id: int) -> None:
    """Remove a project, its keys and all its data, in one transaction. A project that is gone already is no error.

    What a gateway that still remembers a key appends afterwards is counted as purged by the processor. The
    outcome counters stay: they are the pipeline's books, not the project's data.
    """
    params = {"project_id": project_id}
    with connect(name="purge", deadline=300) as connection:
        found = connection.execute(SQL["lock"], params).fetchone()
        if found is None:
            return
        waiting = connection.execute(SQL["bus"], params).fetchone()
        if waiting and waiting[0]:
            connection.execute(
                SQL["count_purged"], params | {"events": waiting[0], "outcome": Outcome.PURGED.value}
            )
        for table in _TABLES:
            connection.execute(sql.SQL(SQL["rows"]).format(table=sql.Identifier(table)), params)
        connection.execute(SQL["project"], params)
    logger.warning("project %s was removed with all its data", found[0])
