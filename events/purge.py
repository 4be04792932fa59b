"""Removes a project with everything that belongs to it."""

from __future__ import annotations

import logging

import psycopg
from psycopg import sql

from config.bi.access import forget_project
from config.lib import sqlfile
from config.lib.postgres import connect
from events.store.base import Store
from metrics.definitions import removal as definitions
from metrics.rollups.base import Rollups

logger = logging.getLogger(__name__)
SQL = sqlfile.load(__file__, "purge.sql")
#: Keys first: nothing new is accepted once gateways have forgotten them.
_BEFORE = ("api_key", "session_work", "session", "rollup_sessions_1h", "rollup_sessions_1d")
#: (table, what its rows belong to): they know their project by that alone.
_PARTS = (("alert_run", "alert"), ("share_link", "dashboard"), ("tile", "dashboard"))
_AFTER = (
    *("alert", "dashboard", "saved_question", "segment", "audit_entry"),
    *("user_trait", "user_alias", "observed_property", "project_answers"),
    *("event_key", "dead_letter", "import_job", "membership"),
    *("planned_type", "tracking_plan", "plan_violation"),
)


def purge_project(project_id: int, *, store: Store, rollups: Rollups) -> None:
    """Remove a project, its keys and all its data. A project that is gone already is no error.

    It is marked first; what claims find of it from then on counts as purged, so other projects never wait. The
    stages are emptied in transactions of their own: a removal that was interrupted goes on when it is asked for
    again. The outcome counters stay: they are the pipeline's books, not the project's data.
    """
    params = {"project_id": project_id}
    with connect(name="purge", autocommit=True, deadline=300) as connection:
        found = connection.execute(SQL["mark"], params).fetchone()
        if found is None:
            return
        connection.execute(SQL["barrier"], params)
        forget_project(connection, project_id)
        _empty(connection, _BEFORE, project_id)
        definitions.remove_ahead(connection, project_id)
        with connection.transaction():
            cursor = connection.cursor()
            rollups.erase(cursor, project_id=project_id)
            store.erase(cursor, project_id=project_id)
        _empty_parts(connection, project_id)
        _empty(connection, _AFTER, project_id)
        connection.execute(SQL["project"], params)
    logger.warning("project %s was removed with all its data", found[0])


def _empty_parts(connection: psycopg.Connection[tuple[object, ...]], project_id: int) -> None:
    for table, whole in _PARTS:
        names = {"table": table, "whole": whole, "key": f"{whole}_id"}
        quoted = {name: sql.Identifier(value) for name, value in names.items()}
        connection.execute(sql.SQL(SQL["parts"]).format(**quoted), {"project_id": project_id})


def _empty(
    connection: psycopg.Connection[tuple[object, ...]], tables: tuple[str, ...], project_id: int
) -> None:
    for table in tables:
        statement = sql.SQL(SQL["rows"]).format(table=sql.Identifier(table))
        connection.execute(statement, {"project_id": project_id})
