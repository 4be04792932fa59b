"""`manage.py roles`: prints what it would do, or does it, and says in one line why it cannot."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from config import roles
from config.lib.postgres import bounded_cursor, present


def printed(*arguments: str) -> str:
    out = io.StringIO()
    call_command("roles", *arguments, stdout=out)
    return out.getvalue()


def test_without_apply_nothing_is_made(pipeline: None) -> None:
    text = printed()
    assert f'GRANT CONNECT ON DATABASE "{connection.settings_dict["NAME"]}" TO "{roles.GATEWAY}"' in text
    assert "SET default_transaction_read_only = on" in text
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [roles.GATEWAY])
        assert cursor.fetchone() is None


def test_the_owner_himself_is_refused(pipeline: None, monkeypatch: pytest.MonkeyPatch) -> None:
    owner: dict[str, Any] = connections.settings["default"]
    monkeypatch.setitem(connections.settings, "gateway", owner)
    with pytest.raises(CommandError, match="owns the tables: name another user in the URL of the gateway"):
        printed("--apply")


def test_one_user_for_both_is_refused(pipeline: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for alias in ("gateway", "read"):
        monkeypatch.setitem(connections.settings, alias, {"USER": "both", "PASSWORD": ""})
    with pytest.raises(CommandError, match="READ_DATABASE_URL both name both: name two users"):
        printed()


def test_without_urls_one_role_does_everything(pipeline: None) -> None:
    assert present("gateway") == present("read") == "default"
    with bounded_cursor() as cursor:
        assert cursor.connection.info.user == connection.connection.info.user
    assert set(connections.settings) == {"default"}
