"""Celery's part in sessions."""

from celery import shared_task

from config.lib.postgres import connect
from sessions import services


@shared_task
def rebuild_touched() -> int:
    """Rebuild the sessions of every user that processors touched."""
    with connect(name="sessions", autocommit=True, deadline=120) as connection:
        return services.rebuild_touched(connection=connection)
