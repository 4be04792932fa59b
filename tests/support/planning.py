"""Tracking plans for tests."""

from __future__ import annotations

from typing import Any

from events.gateway.auth import keys
from events.plan.modes import Mode, Unlisted
from events.plan.services import put_type, set_unlisted
from tests.support.pipeline import rows

#: An order has an amount.
ORDER: dict[str, Any] = {
    "type": "object",
    "required": ["amount"],
    "properties": {"amount": {"type": "number", "minimum": 0}, "coupon": {"type": "string"}},
}


def plan(project_id: int, type: str = "order", mode: str = "enforce", schema: Any = ORDER) -> None:
    """Plan a type; gateways know of it at once."""
    put_type(project_id=project_id, type=type, mode=Mode(mode), schema=schema, by="ann")
    keys.clear()


def unlisted(project_id: int, mode: str) -> None:
    """Say what is done about types without a plan; gateways know of it at once."""
    set_unlisted(project_id=project_id, unlisted=Unlisted(mode), by="ann")
    keys.clear()


def order(user: str = "u1", **props: Any) -> dict[str, Any]:
    """Return an order as a client sends it."""
    return {"type": "order", "userId": user, "props": props}


def violations(project_id: int) -> dict[tuple[str, str], int]:
    """Return the counted violations by (type, mode)."""
    query = "SELECT type, mode, sum(events)::int FROM plan_violation WHERE project_id = %s GROUP BY 1, 2"
    return {(type, mode): events for type, mode, events in rows(query, project_id)}
