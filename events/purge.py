"""Removes a project with everything that belongs to it."""

from __future__ import annotations

import logging

from psycopg import sql

from config.lib import sqlfile
from config.lib.postgres import connect

logger = logging.getLogger(__name__)
SQL = sqlfile.load(__file__, "purge.sql")
#: Keys first: nothing new is accepted once gateways have forgotten them.
_TABLES = (
    "api_key",
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
)


def purge_project(project_id: int) -> None:
    """Remove a project, its keys and all its data. A project that is gone already is no error.

    It is marked first; what claims find of it from then on counts as purged, so other projects never wait. Each
    table is emptied in a transaction of its own: a removal that was interrupted goes on when it is asked for
    again. The outcome counters stay: they are the pipeline's books, not the project's data.
    """
    params = {"project_id": project_id}
    with connect(name="purge", autocommit=True, deadline=300) as connection:
        found = connection.execute(SQL["mark"], params).fetchone()
        if found is None:
            return
        connection.execute(SQL["barrier"], params)
        for table in _TABLES:
            connection.execute(sql.SQL(SQL["rows"]).format(table=sql.Identifier(table)), params)
        connection.execute(SQL["project"], params)
    logger.warning("project %s was removed with all its data", found[0])
