"""Requests made up from our own OpenAPI document: no 5xx, and no status, type or shape that it does not tell of.

`SCHEMA_EXAMPLES` is how many requests are made for each endpoint; seeds are hypothesis's.
"""

from __future__ import annotations

import base64
import os
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from events.gateway.auth import keys
from tests.support.tenants import Tenant

EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "20"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
#: What only a login changes, where a key reads it.
BY_MEMBERS = ("/api/segments", "/api/definitions", "/api/plan")
schema = schemathesis.openapi.from_wsgi("/api/schema", get_wsgi_application())


@pytest.fixture
def credentials(acme: Tenant, settings: Any) -> dict[str, str]:
    """What each kind of endpoint asks for, by the start of its name."""
    # The hash that is right for passwords would take most of the time.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    User.objects.create_superuser("root", password="operator")
    keys.clear()
    return {
        "ingest_events": f"Bearer {acme.write_key}",
        "": f"Bearer {acme.read_key}",
        "operator": "Basic " + base64.b64encode(b"root:operator").decode(),
    }


def credential(case: Any, credentials: dict[str, str]) -> str:
    changes = case.operation.method.lower() != "get" and case.operation.path != "/api/segments/preview"
    if case.operation.path.startswith("/api/dlq/") or (
        changes and case.operation.path.startswith(BY_MEMBERS)
    ):
        return credentials["operator"]
    name = case.operation.definition.raw.get("operationId", "")
    return credentials.get(name, credentials[""])


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
    ],
)
def test_answers_are_as_documented(case: Any, credentials: dict[str, str]) -> None:
    answer = case.call(headers={"Authorization": credential(case, credentials), "Host": "localhost"})
    case.validate_response(answer, checks=CHECKS)
