"""A long history, made where it is stored: the server writes it day by day, and the product computes the rest from it.

The way in is left out, and with it the dedup ledger, which no question reads. Rollups, sessions and defined metrics are
computed by the product's own rebuilds, so every question is answered from what it is always answered from.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from config.lib import sqlfile

SQL = sqlfile.load(__file__, "history.sql")
#: Of the visits of `history.sql`: 1 to 15 events each.
_EVENTS_A_VISIT = 8
#: Metrics that the project defines.
DEFINED: dict[str, dict[str, Any]] = {
    "purchases": {
        "measure": "count",
        "match": {"type": ["purchase"], "filters": ["props.device:eq:phone"]},
        "dimensions": ["props.country"],
    },
    "amounts": {
        "measure": "p95",
        "property": "props.amount",
        "match": {"type": ["product_view"], "filters": []},
    },
    "shoppers": {"measure": "users", "match": {"type": ["add_to_cart", "purchase"], "filters": []}},
}


def fill(*, project_id: int, events: int, first: datetime, days: int, users: int, seed: float) -> int:
    """Write about `events` events over `days` from the midnight `first`, and all that follows; return how many.

    A history that is there already is left as it is.
    """
    from django.core.management import call_command

    if there := _stored(project_id):
        return there

    with timed("events written by the server"):
        _write(project_id, events, first, days, users, seed)
    with timed("rollups rebuilt"):
        call_command("rebuild_rollups")
    with timed("sessions rebuilt"):
        call_command("rebuild_sessions")
    with timed("defined metrics computed over history"):
        _define(project_id)
    _settle()
    return _stored(project_id)


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long something took."""
    started = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - started:.0f} s", flush=True)


def _write(project_id: int, events: int, first: datetime, days: int, users: int, seed: float) -> None:
    from config.engine import store
    from config.lib.postgres import connect

    visits = events // days // _EVENTS_A_VISIT
    with connect(name="bench history", autocommit=True, deadline=3600) as link:
        link.execute(SQL["seed"], {"seed": seed})
        for number in range(days):
            day = first + timedelta(days=number)
            params = {"project_id": project_id, "day": day, "users": users, "visits": visits}
            with link.transaction():
                store().prepare(link.cursor(), [day.date(), (day + timedelta(days=1)).date()])
                link.execute(SQL["day"], params)


def _define(project_id: int) -> None:
    from config.lib.postgres import connect
    from metrics.definitions.backfill import backfill
    from metrics.definitions.parse import read_definition
    from metrics.definitions.services import create

    for name, body in DEFINED.items():
        create(project_id=project_id, wanted=read_definition({"name": name, **body}), by="bench")
    with connect(name="bench definitions", autocommit=True, deadline=3600) as link:
        while backfill(link, seconds=60):
            pass


def _settle() -> None:
    """Do what autovacuum does in time."""
    from config.lib.postgres import connect

    with timed("VACUUM ANALYZE"), connect(name="bench vacuum", autocommit=True, deadline=3600) as link:
        link.execute("VACUUM ANALYZE")


def _stored(project_id: int) -> int:
    from config.lib.postgres import connect

    with connect(name="bench history", deadline=3600) as link:
        row = link.execute(SQL["stored"], {"project_id": project_id}).fetchone()
    return int(row[0]) if row else 0
