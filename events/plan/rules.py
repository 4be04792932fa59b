"""A project's tracking plan as the gateway applies it to one event after the other."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from events.errors import Rejected
from events.plan.errors import BadPlan
from events.plan.modes import FLAG_PLAN, Mode, Unlisted
from events.plan.schema import Breach, Schema
from events.reasons import Reason

logger = logging.getLogger("sluice.plan")


@dataclass(frozen=True, slots=True)
class Planned:
    """What a plan says of one type: `schema` is JSON text, checked and weighed (`bounds`) when it was written."""

    mode: Mode
    schema: str
    weight: int


class Plan:
    """One version of a project's plan. Schemas are compiled when the first event needs them."""

    def __init__(self, version: int, unlisted: Unlisted, types: Mapping[str, Planned]) -> None:
        self.version = version
        self.unlisted = unlisted
        self.types = types
        self._compiled: dict[str, Schema | None] = {}

    @property
    def weight(self) -> int:
        """Return about how many bytes it takes in memory once all of it is compiled."""
        return sum(planned.weight for planned in self.types.values())

    def judge(self, kind: str, props: dict[str, Any] | None) -> int:
        """Return the flag of an event that breaks a plan which warns, else 0. Raises Rejected where it enforces."""
        planned = self.types.get(kind)
        if planned is None:
            return self._unlisted(kind)
        schema = self._schema(kind, planned)
        if planned.mode is Mode.OFF or schema is None:
            return 0
        if planned.mode is Mode.WARN:
            return 0 if schema.allows(props or {}) else FLAG_PLAN
        if breach := schema.breach(props or {}):
            raise _rejected(kind, breach)
        return 0

    def breach(self, kind: str, props: dict[str, Any]) -> Breach | None:
        """Return what the plan has against an event, whatever its mode; None where there is nothing."""
        planned = self.types.get(kind)
        if planned is None:
            return None if self.unlisted is Unlisted.ALLOW else _no_such_type()
        schema = self._schema(kind, planned)
        return schema.breach(props) if schema else None

    def _unlisted(self, kind: str) -> int:
        if self.unlisted is Unlisted.ENFORCE:
            raise _rejected(kind, _no_such_type())
        return FLAG_PLAN if self.unlisted is Unlisted.WARN else 0

    def _schema(self, kind: str, planned: Planned) -> Schema | None:
        """Return the compiled schema; None, said once, where today's library refuses what was fine when written."""
        if kind not in self._compiled:
            try:
                self._compiled[kind] = Schema(planned.schema)
            except BadPlan as error:
                logger.error("the schema of %r is not applied: %s", kind, error.message)
                self._compiled[kind] = None
        return self._compiled[kind]


def _no_such_type() -> Breach:
    return Breach("type", "This type is not in it.")


def _rejected(kind: str, breach: Breach) -> Rejected:
    return Rejected(
        Reason.PLAN_VIOLATION,
        breach.field,
        f"The tracking plan of `{kind}`: {breach.field}: {breach.message}",
    )
