"""/api/dlq: who may look and who may decide; replay, dry run and discard."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from config import engine
from config.lib import clock
from dlq import replay as replays
from dlq.models import DeadLetter
from dlq.services import NotAnEvent, edit
from events.models import Membership
from events.reasons import Outcome, Reason
from tests.support.assertions import assert_balanced, letters
from tests.support.pipeline import append_rows, copy_line, process_all, rows
from tests.support.tenants import Tenant

TOO_BIG: dict[str, Any] = {"type": "order", "userId": "u1", "props": {"v": "x" * 33_000}}
GOOD: dict[str, Any] = {"type": "order", "userId": "u1", "props": {"v": 1}}


@pytest.fixture(autouse=True)
def tasks_run_at_once() -> Iterator[None]:
    from config.celery import app

    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


@pytest.fixture
def both(acme: Tenant, globex: Tenant) -> Tenant:
    """One quarantined event each."""
    for tenant in (acme, globex):
        assert tenant.send(TOO_BIG).json()["quarantined"] == 1
    process_all()
    return acme


def member(tenant: Tenant, name: str = "ann") -> Client:
    user, _ = User.objects.get_or_create(username=name)
    Membership.objects.create(project_id=tenant.id, user=user, role="admin")
    client = Client()
    client.force_login(user)
    return client


def decide(client: Client, path: str, ids: list[int], **more: Any) -> Any:
    return client.post(path, json.dumps({"ids": ids} | more), content_type="application/json")


def only(tenant: Tenant) -> DeadLetter:
    (letter,) = letters(tenant.id)
    return letter


def correct(letter: DeadLetter, event: dict[str, Any] = GOOD) -> None:
    edit(letter=letter, text=json.dumps(event))


def test_a_read_key_sees_its_projects_letters(both: Tenant, globex: Tenant) -> None:
    (found,) = both.get("/api/dlq").json()["letters"]
    assert (found["id"], found["reason"], found["stage"]) == (only(both).pk, "event_too_large", "gateway")
    assert found["state"] == "new"
    assert json.loads(found["raw"]).items() >= TOO_BIG.items()


def test_letters_are_filtered_and_paged(acme: Tenant) -> None:
    acme.send([TOO_BIG] * 3 + [GOOD | {"ts": "2001-01-01"}, GOOD])
    process_all()
    page = acme.get("/api/dlq", reason="event_too_large", limit=2).json()
    assert len(page["letters"]) == 2
    rest = acme.get("/api/dlq", reason="event_too_large", limit=2, before=page["nextBefore"]).json()
    assert (len(rest["letters"]), rest["nextBefore"]) == (1, None)
    assert acme.get("/api/dlq", state="discarded").json()["letters"] == []


@pytest.mark.parametrize("path", ["/api/dlq/replay", "/api/dlq/discard"])
def test_a_read_key_may_look_but_not_decide(both: Tenant, path: str) -> None:
    client = Client(HTTP_AUTHORIZATION=f"Bearer {both.read_key}")
    assert decide(client, path, [only(both).pk]).status_code in (401, 403)
    assert decide(Client(), path, [only(both).pk]).status_code in (401, 403)
    assert only(both).state == "new"


@pytest.mark.parametrize("path", ["/api/dlq/replay", "/api/dlq/discard"])
def test_a_login_needs_the_csrf_token(both: Tenant, path: str) -> None:
    client = member(both)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert decide(strict, path, [only(both).pk]).status_code == 403
    assert only(both).state == "new"


@pytest.mark.parametrize("path", ["/api/dlq/replay", "/api/dlq/discard"])
def test_a_member_decides_only_about_the_own_project(both: Tenant, globex: Tenant, path: str) -> None:
    correct(only(both))
    assert decide(member(globex), path, [only(both).pk]).status_code in (200, 202)
    assert only(both).state == "new"


def test_somebody_without_a_project_decides_nothing(both: Tenant) -> None:
    client = Client()
    client.force_login(User.objects.create(username="stranger"))
    assert decide(client, "/api/dlq/discard", [only(both).pk]).status_code == 404
    assert client.get("/api/dlq").status_code == 404


def test_a_dry_run_tells_and_changes_nothing(both: Tenant) -> None:
    letter = only(both)
    answer = decide(member(both), "/api/dlq/replay", [letter.pk], dryRun=True).json()
    assert answer["wouldPass"] == []
    assert "32768 bytes" in answer["wouldFail"][0]["message"]
    correct(letter)
    answer = decide(member(both, "bob"), "/api/dlq/replay", [letter.pk], dryRun=True).json()
    assert answer == {"wouldPass": [letter.pk], "wouldFail": []}
    assert rows("SELECT count(*) FROM inbox") == [(0,)]
    assert only(both).state == "new"


def test_a_corrected_letter_is_replayed_through_the_bus(both: Tenant) -> None:
    correct(only(both))
    answer = decide(member(both), "/api/dlq/replay", [only(both).pk])
    assert (answer.status_code, answer.json()) == (202, {"requested": 1})
    assert process_all() == {(both.id, Outcome.STORED): 1}
    letter = only(both)
    assert (letter.state, letter.attempts, letter.resolved_by) == ("replayed", 1, "ann")
    assert bytes(letter.raw) != bytes(letter.edited or b"")
    assert_balanced()


def test_replaying_twice_stores_once(both: Tenant) -> None:
    letter = only(both)
    correct(letter)
    for _ in range(2):
        replays.replay(ids=[letter.pk], by="ann", bus=engine.bus())
        DeadLetter.objects.update(state="new")
    assert process_all() == {(both.id, Outcome.STORED): 1, (both.id, Outcome.DUPLICATE): 1}
    assert_balanced()


def test_a_replayed_letter_is_not_replayed_again(both: Tenant) -> None:
    letter = only(both)
    correct(letter)
    client = member(both)
    assert [decide(client, "/api/dlq/replay", [letter.pk]).json()["requested"] for _ in range(2)] == [1, 0]
    assert process_all() == {(both.id, Outcome.STORED): 1}


def test_a_letter_that_would_fail_again_stays_open(both: Tenant) -> None:
    assert decide(member(both), "/api/dlq/replay", [only(both).pk]).json() == {"requested": 1}
    assert only(both).state == "new"
    assert rows("SELECT count(*) FROM inbox") == [(0,)]


def test_a_dry_run_of_what_the_database_refused_says_what_is_wrong(acme: Tenant) -> None:
    append_rows(acme.id, copy_line(acme.id, ts="2025-02-30T00:00:00+00:00"), copy_line(acme.id))
    process_all()
    letter = only(acme)
    assert letter.reason == Reason.DATABASE_REFUSED
    verdict = replays.dry_run(ids=[letter.pk])
    assert "ISO 8601" in verdict.failed[letter.pk]


def test_a_discarded_letter_keeps_its_bytes_and_cannot_be_replayed(both: Tenant) -> None:
    letter = only(both)
    correct(letter)
    client = member(both)
    assert decide(client, "/api/dlq/discard", [letter.pk]).json() == {"discarded": 1}
    assert decide(client, "/api/dlq/discard", [letter.pk]).json() == {"discarded": 0}
    assert decide(client, "/api/dlq/replay", [letter.pk]).json() == {"requested": 0}
    letter = only(both)
    assert (letter.state, letter.resolved_by) == ("discarded", "ann")
    assert json.loads(bytes(letter.raw)).items() >= TOO_BIG.items()


def test_a_discard_leaves_the_books_balanced(both: Tenant) -> None:
    decide(member(both), "/api/dlq/discard", [only(both).pk])
    assert_balanced()


@pytest.mark.parametrize("text", ["[]", "7", "{", '{"v":NaN}', ""])
def test_a_letter_is_corrected_only_to_an_event(both: Tenant, text: str) -> None:
    with pytest.raises(NotAnEvent):
        edit(letter=only(both), text=text)


@pytest.mark.parametrize("ids", [None, [], "1", ["a"], [0], [-1], [2**63], [True], [1.5], [1] * 1001])
@pytest.mark.parametrize("path", ["/api/dlq/replay", "/api/dlq/discard"])
def test_ids_must_be_ids(acme: Tenant, path: str, ids: Any) -> None:
    assert decide(member(acme), path, ids).status_code == 400


@pytest.mark.parametrize(
    "query", [{"state": "x"}, {"before": "x"}, {"limit": "0"}, {"before": "9" * 30}, {"reason": "\x00"}]
)
def test_what_cannot_be_understood_is_refused(acme: Tenant, query: dict[str, str]) -> None:
    assert acme.get("/api/dlq", **query).status_code == 400


def test_a_replay_keeps_the_time_that_the_clients_clock_meant(acme: Tenant) -> None:
    then = clock.now() - timedelta(days=3)
    acme.send(TOO_BIG | {"ts": then.isoformat(), "sentAt": then.isoformat()})
    process_all()
    letter = only(acme)
    DeadLetter.objects.update(received_at=then)
    edit(letter=letter, text=json.dumps(GOOD | {"ts": then.isoformat(), "sentAt": then.isoformat()}))
    replays.replay(ids=[letter.pk], by="ann", bus=engine.bus())
    process_all()
    assert rows("SELECT ts FROM event") == [(then,)]


def test_a_retry_under_one_idempotency_key_makes_one_letter(acme: Tenant) -> None:
    for _ in range(2):
        acme.send(TOO_BIG, HTTP_IDEMPOTENCY_KEY="once")
    outcomes = process_all()
    assert outcomes == {(acme.id, Outcome.DEAD): 1, (acme.id, Outcome.DUPLICATE): 1}
    assert only(acme).refusals == 2


def test_a_wrong_password_is_checked_only_a_few_times(both: Tenant) -> None:
    cache.clear()
    wrong = "Basic " + base64.b64encode(b"ann:wrong").decode()
    answers = [
        Client().post("/api/dlq/replay", "{}", content_type="application/json", HTTP_AUTHORIZATION=wrong)
        for _ in range(7)
    ]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
    assert int(answers[-1]["Retry-After"]) > 0
    cache.clear()


def test_a_letter_with_nul_passes_when_the_dry_run_says_so(acme: Tenant) -> None:
    acme.send(TOO_BIG)
    process_all()
    letter = only(acme)
    DeadLetter.objects.update(
        raw=json.dumps(GOOD | {"type": "a\x00b", "props": {"v": "x\x00\ud800"}}).encode()
    )
    assert replays.dry_run(ids=[letter.pk]).passed == [letter.pk]
    replays.replay(ids=[letter.pk], by="ann", bus=engine.bus())
    process_all()
    assert rows("SELECT type, props ->> 'v' FROM event") == [("a\ufffdb", "x\ufffd\ufffd")]


@pytest.mark.parametrize("dry", [1, 0, "no", "True", [], {}])
def test_a_dry_run_that_is_no_yes_or_no_replays_nothing(both: Tenant, dry: Any) -> None:
    answer = decide(member(both), "/api/dlq/replay", [only(both).pk], dryRun=dry)
    assert answer.status_code == 400
    assert only(both).state == "new"
