"""Removes a project with everything that belongs to it."""

from __future__ import annotations

import logging

from psycopg import sql

from config.lib import sqlfile
from config.lib.postgres import connect
from events.models import ApiKey, Project

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
)


def purge_project(project_id: int) -> None:
    """Remove a project: its keys first, then what waits in the bus, then every row, then the project.

    The outcome counters stay: they are the pipeline's books, not the project's data.
    """
    project = Project.objects.get(pk=project_id)
    ApiKey.objects.filter(project=project).delete()
    params = {"project_id": project_id}
    with connect(name="purge", deadline=300) as connection:
        row = connection.execute(SQL["bus"], params).fetchone()
        if row and row[0]:
            connection.execute(SQL["count_purged"], params | {"events": row[0]})
        for table in _TABLES:
            connection.execute(sql.SQL(SQL["rows"]).format(table=sql.Identifier(table)), params)
    project.delete()
    logger.warning("project %s was removed with all its data", project.slug)
