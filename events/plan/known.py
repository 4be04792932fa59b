"""The plans that this process knows: looked up when a key's lookup tells of a newer version, and compiled once.

So a change reaches a gateway with its keys, within KEY_CACHE_SECONDS, and a project without a plan asks for nothing.
While it is looked up, or the database is away, the plan that is known goes on; a process that starts then reads what
was kept on disk. The connection is not that of the keys: a plan that takes too long must not hold them up.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings

from config.lib import sqlfile
from events.gateway import telemetry
from events.gateway.lookups import Lookups, connected
from events.plan.kept import KeptPlans
from events.plan.modes import Mode, Unlisted
from events.plan.rules import Plan, Planned

logger = logging.getLogger("sluice.plan")
SQL = sqlfile.load(__file__, "plan.sql")
#: How much of the time for an answer a lookup may take: 13 MB took 100 ms, a plan has 1 MB at most.
_SHARE = 0.25
#: Bytes that known plans may take once they are compiled, in each process.
_MOST_BYTES = 256 << 20

#: version, unlisted, and type, mode, schema, weight: as the database has them, None in a plan without a type.
Row = tuple[int, str, str | None, str | None, str | None, int | None]
Ask = Callable[[float], AbstractContextManager[psycopg.Cursor[Any]]]


class Plans:
    """Remembers plans by project; the one that was looked up first goes first."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._found: dict[int, Plan] = {}
        self._weight = 0
        self._lock = threading.Lock()
        self._asking: set[int] = set()
        self._disk: KeptPlans | None = None

    def keep_at(self, folder: Path) -> None:
        """Keep what is found on disk too, for processes that start while the database is away."""
        self._disk = KeptPlans(folder)

    def of(self, project_id: int, version: int) -> Plan | None:
        """Return the project's plan in `version` or a later one; an older one where it cannot be had. 0: no plan."""
        if not version:
            return None
        known = self._found.get(project_id)
        if known is not None and (known.version >= version or project_id in self._asking):
            return known
        self._asking.add(project_id)
        try:
            found = self._look_up(project_id)
        except psycopg.Error as error:
            return known or self._without_database(project_id, error)
        finally:
            self._asking.discard(project_id)
        self._remember(project_id, found)
        return found

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._found.clear()
            self._weight = 0

    def _look_up(self, project_id: int) -> Plan:
        with self._ask(settings.ACK_DEADLINE_MS / 1000 * _SHARE) as cursor:
            rows: list[Row] = cursor.execute(SQL["of_project"], {"project_id": project_id}).fetchall()
        if self._disk:
            self._disk.note(project_id, rows)
        return plan_from(rows)

    def _without_database(self, project_id: int, error: psycopg.Error) -> Plan | None:
        if self._disk and (plan := kept_plan(self._disk, project_id)):
            self._remember(project_id, plan)
            return plan
        # Rather stored and not looked at than refused: the plan can be applied later, an event is gone.
        logger.warning(
            "the plan of project %s is not known, its events are not looked at: %s", project_id, error
        )
        telemetry.plan_unchecked.inc()
        return None

    def _remember(self, project_id: int, plan: Plan) -> None:
        with self._lock:
            self._forget(project_id)
            while self._found and self._weight + plan.weight > _MOST_BYTES:
                self._forget(next(iter(self._found)))
            self._found[project_id] = plan
            self._weight += plan.weight

    def _forget(self, project_id: int) -> None:
        gone = self._found.pop(project_id, None)
        self._weight -= gone.weight if gone else 0


def plan_from(rows: Iterable[Row]) -> Plan:
    """Return the plan that these rows of the database are."""
    version, unlisted, types = 0, Unlisted.ALLOW, dict[str, Planned]()
    for version, word, kind, mode, schema, weight in rows:  # noqa: B007 (the last row's hold for all)
        unlisted = Unlisted(word)
        if kind is not None and mode and schema and weight:
            types[kind] = Planned(Mode(mode), schema, weight)
    return Plan(version, unlisted, types)


def kept_plan(disk: KeptPlans, project_id: int) -> Plan | None:
    """Return the plan that was kept on disk; None where there is none, or it cannot be read."""
    try:
        rows = disk.find(project_id)
        return plan_from(rows) if rows else None
    except (TypeError, ValueError):
        return None


lookups = Lookups(connected)
plans = Plans(lookups.cursor)
