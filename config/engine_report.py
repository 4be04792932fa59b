"""What `manage.py engine` tells: what was recorded, what the server is now, what is stored, what ran."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from config.lib import engine, sqlfile
from config.lib.engine import Found, Level
from config.lib.postgres import connect
from events.jobs import Job, jobs
from events.selectors import partitions
from events.store.base import Cursor, Partition, ratio_of

SQL = sqlfile.load(__file__, "engine_report.sql")


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the database was made for; `version` is TimescaleDB's at that time."""

    level: Level
    version: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Stock:
    """What is in store: `ratio` is how many times smaller compression made what it took, None where that is not known.

    `rows` is what the rollups count: late events may be missing for seconds. Of days that only they know, an estimate.
    """

    partitions: int
    rows: int
    bytes: int
    compressed: int
    ratio: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything at once. `stock` is None and `jobs` empty where they cannot be asked for: see `problem`."""

    recorded: Recorded | None
    server: str
    found: Found
    problem: str
    hint: str
    capabilities: dict[str, bool]
    stock: Stock | None
    jobs: tuple[Job, ...]


def read_report() -> Report:
    """Ask the server. A database that was never migrated, or that does not fit, is told, not raised."""
    with connect(name="engine report", autocommit=True) as connection:
        cursor = connection.cursor()
        recorded, server, found = _recorded(cursor), _server(cursor), engine.look(cursor)
        problem, hint = _problem(cursor, recorded)
    level = recorded.level if recorded else found.level
    return Report(
        recorded=recorded,
        server=server,
        found=found,
        problem=problem,
        hint=hint,
        capabilities=capabilities(level),
        stock=None if problem else _stock([one.partition for one in partitions()]),
        jobs=() if problem else tuple(jobs()),
    )


def capabilities(level: Level) -> dict[str, bool]:
    """Return what the product uses of the database on a level."""
    return {
        "hypertable": level != Level.POSTGRES,
        "continuous aggregates": level == Level.COMMUNITY,
        "columnstore": level == Level.COMMUNITY,
    }


def as_json(report: Report) -> dict[str, Any]:
    """Return the report as JSON can hold it, times as Python's objects."""
    listed = [
        asdict(job) | {"every": job.every.total_seconds() if job.every else None} for job in report.jobs
    ]
    found = {"version": report.found.version, "licence": report.found.licence}
    found |= {"available": report.found.available}
    return asdict(report) | {"found": found, "jobs": listed}


def _recorded(cursor: Cursor) -> Recorded | None:
    if engine.recorded(cursor) is None:
        return None
    row = cursor.execute(SQL["recorded"]).fetchone()
    assert row
    return Recorded(Level(row[0]), row[1], row[2])


def _server(cursor: Cursor) -> str:
    row = cursor.execute(SQL["server"]).fetchone()
    assert row
    return str(row[0])


def _problem(cursor: Cursor, recorded: Recorded | None) -> tuple[str, str]:
    if recorded is None:
        return "Nothing is recorded: the database is empty", "run manage.py migrate"
    return engine.mismatch(cursor) or ("", "")


def _stock(found: list[Partition]) -> Stock:
    columns = [one for one in found if one.compressed]
    return Stock(
        partitions=len(found),
        rows=sum(max(one.rows, 0) for one in found),
        bytes=sum(one.bytes for one in found),
        compressed=len(columns),
        ratio=ratio_of(columns),
    )
