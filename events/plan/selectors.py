"""Reads plans and what broke them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection

from config.lib import sqlfile
from config.lib.postgres import bounded_cursor
from events.plan.known import plan_from
from events.plan.rules import Plan
from events.plan.schema import Breach

SQL = sqlfile.load(__file__, "plan.sql")
#: Types and events that are shown at most.
_MOST_TYPES, _MOST_EXAMPLES = 100, 20
#: Letters of any whole number that 64 bits hold.
_LONGEST_WHOLE = 20


@dataclass(frozen=True, slots=True)
class Violations:
    """Events of one type, or of one hour, that broke the plan: stored with a mark, or made a dead letter."""

    of: str | datetime
    warned: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class Example:
    """A stored event that broke the plan, and what today's plan has against it: None where that has changed."""

    event_id: UUID
    ts: datetime
    breach: Breach | None


def plan_of(cursor: psycopg.Cursor[Any], project_id: int) -> Plan:
    """Return the project's plan as it is now; version 0 where it never had one."""
    return plan_from(cursor.execute(SQL["of_project"], {"project_id": project_id}).fetchall())


def current_plan(project_id: int) -> Plan | None:
    """Return the plan as the last change left it, None where there never was one: also for imports and replays.

    Not asked of the readers' database, which may lag behind.
    """
    with connection.cursor() as cursor:
        cursor.execute(SQL["of_project"], {"project_id": project_id})
        plan = plan_from(cursor.fetchall())
    return plan if plan.version else None


def violations_by_type(*, project_id: int, start: datetime, end: datetime) -> list[Violations]:
    """Return the types whose events broke the plan in the hours of `start` <= hour < `end`, most first."""
    params = {"project_id": project_id, "start": start, "end": end, "limit": _MOST_TYPES}
    with bounded_cursor() as cursor:
        return [Violations(*row) for row in cursor.execute(SQL["by_type"], params).fetchall()]


def violations_by_hour(*, project_id: int, type: str, start: datetime, end: datetime) -> list[Violations]:
    """Return the hours in which events of a type broke the plan."""
    params = {"project_id": project_id, "type": type, "start": start, "end": end}
    with bounded_cursor() as cursor:
        return [Violations(*row) for row in cursor.execute(SQL["by_hour"], params).fetchall()]


def examples(*, project_id: int, type: str, start: datetime, end: datetime) -> Sequence[Example]:
    """Return the latest marked events of a type whose own time lies in the range."""
    params = {"project_id": project_id, "type": type, "start": start, "end": end, "limit": _MOST_EXAMPLES}
    with bounded_cursor() as cursor:
        plan = plan_of(cursor, project_id)
        rows = cursor.execute(SQL["examples"], params).fetchall()
    return [Example(event_id, ts, plan.breach(type, as_sent(props))) for event_id, ts, props in rows]


def as_sent(props: str) -> Any:
    """Return stored properties much as they came: the store writes 1e300 out, and comparing digits takes long."""
    return json.loads(
        props, parse_int=lambda digits: int(digits) if len(digits) <= _LONGEST_WHOLE else float(digits)
    )
