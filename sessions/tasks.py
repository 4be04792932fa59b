"""Celery's part in sessions."""

from celery import shared_task

from config.engine import own_bus
from config.lib.postgres import connect
from sessions import services

#: Late events and housekeeping share the worker with sessions.
_SECONDS = 5.0


@shared_task
def rebuild_touched() -> int:
    """Rebuild the sessions of every user that processors touched, unless ingest should go first."""
    with connect(name="sessions", autocommit=True, deadline=120) as connection:
        if services.should_wait(connection=connection, events_waiting=own_bus().depth().events):
            return 0
        return services.rebuild_touched(connection=connection, seconds=_SECONDS)
