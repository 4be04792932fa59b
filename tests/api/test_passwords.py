"""HTTP Basic with a password: wrong ones are counted, whatever happens to the count meanwhile."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from rest_framework.authentication import BasicAuthentication

from tests.support.tenants import Tenant

WRONG = "Basic " + base64.b64encode(b"ann:wrong").decode()


def try_wrong() -> int:
    return Client().delete("/api/definitions/x", HTTP_AUTHORIZATION=WRONG).status_code


def test_a_count_that_ends_while_a_password_is_checked_is_begun_anew(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = BasicAuthentication.authenticate_credentials

    def slowly(self: Any, *args: Any, **kwargs: Any) -> Any:
        cache.clear()
        return check(self, *args, **kwargs)

    assert try_wrong() == 401
    with monkeypatch.context() as patched:
        patched.setattr(BasicAuthentication, "authenticate_credentials", slowly)
        assert try_wrong() == 401
    assert [try_wrong() for _ in range(5)] == [401] * 4 + [429]


def test_right_passwords_are_not_counted(acme: Tenant) -> None:
    User.objects.create_superuser("root", password="secret enough")
    right = "Basic " + base64.b64encode(b"root:secret enough").decode()
    for _ in range(6):
        assert Client().delete("/api/definitions/x", HTTP_AUTHORIZATION=right).status_code == 404
