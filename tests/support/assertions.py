"""What must hold whatever happened: rollups and sessions equal the raw events, the books balance."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from config import engine
from config.lib.postgres import connect
from dlq.models import DeadLetter
from events.days import in_store
from events.selectors import balance
from tests.support.pipeline import catch_up, rows
from tests.support.sessions_model import SessionRow, sessions_of


def assert_rollups_equal_raw(first: date | None = None, last: date | None = None) -> None:
    """Compare every rollup with the raw events of the days in store, once they have caught up."""
    catch_up()
    with connect(name="test rollups") as link:
        for start, end in in_store(link, engine.store(), engine.rollups(), first=first, last=last):
            drift = engine.rollups().drift(link.cursor(), start, end)
            assert not drift, drift[:5]


def assert_no_rollup_beyond_raw(project_id: int) -> None:
    """Compare the sums over all time: a rollup row on a day without events would hide from a comparison by day."""
    raw = rows("SELECT count(*) FROM event WHERE project_id = %s", project_id)
    for grain in ("1m", "1h", "1d"):
        query = f"SELECT coalesce(sum(count), 0) FROM rollup_events_{grain} WHERE project_id = %s"
        assert rows(query, project_id) == raw, grain
    numbers = "SELECT count(*) FROM event WHERE project_id = %s AND jsonb_typeof(props -> 'value') = 'number'"
    for grain in ("1h", "1d"):
        query = f"SELECT coalesce(sum(n), 0) FROM rollup_values_{grain} WHERE project_id = %s"
        assert rows(query, project_id) == rows(numbers, project_id), grain


def assert_balanced() -> None:
    """Accepted events must all be stored, duplicates, dead letters, purged, or still in the bus."""
    books = balance()
    assert books.missing == 0, books


def assert_stored(project_id: int, *event_ids: str) -> None:
    """The project's events must be exactly these, once each."""
    found = rows("SELECT event_id::text FROM event WHERE project_id = %s ORDER BY 1", project_id)
    assert [one for (one,) in found] == sorted(event_ids)


def stored_sessions(project_id: int) -> list[SessionRow]:
    """Return the project's sessions as (user, start, end, events), sorted."""
    found = rows("SELECT user_id, start_ts, end_ts, events FROM session WHERE project_id = %s", project_id)
    return sorted((user, start, end, count) for user, start, end, count in found)


def assert_sessions_equal_raw(project_id: int) -> None:
    """The project's sessions, and their rollups, must be those of a computation from scratch over its raw events."""
    raw = rows("SELECT user_id, ts FROM event WHERE project_id = %s", project_id)
    expected = sessions_of([(user, ts) for user, ts in raw])
    assert stored_sessions(project_id) == expected
    assert_session_rollups(project_id, expected)


def assert_session_rollups(project_id: int, sessions: list[SessionRow]) -> None:
    """The rollups must count these sessions, by hour and day of their start, and no others."""
    for relation, width in (("rollup_sessions_1h", 3600), ("rollup_sessions_1d", 86_400)):
        columns = (
            "sum(sessions)::bigint, sum(events)::bigint, sum(bounces)::bigint, sum(microseconds)::bigint"
        )
        query = f"SELECT bucket, {columns} FROM {relation} WHERE project_id = %s GROUP BY bucket"
        kept = [(int(bucket.timestamp()), *sums) for bucket, *sums in rows(query, project_id) if any(sums)]
        counted: dict[int, list[int]] = {}
        for _, start, end, events in sessions:
            bucket = int(start.timestamp()) // width * width
            row = counted.setdefault(bucket, [0, 0, 0, 0])
            figures = (1, events, int(events == 1), (end - start) // timedelta(microseconds=1))
            row[:] = [kept_ + more for kept_, more in zip(row, figures, strict=True)]
        assert sorted(kept) == sorted((bucket, *row) for bucket, row in counted.items()), relation


def letters(project_id: int) -> list[DeadLetter]:
    """Return the project's dead letters, oldest first."""
    return list(DeadLetter.objects.filter(project_id=project_id).order_by("id"))


def day_span(day: date) -> tuple[datetime, datetime]:
    """Return the first moment of a UTC day and of the next."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return start, start + timedelta(days=1)
