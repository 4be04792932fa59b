"""Tenants: a project with its keys, in the test's database or in a running Sluice."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.test import Client

from events.models import ApiKey
from events.services import create_key, create_project
from tests.support import http
from tests.support.instance import RunningSluice

_SCRIPT = """
import json, uuid
from events.models import ApiKey
from events.services import create_key, create_project, revoke_key
made = {}
for name in %(names)r:
    project = create_project(slug=f"{name}-{uuid.uuid4().hex[:8]}")
    keys = {kind: create_key(project=project, kind=kind) for kind in ("write", "read")}
    revoked = create_key(project=project, kind="write", label="revoked")
    revoke_key(key=ApiKey.objects.get(token=revoked))
    made[name] = {"slug": project.slug, "revoked_key": revoked} | {f"{kind}_key": key for kind, key in keys.items()}
print("MADE" + json.dumps(made))
"""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A project in the test's own database, spoken to through Django's test client."""

    id: int
    slug: str
    write_key: str
    read_key: str

    @classmethod
    def make(cls, slug: str) -> Tenant:
        """Make the project and its keys."""
        project = create_project(slug=slug)
        write, read = (
            create_key(project=project, kind=kind) for kind in (ApiKey.Kind.WRITE, ApiKey.Kind.READ)
        )
        return cls(project.pk, slug, write, read)

    def send(self, events: Any, **extra: Any) -> Any:
        """POST events as JSON; `extra` are headers as WSGI names them."""
        body = events if isinstance(events, bytes) else json.dumps(events).encode()
        content_type = extra.pop("content_type", "application/json")
        headers = {"HTTP_AUTHORIZATION": f"Bearer {self.write_key}"} | extra
        return Client().generic("POST", "/api/events", body, content_type, **headers)

    def get(self, path: str, **query: Any) -> Any:
        """GET with the read key; a list among the query's values is repeated."""
        return Client().get(path, query, HTTP_AUTHORIZATION=f"Bearer {self.read_key}")


@dataclass(frozen=True, slots=True)
class RemoteTenant:
    """A project of a running Sluice, spoken to over HTTP."""

    sluice: RunningSluice
    slug: str
    write_key: str
    read_key: str
    revoked_key: str

    def send(self, events: Any, **headers: str) -> http.Answer:
        """POST events."""
        return http.post_json(
            f"{self.sluice.base_url}/api/events", events, key=self.write_key, headers=headers
        )

    def get(self, path: str, **query: Any) -> Any:
        """GET a path and return its JSON; the answer must be 200."""
        answer = http.get(f"{self.sluice.base_url}{path}", key=self.read_key, timeout=30, **query)
        assert answer.status == 200, answer.body
        return answer.json()

    def total(self, metric: str, span: str, **more: Any) -> Any:
        """Return the total of a metric over a range."""
        return self.get("/api/metrics", metric=metric, range=span, **more)["series"][0]["total"]

    def pages(self, path: str, name: str, **query: Any) -> list[dict[str, Any]]:
        """Return the items of every page of a list."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.get(path, **query)
            found += page[name]
            if page["nextCursor"] is None:
                return found
            query["cursor"] = page["nextCursor"]


def remote_tenants(sluice: RunningSluice, *names: str) -> list[RemoteTenant]:
    """Make projects with fresh slugs in a running Sluice."""
    done = sluice.manage("shell", "-v", "0", "-c", _SCRIPT % {"names": names})
    assert "MADE" in done.stdout, done.stderr
    made = json.loads(done.stdout.partition("MADE")[2])
    return [RemoteTenant(sluice, **made[name]) for name in names]


def trail(project_id: int, action: str) -> list[tuple[str, str]]:
    """Return who did `action` in a project, and to what, newest first."""
    from events.models import AuditEntry

    return list(AuditEntry.objects.filter(project_id=project_id, action=action).values_list("by", "target"))
