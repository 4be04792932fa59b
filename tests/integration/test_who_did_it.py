"""Whoever changes segments and defined metrics is logged once, whichever way he took."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from events.models import Membership
from metrics.models import MetricDefinition, Segment
from tests.support.tenants import Tenant

JSON = "application/json"


@pytest.fixture
def ann(acme: Tenant) -> Client:
    user = User.objects.create_superuser("ann")
    Membership.objects.create(project_id=acme.id, user=user)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "sluice")
    return caplog


def by_rest(client: Client, method: str, path: str, body: Any = None) -> None:
    content = json.dumps(body) if body is not None else ""
    answer = client.generic(method, f"/api/{path}", content, JSON)
    assert answer.status_code < 300, answer.content


def told(said: pytest.LogCaptureFixture) -> list[str]:
    found = [
        one.getMessage()
        for one in said.records
        if one.name in ("sluice.segments", "sluice.definitions", "sluice.audit")
    ]
    said.clear()
    return found


def test_changes_over_rest(acme: Tenant, ann: Client, said: pytest.LogCaptureFixture) -> None:
    by_rest(ann, "POST", "segments", {"name": "buyers", "rules": {"did": "buy"}})
    by_rest(ann, "PUT", "segments/buyers", {"rules": {"did": "pay"}})
    by_rest(ann, "DELETE", "segments/buyers")
    by_rest(ann, "POST", "segments", {"name": "vips", "users": []})
    by_rest(ann, "POST", "segments/vips/users", ["u1", "u2"])
    by_rest(ann, "PUT", "segments/vips/users", ["u1"])
    by_rest(ann, "POST", "definitions", {"name": "mine"})
    by_rest(ann, "DELETE", "definitions/mine")
    assert told(said) == [
        f"ann made the segment buyers of project {acme.id}",
        f"ann changed the rules of the segment buyers of project {acme.id}",
        f"ann: segment.remove 'buyers' in project {acme.id}",
        f"ann made the segment vips of project {acme.id}",
        f"ann added to the list of the segment vips of project {acme.id}: 2 ids",
        f"ann replaced the list of the segment vips of project {acme.id}: 1 ids",
        f"ann defined the metric mine of project {acme.id}",
        f"ann: metric.remove 'mine' in project {acme.id}",
    ]


def test_changes_on_pages(acme: Tenant, ann: Client, said: pytest.LogCaptureFixture) -> None:
    ann.post("/p/acme/segments", {"do": "rules", "name": "buyers", "rules": '{"did": "buy"}'})
    ann.post("/p/acme/segments/buyers/remove")
    ann.post("/p/acme/metrics", {"name": "mine", "measure": "count"})
    one = MetricDefinition.objects.get()
    ann.post("/p/acme/metrics/mine/history", {"do": "stop"})
    ann.post("/p/acme/metrics/mine/history", {"do": "stop"})
    ann.post("/p/acme/metrics/mine/history", {"do": "continue"})
    ann.post("/p/acme/metrics/mine/remove")
    assert told(said) == [
        f"ann made the segment buyers of project {acme.id}",
        f"ann: segment.remove 'buyers' in project {acme.id}",
        f"ann defined the metric mine of project {acme.id}",
        f"ann stopped computing the history of the defined metric {one.pk}",
        f"ann goes on computing the history of the defined metric {one.pk}",
        f"ann: metric.remove 'mine' in project {acme.id}",
    ]


def test_changes_in_the_admin(acme: Tenant, ann: Client, said: pytest.LogCaptureFixture) -> None:
    by_rest(ann, "POST", "segments", {"name": "buyers", "rules": {"did": "buy"}})
    by_rest(ann, "POST", "definitions", {"name": "mine"})
    told(said)
    for model in (Segment, MetricDefinition):
        path = f"/admin/metrics/{model._meta.model_name}/{model.objects.get().pk}/delete/"
        assert ann.post(path, {"post": "yes"}).status_code == 302
    assert told(said) == [
        f"ann: segment.remove 'buyers' in project {acme.id}",
        f"ann: metric.remove 'mine' in project {acme.id}",
    ]
