"""What a tracking plan does to events on their way in: quarantine, mark, count; for its own project alone."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY

from config import engine
from dlq.models import DeadLetter
from dlq.replay import dry_run, replay
from dlq.services import edit
from events.reasons import Outcome, Reason
from tests.support.assertions import assert_balanced
from tests.support.pipeline import process_all, rows
from tests.support.planning import order, plan, unlisted, violations
from tests.support.tenants import Tenant


def figure(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def flags(project_id: int) -> list[int]:
    return [flag for (flag,) in rows("SELECT flags FROM event WHERE project_id = %s ORDER BY ts", project_id)]


def test_an_event_that_breaks_an_enforced_plan_is_quarantined_beside_its_neighbours(acme: Tenant) -> None:
    plan(acme.id)
    answer = acme.send([order(amount=1), order(amount="1"), order(), {"type": "other", "userId": "u1"}])
    assert answer.status_code == 202
    body = answer.json()
    assert (body["accepted"], body["quarantined"]) == (2, 2)
    assert [(one["index"], one["field"], one["code"]) for one in body["errors"]] == [
        (1, "props.amount", "plan_violation"),
        (2, "props.amount", "plan_violation"),
    ]
    assert "order" in body["errors"][0]["message"]
    outcomes = process_all()
    assert outcomes == {(acme.id, Outcome.STORED): 2, (acme.id, Outcome.DEAD): 2}
    letters = DeadLetter.objects.filter(project_id=acme.id, reason=Reason.PLAN_VIOLATION)
    assert [letter.field for letter in letters] == ["props.amount"] * 2
    assert violations(acme.id) == {("order", "enforce"): 2}
    assert_balanced()


def test_alone_it_is_quarantined_too(acme: Tenant) -> None:
    plan(acme.id)
    answer = acme.send(order(amount=-1))
    assert (answer.status_code, answer.json()["accepted"], answer.json()["quarantined"]) == (202, 0, 1)


def test_another_project_does_not_notice(acme: Tenant, globex: Tenant) -> None:
    plan(acme.id)
    unlisted(acme.id, "enforce")
    assert globex.send([order(amount="1"), {"type": "x", "userId": "u1"}]).json()["accepted"] == 2
    process_all()
    assert flags(globex.id) == [0, 0]
    assert violations(globex.id) == {}


def test_a_plan_that_warns_marks_and_counts_each_event_once(acme: Tenant) -> None:
    plan(acme.id, mode="warn")
    before = figure("sluice_plan_violation_events_total", mode="warn")
    bad = order(amount="1") | {"eventId": "bad-1"}
    events = [bad, bad, order(amount=1), order(amount=None) | {"eventId": "bad-2"}]
    assert acme.send(events).json() | {"eventIds": []} == {"accepted": 4, "quarantined": 0, "eventIds": []}
    process_all()
    assert acme.send([bad, order(amount=[])]).json()["accepted"] == 2
    process_all()
    assert sorted(flags(acme.id)) == [0, 2, 2, 2]
    assert violations(acme.id) == {("order", "warn"): 3}
    # The figure counts what came, repeats included.
    assert figure("sluice_plan_violation_events_total", mode="warn") - before == 5


def test_a_letter_that_comes_twice_counts_once(acme: Tenant) -> None:
    plan(acme.id)
    bad = order(amount="1") | {"eventId": "bad-1", "type": "  order "}
    for _ in range(2):
        assert acme.send([bad, bad]).json()["quarantined"] == 2
        process_all()
    assert DeadLetter.objects.filter(project_id=acme.id).count() == 1
    assert violations(acme.id) == {("order", "enforce"): 1}


def test_a_marked_event_may_also_be_sanitised(acme: Tenant) -> None:
    plan(acme.id, mode="warn")
    assert acme.send(order(amount="1", note="\x00")).status_code == 202
    process_all()
    assert flags(acme.id) == [3]
    assert violations(acme.id) == {("order", "warn"): 1}


@pytest.mark.parametrize(
    ("mode", "accepted", "marked"), [("allow", 1, [0]), ("warn", 1, [2]), ("enforce", 0, [])]
)
def test_types_that_the_plan_does_not_name(acme: Tenant, mode: str, accepted: int, marked: list[int]) -> None:
    plan(acme.id)
    unlisted(acme.id, mode)
    answer = acme.send({"type": "surprise", "userId": "u1"}).json()
    assert answer["accepted"] == accepted
    process_all()
    assert flags(acme.id) == marked
    expected = {} if mode == "allow" else {("surprise", mode): 1}
    assert violations(acme.id) == expected


def test_a_type_whose_mode_is_off_is_named_and_not_looked_at(acme: Tenant) -> None:
    plan(acme.id, mode="off")
    unlisted(acme.id, "enforce")
    assert acme.send(order(amount="1")).json()["accepted"] == 1


def test_missing_props_are_an_empty_object(acme: Tenant) -> None:
    plan(acme.id)
    plan(acme.id, "ping", schema={"type": "object", "maxProperties": 0})
    body = acme.send(
        [{"type": "order", "userId": "u1"}, {"type": "ping", "userId": "u1", "props": None}]
    ).json()
    assert (body["accepted"], body["quarantined"]) == (1, 1)


def replayed(letter: DeadLetter) -> bool:
    verdict = replay(ids=[letter.pk], by="ann", bus=engine.bus())
    process_all()
    return verdict.passed == [letter.pk]


def test_a_letter_passes_once_the_plan_has_changed(acme: Tenant) -> None:
    plan(acme.id)
    acme.send(order(amount="1") | {"eventId": "again"})
    process_all()
    letter = DeadLetter.objects.get(project_id=acme.id)
    assert "amount" in dry_run(ids=[letter.pk]).failed[letter.pk]
    assert not replayed(letter)
    plan(acme.id, schema={"type": "object"})
    assert replayed(letter)
    assert flags(acme.id) == [0]
    assert violations(acme.id) == {("order", "enforce"): 1}


def test_a_letter_passes_once_it_is_corrected(acme: Tenant) -> None:
    plan(acme.id)
    acme.send(order(amount="1"))
    process_all()
    letter = DeadLetter.objects.get(project_id=acme.id)
    edit(letter=letter, text='{"type": "order", "userId": "u1", "props": {"amount": 1}}')
    assert replayed(letter)


def test_a_project_without_a_plan_asks_for_none(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    from events.gateway import views

    asked: list[int] = []
    look_up = views.plans._look_up
    monkeypatch.setattr(views.plans, "_look_up", lambda project: asked.append(project) or look_up(project))
    assert acme.send(order()).json()["accepted"] == 1
    assert asked == []
    plan(acme.id)
    for _ in range(3):
        assert acme.send(order()).json()["accepted"] == 0
    assert asked == [acme.id]
