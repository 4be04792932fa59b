"""The roles' URLs are tried at the start, and a missing grant is told apart from a database that is away."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from psycopg import sql

from config import roles_at_start
from config.engine import bus, own_bus
from tests.support import roles
from tests.support.tenants import Tenant


def revoke(table: str, alias: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("REVOKE ALL ON {table} FROM {role}").format(
                table=sql.Identifier(table), role=sql.Identifier(connections.settings[alias]["USER"])
            )
        )


def test_roles_with_their_grants_are_not_refused(pipeline: None) -> None:
    with roles.in_use():
        assert roles_at_start.refusal() == ""


def test_a_wrong_password_or_user_is_told_in_one_line_without_it(
    pipeline: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry: dict[str, Any] = connections.settings["default"]
    options = {name: value for name, value in entry["OPTIONS"].items() if name != "pool"}
    here = {"NAME": connection.settings_dict["NAME"], "USER": "nobody_here", "PASSWORD": "s3cret"}
    monkeypatch.setitem(connections.settings, "read", entry | here | {"OPTIONS": options})
    line = roles_at_start.refusal()
    assert line.startswith("READ_DATABASE_URL is refused: ") and "nobody_here" in line
    assert "s3cret" not in line and "\n" not in line
    connections["read"].close()
    del connections["read"]


def test_a_missing_grant_is_told_by_relation_and_role(pipeline: None) -> None:
    with roles.in_use():
        user = connections.settings["gateway"]["USER"]
        revoke("inbox", "gateway")
        line = roles_at_start.refusal()
        assert Client().get("/health/ready").json()["checks"]["database"] == "refused"
        with pytest.raises(Exception, match="permission denied"):
            bus().depth()
        assert own_bus().depth().events == 0
    assert line == (
        f"GATEWAY_DATABASE_URL: {user} lacks a grant (permission denied for table inbox): "
        "run `manage.py roles --apply`"
    )


def test_a_question_without_its_grant_is_a_fault_that_names_both(
    acme: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    with roles.in_use():
        user = connections.settings["read"]["USER"]
        revoke("event", "read")
        with caplog.at_level(logging.WARNING, "sluice.request"):
            assert acme.get("/api/events").status_code == 500
    assert [record.getMessage() for record in caplog.records] == [
        f"a role lacks a grant: permission denied for table event (asked as {user})"
    ]
