"""One history in both: stored by the product, with its metrics and segments, and loaded into DuckDB."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from config.lib.postgres import connect
from metrics.definitions.backfill import backfill
from metrics.definitions.parse import read_definition
from metrics.definitions.services import create
from metrics.segments.reading import read_rules
from metrics.segments.services import create_segment
from tests.oracle import segments
from tests.oracle.duck import Asked, Duck
from tests.oracle.grounds import Ground
from tests.oracle.metrics import definition
from tests.oracle.questions import KINDS, Question
from tests.support.tenants import Tenant


@dataclass(frozen=True)
class World:
    """A tenant of the product's and the same history in DuckDB."""

    tenant: Tenant
    duck: Duck

    def check(self, question: Question) -> None:
        """Ask both and compare."""
        kind = KINDS[question.kind]
        answer = self.tenant.get(kind.PATH, **question.params | kind.EXTRA)
        body = json.loads(answer.content)
        assert answer.status_code == 200, (question, body)
        kind.check(self.duck, Asked(question.params), body)

    def check_segment(self, name: str) -> None:
        """Compare who is in a segment, page by page, and how many they are."""
        wanted = segments.people(self.duck, name)
        found = _paged(self.tenant, f"/api/segments/{name}/users", "users", limit=50)
        assert sorted(one["userId"] for one in found) == wanted
        assert self.tenant.get(f"/api/segments/{name}/size").json()["size"] == len(wanted)


def store(tenant: Tenant, ground: Ground, parts: Sequence[Callable[[], object]]) -> None:
    """Store a history part by part; half of the metrics are defined before it, the others when some of it is there."""
    names = list(ground.defined)
    _define(tenant, ground, names[::2])
    parts[0]()
    _define(tenant, ground, names[1::2])
    for part in parts[1:]:
        part()
    _compute_history()
    for name, rules in ground.segments.items():
        create_segment(project_id=tenant.id, name=name, by="ann", rules=read_rules(rules))
    with connection.cursor() as cursor:
        # As autovacuum does within a minute of so many rows.
        cursor.execute("ANALYZE")


def _define(tenant: Tenant, ground: Ground, names: Sequence[str]) -> None:
    for name in names:
        wanted = read_definition(definition(name, ground.defined[name]))
        create(project_id=tenant.id, wanted=wanted, by="ann")


def _compute_history() -> None:
    """Compute the defined metrics over what came before them, as Celery would."""
    with connect(name="oracle definitions", autocommit=True) as link:
        while backfill(link, seconds=60):
            pass


def _paged(tenant: Tenant, path: str, name: str, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = tenant.get(path, **query).json()
        found += page[name]
        if page["nextCursor"] is None:
            return found
        query["cursor"] = page["nextCursor"]
