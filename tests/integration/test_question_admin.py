"""Defined metrics, segments and tracking plans in the admin: made, refused, removed, and noted in its log."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from events.models import PlannedType, TrackingPlan
from metrics.models import MetricDefinition, Segment
from metrics.segments.services import create_segment
from tests.support.definitions_model import define
from tests.support.planning import ORDER, plan
from tests.support.tenants import Tenant

HOSTILE = "<script>alert('x')</script>\"'&"
DEEP = "[" * 5000
MODELS = {
    "metrics_metricdefinition": {"name": "mine", "match": "{}", "measure": "count", "dimensions": "[]"},
    "metrics_segment": {"name": "mine", "rules": '{"did": {"type": "purchase"}}'},
    "events_plannedtype": {"type": "mine", "mode": "warn", "schema": json.dumps(ORDER)},
    "events_trackingplan": {"unlisted": "warn"},
}


@pytest.fixture
def operator(acme: Tenant, globex: Tenant) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def add(client: Client, model: str, project: Tenant, **fields: str) -> Any:
    form = MODELS[model] | {"project": str(project.id)} | fields
    return client.post(reverse(f"admin:{model}_add"), form, follow=True)


def errors(answer: Any) -> str:
    """Return what a page says is wrong."""
    return " ".join(
        re.findall(r'class="(?:errorlist|error)[^>]*>(.*?)</', answer.content.decode(), re.DOTALL)
    )


def logged() -> list[tuple[int, str]]:
    return list(LogEntry.objects.order_by("pk").values_list("action_flag", "user__username"))


@pytest.mark.parametrize("model", MODELS)
def test_one_is_made_and_opened_and_it_is_noted(
    operator: Client, acme: Tenant, globex: Tenant, model: str
) -> None:
    for tenant in (acme, globex):
        assert "was added successfully" in add(operator, model, tenant).content.decode()
    listed = operator.get(reverse(f"admin:{model}_changelist"))
    assert all(slug in listed.content.decode() for slug in ("acme", "globex"))
    for entry in LogEntry.objects.all():
        page = operator.get(reverse(f"admin:{model}_change", args=[entry.object_id]))
        assert page.status_code == 200
    assert logged() == [(ADDITION, "root")] * 2


def delete(client: Client, model: str, pk: int) -> None:
    url = reverse(f"admin:{model}_delete", args=[pk])
    assert client.get(url).status_code == 200
    assert "was deleted successfully" in client.post(url, {"post": "yes"}, follow=True).content.decode()


def test_one_is_deleted_and_it_is_noted(operator: Client, acme: Tenant, globex: Tenant) -> None:
    for tenant in (acme, globex):
        define(tenant.id)
        create_segment(project_id=tenant.id, name="mine", by="ann", users=["u1"])
        plan(tenant.id, "mine")
    for model, kind in (
        ("metrics_metricdefinition", MetricDefinition),
        ("metrics_segment", Segment),
        ("events_plannedtype", PlannedType),
    ):
        delete(operator, model, kind.objects.get(project_id=acme.id).pk)
    assert logged() == [(DELETION, "root")] * 3
    kept = MetricDefinition.objects.exclude(state=MetricDefinition.State.REMOVING)
    assert [one.project_id for one in (kept.get(), Segment.objects.get(), PlannedType.objects.get())] == [
        globex.id
    ] * 3


@pytest.mark.parametrize("model", ["metrics_metricdefinition", "metrics_segment", "events_plannedtype"])
def test_several_are_deleted(operator: Client, acme: Tenant, globex: Tenant, model: str) -> None:
    for tenant in (acme, globex):
        add(operator, model, tenant)
    ids = list(LogEntry.objects.values_list("object_id", flat=True))
    form = {"action": "delete_selected", "_selected_action": ids}
    url = reverse(f"admin:{model}_changelist")
    assert "Are you sure" in operator.post(url, form).content.decode()
    operator.post(url, form | {"post": "yes"})
    assert logged()[2:] == [(DELETION, "root")] * 2


@pytest.mark.parametrize(
    ("model", "fields", "said"),
    [
        ("metrics_metricdefinition", {"name": "Bad Name"}, "small letters"),
        ("metrics_metricdefinition", {"name": ""}, "required"),
        ("metrics_metricdefinition", {"match": '{"filters": ["nonsense"]}'}, "props.country:eq:DE"),
        ("metrics_metricdefinition", {"match": '{"type": "\\u0000"}'}, "not text"),
        ("metrics_metricdefinition", {"match": DEEP}, "valid JSON"),
        ("metrics_metricdefinition", {"match": "1" * 5000}, "valid JSON"),
        ("metrics_metricdefinition", {"dimensions": '["x"]'}, "up to 2"),
        ("metrics_metricdefinition", {"measure": "sum"}, "needs `property`"),
        ("metrics_metricdefinition", {"measure": HOSTILE}, "must be one of"),
        ("metrics_segment", {"name": "Bad"}, "a letter first"),
        ("metrics_segment", {"rules": '{"did": 3}'}, "rules.did"),
        ("metrics_segment", {"rules": ""}, "rules"),
        ("metrics_segment", {"rules": DEEP}, "valid JSON"),
        ("metrics_segment", {"rules": '{"did": {"type": "\\ud800"}}'}, "not text"),
        ("events_plannedtype", {"schema": "{"}, "JSON"),
        ("events_plannedtype", {"schema": DEEP}, "JSON"),
        ("events_plannedtype", {"schema": '{"type": "nope"}'}, "schema.type"),
        ("events_plannedtype", {"type": ""}, "required"),
        ("events_plannedtype", {"type": "x" * 201}, "1 to 200"),
        ("events_plannedtype", {"mode": "explode"}, "valid choice"),
        ("events_trackingplan", {"unlisted": "explode"}, "valid choice"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_saved(
    operator: Client, acme: Tenant, model: str, fields: dict[str, str], said: str
) -> None:
    answer = add(operator, model, acme, **fields)
    assert answer.status_code == 200
    assert said in errors(answer)
    assert "<script>alert" not in answer.content.decode()
    assert logged() == []


@pytest.mark.parametrize("model", MODELS)
def test_the_same_again_is_refused(operator: Client, acme: Tenant, globex: Tenant, model: str) -> None:
    add(operator, model, acme)
    assert "already exists" in errors(add(operator, model, acme))
    assert "was added" in add(operator, model, globex).content.decode()


def test_what_depends_on_the_others_is_said_too(
    operator: Client, acme: Tenant, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.DEFINITION_POINTS = 0
    monkeypatch.setattr("metrics.segments.services.MOST", 0)
    monkeypatch.setattr("events.plan.services.MOST_TYPES", 0)
    for model, said in (
        ("metrics_metricdefinition", "remove a defined metric first"),
        ("metrics_segment", "delete one first"),
        ("events_plannedtype", "at most 0 types"),
    ):
        assert said in errors(add(operator, model, acme)), model
    assert logged() == []


def test_rules_and_schemas_change_there_too(operator: Client, acme: Tenant) -> None:
    add(operator, "metrics_segment", acme)
    add(operator, "events_plannedtype", acme)
    changes: dict[str, dict[str, str]] = {
        "metrics_segment": {"rules": '{"trait": "plan:eq:pro"}'},
        "events_plannedtype": {"mode": "off", "schema": "{}"},
    }
    for model, fields in changes.items():
        pk = {"metrics_segment": Segment, "events_plannedtype": PlannedType}[model].objects.get().pk  # type: ignore[attr-defined]
        operator.post(reverse(f"admin:{model}_change", args=[pk]), fields)
    assert Segment.objects.get().rules == {"trait": "plan:eq:pro"}
    assert (PlannedType.objects.get().mode, PlannedType.objects.get().schema) == ("off", "{}")
    assert [flag for flag, _ in logged()] == [ADDITION, ADDITION, CHANGE, CHANGE]
    assert TrackingPlan.objects.get().version == 2


def test_history_is_stopped_and_goes_on_there(operator: Client, acme: Tenant) -> None:
    made = define(acme.id)
    url = reverse("admin:metrics_metricdefinition_changelist")
    for action, state in (("stop_history", "stopped"), ("go_on_with_history", "building")):
        operator.post(url, {"action": action, "_selected_action": [made.pk]})
        made.refresh_from_db()
        assert made.state == state
