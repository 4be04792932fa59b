"""Nobody gets a row of another tenant: every address, every key of his, and a member's login."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from dlq.models import DeadLetter
from events.models import Membership, Project
from metrics.segments.services import create_segment
from tests.support.definitions_model import define
from tests.support.endpoints import routes
from tests.support.pipeline import process_all, rebuild_sessions, rows
from tests.support.planning import plan
from tests.support.tenants import Tenant

#: What only globex's rows hold; no address names it.
MARK = b"zzforeign"
#: How each address is asked for globex's things: addresses, and bodies to post there.
CASES: dict[str, list[str | tuple[str, dict[str, Any]]]] = {
    "api/events": [
        "/api/events?{span}", "/api/events?eventId={event}", "/api/events?userId={user}&project={slug}",
        ("/api/events", {"type": "t", "userId": "{user}", "project": "{slug}", "projectId": "{id}"}),
    ],
    "api/events/<str:event_id>": ["/api/events/{event}"],
    "api/metrics": [
        "/api/metrics?metric=count&groupBy=type&{span}", "/api/metrics?metric=count&groupBy=props.x&{span}",
        "/api/metrics?metric=users&project={slug}&projectId={id}&{span}",
        "/api/metrics?metric=sessions&{span}&project_id={id}",
    ],
    "api/sessions": ["/api/sessions?{span}", "/api/sessions?userId={user}&{span}&project={slug}"],
    "api/definitions": [
        "/api/definitions", "/api/definitions?project={slug}",
        ("/api/definitions?project={slug}", {"name": "mine"}),
    ],
    "api/definitions/<str:name>": ["/api/definitions/theirs", "/api/definitions/theirs?project={slug}"],
    "api/funnels": [
        "/api/funnels?steps=[{{}},{{}}]&breakdown=type&{span}", "/api/funnels?steps=[{{}},{{}}]&project={slug}",
        ("/api/funnels", {"steps": "[{{}}, {{}}]", "breakdown": "props.x", "range": "24h"}),
    ],
    "api/retention": ["/api/retention", "/api/retention?filter=userId:eq:{user}&cohort=first_ever"],
    "api/paths": [
        "/api/paths?from={{}}&{span}", "/api/paths?to={{}}&node=props.x&collapse=0&{span}",
        "/api/paths?from=own&filter=userId:eq:{user}&project={slug}",
    ],
    "api/lifecycle": ["/api/lifecycle", "/api/lifecycle?filter=userId:eq:{user}&period=week"],
    "api/users": ["/api/users", "/api/users?project={slug}", "/api/users?trait=x:ne:1"],
    "api/users/<path:user_id>": ["/api/users/{user}", "/api/users/{user}?project={slug}"],
    "api/catalogue": ["/api/catalogue", "/api/catalogue?project={slug}", "/api/catalogue?type=zz&project={slug}"],
    "api/catalogue/<path:type>": ["/api/catalogue/own", "/api/catalogue/own?project={slug}"],
    "api/plan": ["/api/plan", "/api/plan?project={slug}", "/api/plan?type=planned&project={slug}"],
    "api/plan/<path:type>": ["/api/plan/planned", "/api/plan/planned?project={slug}"],
    "api/plan/<path:type>/violations": [
        "/api/plan/planned/violations?{span}", "/api/plan/planned/violations?project={slug}",
    ],
    "api/segments": [
        "/api/segments", "/api/segments?project={slug}", ("/api/segments", {"name": "mine", "rules": {"did": {}}}),
    ],
    "api/segments/preview": [
        ("/api/segments/preview", {"rules": {"did": {}}}),
        ("/api/segments/preview?project={slug}", {"rules": {"did": {}}}),
    ],
    "api/segments/<str:name>": ["/api/segments/theirs", "/api/segments/theirs?project={slug}"],
    "api/segments/<str:name>/size": ["/api/segments/theirs/size", "/api/segments/theirs/size?project={slug}"],
    "api/segments/<str:name>/users": [
        "/api/segments/theirs/users", "/api/segments/theirs/users?format=csv&project={slug}",
        "/api/segments/mine/users", ("/api/segments/theirs/users", {"users": "{user}"}),
    ],
    "api/dlq": ["/api/dlq", "/api/dlq?project={slug}&projectId={id}", "/api/dlq?reason=too_long"],
    "api/dlq/replay": [
        ("/api/dlq/replay", {"ids": ["{letter}"]}), ("/api/dlq/replay", {"ids": ["{letter}"], "dryRun": False}),
    ],
    "api/dlq/discard": [("/api/dlq/discard", {"ids": ["{letter}"]})],
    "api/schema": ["/api/schema"],
    "api/docs": ["/api/docs"],
    "health/live": ["/health/live"],
    "health/ready": ["/health/ready"],
    "metrics": ["/metrics"],
    "login": ["/login", "/login?next=/p/{slug}/"],
    "logout": ["/logout"],
    "": ["/"],
    "sample": ["/sample"],
    "p/<slug:slug>/": ["/p/{slug}/", "/p/{slug}/?range=90d&metric=count"],
    "p/<slug:slug>/funnels": [
        "/p/{slug}/funnels?step1=own&step2=own", "/p/{own}/funnels", "/p/{own}/funnels?step1=own&step2=own&by=x",
    ],
    "p/<slug:slug>/retention": ["/p/{slug}/retention", "/p/{own}/retention?came=own"],
    "p/<slug:slug>/paths": ["/p/{slug}/paths?event=own", "/p/{own}/paths", "/p/{own}/paths?event=own&node=x"],
    "p/<slug:slug>/lifecycle": ["/p/{slug}/lifecycle", "/p/{own}/lifecycle?period=week"],
    "p/<slug:slug>/sessions": ["/p/{slug}/sessions", "/p/{own}/sessions?user={user}"],
    "p/<slug:slug>/sessions/<uuid:session_id>": ["/p/{slug}/sessions/{session}", "/p/{own}/sessions/{session}"],
    "p/<slug:slug>/users": ["/p/{slug}/users?id={user}", "/p/{own}/users?id={user}"],
    "p/<slug:slug>/users/<user_id:user_id>": ["/p/{slug}/users/{user}", "/p/{own}/users/{user}"],
    "p/<slug:slug>/pipeline": ["/p/{slug}/pipeline", "/p/{own}/pipeline"],
    "p/<slug:slug>/pipeline/<day:day>/<operation:action>": [
        "/p/{slug}/pipeline/{day}/drop", ("/p/{slug}/pipeline/{day}/drop", {"confirm": "{day}"}),
    ],
    "p/<slug:slug>/metrics": [
        "/p/{slug}/metrics", "/p/{own}/metrics", ("/p/{slug}/metrics", {"name": "x", "measure": "count"}),
    ],
    "p/<slug:slug>/metrics/<slug:name>/history": [
        ("/p/{slug}/metrics/theirs/history", {"do": "stop"}), ("/p/{own}/metrics/theirs/history", {"do": "stop"}),
    ],
    "p/<slug:slug>/metrics/<slug:name>/remove": [
        "/p/{slug}/metrics/theirs/remove", ("/p/{own}/metrics/theirs/remove", {}),
    ],
    "p/<slug:slug>/segments": [
        "/p/{slug}/segments", "/p/{own}/segments",
        ("/p/{slug}/segments", {"do": "preview", "rules": '{{"did": {{}}}}'}),
        ("/p/{own}/segments", {"do": "preview", "rules": '{{"did": {{}}}}'}),
    ],
    "p/<slug:slug>/segments/<slug:name>": ["/p/{slug}/segments/theirs", "/p/{own}/segments/theirs"],
    "p/<slug:slug>/segments/<slug:name>/size": ["/p/{slug}/segments/theirs/size", "/p/{own}/segments/theirs/size"],
    "p/<slug:slug>/segments/<slug:name>/users.csv": [
        "/p/{slug}/segments/theirs/users.csv", "/p/{own}/segments/theirs/users.csv",
    ],
    "p/<slug:slug>/segments/<slug:name>/remove": [
        "/p/{slug}/segments/theirs/remove", ("/p/{own}/segments/theirs/remove", {}),
    ],
    "p/<slug:slug>/plan": ["/p/{slug}/plan", "/p/{own}/plan", ("/p/{slug}/plan", {"unlisted": "enforce"})],
    "p/<slug:slug>/plan/type": [
        "/p/{slug}/plan/type?type=planned", "/p/{own}/plan/type?type=planned",
        ("/p/{slug}/plan/type?type=planned", {"mode": "off", "schema": "{{}}"}),
    ],
    "p/<slug:slug>/plan/type/remove": [
        "/p/{slug}/plan/type/remove?type=planned", ("/p/{own}/plan/type/remove?type=planned", {}),
    ],
    "p/<slug:slug>/setup": ["/p/{slug}/setup", "/p/{own}/setup"],
    "p/<slug:slug>/remove-sample": [("/p/{slug}/remove-sample", {})],
}  # fmt: skip
#: Operators alone get past these, and they see all projects.
ADMIN = "admin/"


@dataclass(frozen=True)
class Caller:
    """Somebody with a credential; `ask` sends one request with it."""

    name: str
    client: Client
    headers: dict[str, str]

    def ask(self, path: str, body: dict[str, Any] | None) -> Any:
        if body is None:
            return self.client.get(path, **self.headers)  # type: ignore[arg-type]
        if path.startswith("/api/"):
            return self.client.post(path, json.dumps(body), "application/json", **self.headers)  # type: ignore[arg-type]
        return self.client.post(path, body, **self.headers)  # type: ignore[arg-type]


@pytest.fixture
def things(acme: Tenant, globex: Tenant) -> dict[str, str]:
    """Fill both tenants and return what globex's things are called."""
    Project.objects.filter(pk=globex.id).update(name="zzforeign GmbH")
    plan(globex.id, "planned", schema={"title": "zzforeign"})
    define(globex.id, "theirs", match="zzforeign")
    create_segment(project_id=globex.id, name="theirs", by="ada", users=["zzforeign"])
    event = {"type": "zzforeign", "userId": "g-user", "props": {"x": "zzforeign", "path": "/zzforeign"}}
    sent = globex.send(event).json()
    bad = {"type": "zzforeign", "userId": "x" * 300, "props": {"x": "zzforeign"}}
    assert globex.send([bad, event]).status_code == 202
    assert (
        acme.send([{"type": "own", "userId": "g-user"}, {"type": "own", "userId": "x" * 300}]).status_code
        == 202
    )
    process_all()
    rebuild_sessions()
    ((session,),) = rows("SELECT session_id FROM session WHERE project_id = %s", globex.id)
    ((day,),) = rows("SELECT ts::date FROM event WHERE project_id = %s LIMIT 1", globex.id)
    letter = DeadLetter.objects.get(project_id=globex.id)
    return {
        "own": acme.slug, "slug": globex.slug, "id": str(globex.id), "event": sent["eventIds"][0],
        "user": "g-user", "session": str(session), "letter": str(letter.pk), "day": str(day), "span": "range=24h",
    }  # fmt: skip


def callers(tenant: Tenant) -> list[Caller]:
    """Return everybody who speaks for a tenant."""
    user = User.objects.create_user(f"member-{tenant.slug}", password="secret enough")
    Membership.objects.create(project_id=tenant.id, user=user, role="admin")
    member = Client()
    member.force_login(user)
    return [
        Caller("nobody", Client(), {}),
        Caller("write key", Client(), {"HTTP_AUTHORIZATION": f"Bearer {tenant.write_key}"}),
        Caller("read key", Client(), {"HTTP_X_API_KEY": tenant.read_key}),
        Caller("member", member, {}),
        Caller("htmx member", member, {"HTTP_HX_REQUEST": "true"}),
    ]


def requests(things: dict[str, str]) -> list[tuple[str, dict[str, Any] | None]]:
    """Return every case as (path, body)."""
    fill: Callable[[str], str] = lambda text: text.format(**things)  # noqa: E731
    found: list[tuple[str, dict[str, Any] | None]] = []
    for cases in CASES.values():
        for case in cases:
            path, body = case if isinstance(case, tuple) else (case, None)
            filled = {name: _fill(value, fill) for name, value in body.items()} if body is not None else None
            found.append((fill(path), filled))
    return found


def _fill(value: Any, fill: Callable[[str], str]) -> Any:
    if isinstance(value, list):
        return [int(fill(one)) for one in value]
    return fill(value) if isinstance(value, str) else value


def test_every_address_has_a_case() -> None:
    assert {route for route in routes() if not route.startswith(ADMIN)} == set(CASES)


def test_nobody_gets_a_foreign_row(acme: Tenant, globex: Tenant, things: dict[str, str]) -> None:
    for caller in callers(acme):
        for path, body in requests(things):
            answer = caller.ask(path, body)
            content = b"".join(answer.streaming_content) if answer.streaming else answer.content
            assert MARK not in content, (caller.name, path)
            assert MARK not in str(answer.headers).encode(), (caller.name, path)
            assert answer.status_code < 500 or path == "/health/ready", (caller.name, path, content)
    process_all()
    assert rows("SELECT count(*) FROM event WHERE project_id = %s", globex.id) == [(2,)]
    letter = DeadLetter.objects.get(project_id=globex.id)
    assert (letter.state, letter.attempts) == (DeadLetter.State.NEW, 0)


def test_the_same_requests_show_their_owner_his_rows(globex: Tenant, things: dict[str, str]) -> None:
    """Without this, the test above could pass for having asked for nothing."""
    shown: set[str] = set()
    for caller in callers(globex):
        for path, body in requests(things):
            answer = caller.ask(path, body)
            if not answer.streaming and MARK in answer.content:
                shown.add(path.partition("?")[0])
    assert len(shown) >= 10, shown


def test_the_admin_is_for_operators(acme: Tenant, things: dict[str, str]) -> None:
    member = callers(acme)[3].client
    for route in routes():
        if route.startswith(ADMIN) and "^" not in route and "(?P" not in route:
            path = "/" + route.replace("<path:object_id>", things["letter"]).replace("<id>", "1")
            path = path.replace("<path:content_type_id>", "1")
            answer = member.get(path)
            assert answer.status_code in (200, 302, 403, 404), path
            assert answer.status_code != 200 or path in ("/admin/login/", "/admin/jsi18n/"), path
            assert MARK not in answer.content, path
