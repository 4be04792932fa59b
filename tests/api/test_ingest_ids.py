"""Event ids: kept, mapped or made; the same id is the same event."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from config.lib import clock
from events.reasons import Outcome
from tests.support.pipeline import process_all, rows
from tests.support.tenants import Tenant

HELLO: dict[str, Any] = {"type": "hello", "userId": "u1"}


def ids_of(tenant: Tenant, events: Any, **headers: str) -> list[str]:
    answer = tenant.send(events, **headers)
    assert answer.status_code == 202, answer.content
    return list(answer.json()["eventIds"])


def test_a_uuid_is_kept_in_lower_case(acme: Tenant) -> None:
    given = str(uuid.uuid4())
    assert ids_of(acme, [HELLO | {"eventId": given.upper()}]) == [given]


def test_any_other_text_is_mapped_to_the_same_uuid_every_time(acme: Tenant, globex: Tenant) -> None:
    first = ids_of(acme, HELLO | {"eventId": "order 7 / ü"})
    assert first == ids_of(globex, HELLO | {"eventId": "order 7 / ü"})
    assert first != ids_of(acme, HELLO | {"eventId": "order 7 / u"})
    uuid.UUID(first[0])


def test_a_number_is_the_same_id_as_its_text(acme: Tenant) -> None:
    assert ids_of(acme, HELLO | {"eventId": 7}) == ids_of(acme, HELLO | {"eventId": "7"})


def test_without_an_id_the_server_makes_a_new_uuid7_each_time(acme: Tenant) -> None:
    made = ids_of(acme, [HELLO] * 3)
    assert len(set(made)) == 3
    assert {uuid.UUID(one).version for one in made} == {7}


def test_the_same_id_again_is_accepted_and_stored_once(acme: Tenant) -> None:
    for _ in range(3):
        ids_of(acme, [HELLO | {"eventId": "once"}] * 2)
    assert process_all()[acme.id, Outcome.STORED] == 1


def test_another_payload_under_the_same_id_changes_nothing_and_is_counted(acme: Tenant) -> None:
    ids_of(acme, HELLO | {"eventId": "once", "props": {"n": 1}})
    ids_of(acme, HELLO | {"eventId": "once", "props": {"n": 2}})
    assert process_all()[acme.id, Outcome.CONFLICT] == 1
    assert rows("SELECT props ->> 'n' FROM event") == [("1",)]


def test_a_request_retried_with_its_idempotency_key_is_stored_once(acme: Tenant) -> None:
    events = [HELLO | {"props": {"n": n}} for n in range(3)]
    first = ids_of(acme, events, HTTP_IDEMPOTENCY_KEY="try-1")
    assert ids_of(acme, events, HTTP_IDEMPOTENCY_KEY="try-1") == first
    assert process_all()[acme.id, Outcome.STORED] == 3


def test_equal_events_of_one_request_stay_different_under_an_idempotency_key(acme: Tenant) -> None:
    assert len(set(ids_of(acme, [HELLO] * 3, HTTP_IDEMPOTENCY_KEY="try-1"))) == 3


def test_an_idempotency_key_used_for_something_else_loses_nothing(acme: Tenant) -> None:
    ids_of(acme, [HELLO], HTTP_IDEMPOTENCY_KEY="try-1")
    ids_of(acme, [HELLO | {"props": {"other": True}}], HTTP_IDEMPOTENCY_KEY="try-1")
    assert process_all() == {(acme.id, Outcome.STORED): 2}


def test_an_id_of_the_client_wins_over_the_idempotency_key(acme: Tenant) -> None:
    given = str(uuid.uuid4())
    assert ids_of(acme, [HELLO | {"eventId": given}], HTTP_IDEMPOTENCY_KEY="try-1") == [given]


def test_two_tenants_may_use_the_same_idempotency_key(acme: Tenant, globex: Tenant) -> None:
    for tenant in (acme, globex):
        ids_of(tenant, [HELLO], HTTP_IDEMPOTENCY_KEY="try-1")
    assert process_all() == {(acme.id, Outcome.STORED): 1, (globex.id, Outcome.STORED): 1}


def test_an_event_is_found_again_by_the_clients_own_id(acme: Tenant, globex: Tenant) -> None:
    ids_of(acme, HELLO | {"eventId": "mine", "ts": clock.now().isoformat()})
    process_all()
    assert [one["type"] for one in acme.get("/api/events", eventId="mine").json()["events"]] == ["hello"]
    assert globex.get("/api/events", eventId="mine").json()["events"] == []


@pytest.mark.parametrize("bad", ["", "x" * 201, True, {"a": 1}, ["a"], 1.5])
def test_what_cannot_be_an_id_is_refused(acme: Tenant, bad: Any) -> None:
    answer = acme.send(HELLO | {"eventId": bad})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "eventId"
