"""A quarantined event is corrected and replayed through Celery and the bus of a running Sluice: once, however often."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.support import http
from tests.support.books import assert_exact
from tests.support.instance import RunningSluice
from tests.support.tenants import RemoteTenant, remote_tenants
from tests.support.waiting import wait_until

pytestmark = pytest.mark.acceptance
_CORRECT = """
import json
from dlq.models import DeadLetter
from dlq.services import edit
letter = DeadLetter.objects.get(pk={id})
edit(letter=letter, text=json.dumps({event!r}))
"""


@pytest.fixture(scope="module")
def tenant(sluice: RunningSluice) -> RemoteTenant:
    (found,) = remote_tenants(sluice, "acme")
    assert (
        found.send({"type": "order", "userId": "u1", "ts": "2001-01-01T00:00:00Z"}).json()["quarantined"] == 1
    )
    sluice.drain()
    return found


def replay(sluice: RunningSluice, tenant: RemoteTenant, id: int, **more: Any) -> http.Answer:
    login = base64.b64encode(f"{sluice.keys['admin_user']}:{sluice.keys['admin_password']}".encode()).decode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {login}"}
    url = f"{sluice.base_url}/api/dlq/replay?project={tenant.slug}"
    return http.request("POST", url, body=json.dumps({"ids": [id]} | more).encode(), headers=headers)


def letters(tenant: RemoteTenant, state: str) -> list[dict[str, Any]]:
    return list(tenant.get("/api/dlq", state=state)["letters"])


def test_a_corrected_letter_is_replayed_once_however_often_it_is_asked_for(
    sluice: RunningSluice, tenant: RemoteTenant
) -> None:
    (letter,) = letters(tenant, "new")
    assert letter["reason"] == "outside_window"
    assert replay(sluice, tenant, letter["id"], dryRun=True).json()["wouldPass"] == []
    script = _CORRECT.format(id=letter["id"], event={"type": "order", "userId": "u1"})
    assert sluice.manage("shell", "-v", "0", "-c", script).returncode == 0
    assert replay(sluice, tenant, letter["id"], dryRun=True).json()["wouldPass"] == [letter["id"]]
    assert {replay(sluice, tenant, letter["id"]).status for _ in range(3)} == {202}
    (replayed,) = wait_until(lambda: letters(tenant, "replayed"), what="the replay")
    assert replayed["resolvedBy"] == sluice.keys["admin_user"]
    sluice.drain()
    assert tenant.total("count", "24h") == 1
    assert_exact(sluice)


def test_a_read_key_may_not_replay(sluice: RunningSluice, tenant: RemoteTenant) -> None:
    answer = http.post_json(f"{sluice.base_url}/api/dlq/replay", {"ids": [1]}, key=tenant.read_key)
    assert answer.status in (401, 403)
