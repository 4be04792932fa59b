"""Writes tracking plans. Every change makes a new version, which is how gateways learn of it."""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction

from config.lib import clock, sqlfile
from events import audit
from events.models import PlannedType
from events.plan import bounds, trial
from events.plan.errors import BadPlan
from events.plan.modes import Mode, Unlisted
from events.plan.schema import Schema

SQL = sqlfile.load(__file__, "plan.sql")
MOST_TYPES = 500
#: What the schemas of one project may weigh together: gateways keep them compiled.
MOST_BYTES = 64 << 20
#: What they may be as texts together: a gateway reads all of them while somebody waits for an answer.
MOST_TEXT = 1 << 20
LONGEST_TYPE = 200
#: Days for which violations are counted by the hour.
KEPT_DAYS = 90


@transaction.atomic
def put_type(*, project_id: int, type: str, mode: Mode, schema: Any, by: str) -> PlannedType:
    """Say what events of a type look like, and what is done about those that do not. Raises BadPlan.

    `schema` is decoded JSON: the JSON Schema (draft 2020-12) of `props`.
    """
    _check_type(type)
    checked = checked_schema(schema)
    _next_version(project_id)
    _check_room(project_id, type, checked)
    row, _ = PlannedType.objects.update_or_create(
        project_id=project_id,
        type=type,
        defaults={"mode": mode, "schema": checked.text, "weight": checked.weight, "updated_by": by}
        | {"updated_at": clock.now()},
    )
    audit.record(by=by, action="plan.put_type", project_id=project_id, target=type, mode=mode.value)
    return row


@transaction.atomic
def delete_type(*, project_id: int, type: str, by: str) -> bool:
    """Take a type out of the plan; False where it is not in it."""
    deleted, _ = PlannedType.objects.filter(project_id=project_id, type=type).delete()
    if deleted:
        _next_version(project_id)
        audit.record(by=by, action="plan.remove_type", project_id=project_id, target=type)
    return bool(deleted)


def set_unlisted(*, project_id: int, unlisted: Unlisted, by: str) -> None:
    """Say what is done about events of types that the plan does not name."""
    _next_version(project_id, unlisted)
    audit.record(by=by, action="plan.set_unlisted", project_id=project_id, target=unlisted.value)


def forget_violations() -> int:
    """Forget the counts of violations that are older than KEPT_DAYS; return how many rows."""
    with connection.cursor() as cursor:
        cursor.execute(SQL["forget"], {"days": KEPT_DAYS})
        return int(cursor.rowcount)


def checked_schema(schema: Any) -> bounds.Checked:
    """Return a schema, decoded JSON, that may be part of a plan. Raises BadPlan where it may not."""
    checked = bounds.check(schema)
    trial.check(Schema(checked.text), checked.text)
    return checked


def _check_type(type: str) -> None:
    if not 1 <= len(type) <= LONGEST_TYPE or type != type.strip() or "\x00" in type:
        raise BadPlan(f"A type has 1 to {LONGEST_TYPE} characters, and no spaces around them.", field="type")


def _check_room(project_id: int, type: str, checked: bounds.Checked) -> None:
    with connection.cursor() as cursor:
        cursor.execute(SQL["room"], {"project_id": project_id, "type": type})
        types, weight, text = cursor.fetchone()
    if types >= MOST_TYPES:
        raise BadPlan(f"A plan may name at most {MOST_TYPES} types.", field="type")
    if text + len(checked.text) > MOST_TEXT:
        raise BadPlan(f"A plan's schemas may have at most {MOST_TEXT} bytes together.", field="schema")
    if weight + checked.weight > MOST_BYTES:
        raise BadPlan("The plan's schemas have too many patterns together.", field="schema")


def _next_version(project_id: int, unlisted: Unlisted | None = None) -> None:
    """Make the plan's next version; until the transaction ends nobody else changes this plan."""
    with connection.cursor() as cursor:
        cursor.execute(SQL["next_version"], {"project_id": project_id, "unlisted": unlisted})
