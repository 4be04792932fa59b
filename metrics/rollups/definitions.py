"""The rollups that are kept, declared once: writers, checks and the planner read this list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Rollup:
    """One relation: `grain` is its bucket, `measure` what a row of it counts."""

    relation: str
    grain: timedelta
    unit: str
    measure: str


EVENTS_1M = Rollup("rollup_events_1m", timedelta(minutes=1), "minute", "events")
EVENTS_1H = Rollup("rollup_events_1h", timedelta(hours=1), "hour", "events")
EVENTS_1D = Rollup("rollup_events_1d", timedelta(days=1), "day", "events")
USERS_1H = Rollup("rollup_users_1h", timedelta(hours=1), "hour", "users")
USERS_1D = Rollup("rollup_users_1d", timedelta(days=1), "day", "users")
VALUES_1H = Rollup("rollup_values_1h", timedelta(hours=1), "hour", "values")
VALUES_1D = Rollup("rollup_values_1d", timedelta(days=1), "day", "values")
SESSIONS_1H = Rollup("rollup_sessions_1h", timedelta(hours=1), "hour", "sessions")
SESSIONS_1D = Rollup("rollup_sessions_1d", timedelta(days=1), "day", "sessions")

#: Coarsest first.
EVENTS = (EVENTS_1D, EVENTS_1H, EVENTS_1M)
USERS = (USERS_1D, USERS_1H)
VALUES = (VALUES_1D, VALUES_1H)
#: By the start of a session. They follow the sessions and not the events: `sessions.rollups` keeps them.
SESSIONS = (SESSIONS_1D, SESSIONS_1H)
#: The property whose numbers are kept; those of others are read from the raw events. Migrations name it too.
VALUE_PROPERTY = "value"
