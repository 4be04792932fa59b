"""Ids that were joined are one person in every later question, for what was done before as well; of two tenants one."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from config import engine
from config.lib import clock
from dlq.models import DeadLetter
from dlq.replay import replay
from metrics.people import services
from metrics.people.telemetry import aliases_left_out
from metrics.segments.reading import read_rules
from metrics.segments.services import create_segment
from tests.integration.definitions.test_changing import tend_all
from tests.integration.people.test_erasing import identify
from tests.support.definitions_model import assert_exact, define
from tests.support.people_model import assert_flat, stored_aliases, stored_traits
from tests.support.pipeline import NOON, append, event, process_all, processor, rows, store_all
from tests.support.tenants import Tenant

RANGE = "2025-06-01T00:00:00Z/2025-06-08T00:00:00Z"
HOUR = timedelta(hours=1)


@pytest.fixture
def both(acme: Tenant, globex: Tenant) -> tuple[Tenant, Tenant]:
    """Each tenant was visited by four ids; at acme, three of them turn out to be ada's."""
    for tenant in (acme, globex):
        define(tenant.id, "visitors", measure="users", match="page_view")
        create_segment(
            project_id=tenant.id, name="often", by="t", rules=read_rules({"did": {}, "atLeast": 2})
        )
        create_segment(
            project_id=tenant.id,
            name="first",
            by="t",
            rules=read_rules({"did": {"filters": ["userId:eq:a1"]}}),
        )
        store_all(
            tenant.id, [event(user, NOON + n * HOUR) for n, user in enumerate(["a1", "a2", "ada", "bob"])]
        )
    joins = [event("ada", NOON + 5 * HOUR, type="alias", previousId=old) for old in ("a1", "a2")]
    store_all(acme.id, joins)
    return acme, globex


def total(tenant: Tenant, metric: str, **more: Any) -> Any:
    answer = tenant.get("/api/metrics", metric=metric, range=RANGE, **more)
    assert answer.status_code == 200, answer.content
    return answer.json()["series"][0]["total"]


QUESTIONS: list[tuple[Callable[[Tenant], Any], Any, Any]] = [
    (lambda tenant: total(tenant, "users"), 2, 4),
    (lambda tenant: total(tenant, "users", step="1d"), 2, 4),
    (lambda tenant: total(tenant, "users", filter="type:eq:page_view"), 2, 4),
    (lambda tenant: total(tenant, "visitors"), 2, 4),
    (lambda tenant: total(tenant, "count", filter="userId:eq:a1"), 5, 1),
    (lambda tenant: total(tenant, "count", filter="userId:in:a1,bob"), 6, 2),
    (lambda tenant: total(tenant, "count", filter="userId:ne:a1"), 1, 3),
    (lambda tenant: total(tenant, "sessions", filter="userId:eq:a2"), 4, 1),
    (lambda tenant: total(tenant, "count", segment="first"), 5, 1),
    (lambda tenant: tenant.get("/api/funnels", range=RANGE, step=["page_view", "page_view"], window="1d",
                               filter="userId:eq:a2").json()["steps"][1]["persons"], 1, 0),
    (lambda tenant: total(tenant, "count", segment="often"), 5, 0),
    (lambda tenant: tenant.get("/api/segments/often/size").json()["size"], 1, 0),
    (lambda tenant: tenant.get("/api/users/a2").json()["userId"], "ada", "a2"),
    (lambda tenant: tenant.get("/api/users/a2").json()["events"], 5, 1),
    (lambda tenant: len(tenant.get("/api/sessions", userId="a1", range=RANGE).json()["sessions"]), 4, 1),
    (lambda tenant: [one["userId"] for one in tenant.get("/api/users").json()["users"]], ["ada", "bob"],
     ["a1", "a2", "ada", "bob"]),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "joined", "apart"), QUESTIONS)
def test_every_question_counts_one_person(
    both: tuple[Tenant, Tenant], ask: Callable[[Tenant], Any], joined: Any, apart: Any
) -> None:
    acme, globex = both
    assert (ask(acme), ask(globex)) == (joined, apart)


def test_an_answer_that_was_kept_before_is_not_given_again(acme: Tenant) -> None:
    store_all(acme.id, [event("a1"), event("ada")])
    assert total(acme, "users") == 2
    store_all(acme.id, [identify("ada", "a1")])
    assert total(acme, "users") == 1


@pytest.mark.parametrize("number", range(5))
def test_traits_are_the_same_whatever_the_order_of_arrival(acme: Tenant, number: int) -> None:
    chance = random.Random(number)
    events = [
        event(f"u{n % 2}", NOON + n * HOUR, type="identify", **{f"t{n % 3}": n, "last": n}) for n in range(24)
    ]
    chance.shuffle(events)
    for start in range(0, 24, 7):
        store_all(acme.id, events[start : start + 7])
    expected = {("u0", "last"): 22, ("u1", "last"): 23}
    expected |= {(f"u{user}", f"t{one}"): _last(user, one) for user in range(2) for one in range(3)}
    assert stored_traits(acme.id) == expected


def _last(user: int, trait: int) -> int:
    return max(n for n in range(24) if n % 2 == user and n % 3 == trait)


def test_a_replayed_letter_says_what_it_said_then(acme: Tenant) -> None:
    now = clock.now()
    said = {
        "type": "identify", "userId": "ada", "anonymousId": "a1", "ts": (now - 2 * HOUR).isoformat(),
        "props": {"plan": "free", "city": "Kiel"},
    }  # fmt: skip
    acme.send(said | {"props": {"k" * 300: 1}})
    store_all(acme.id, [event("ada", now - HOUR, type="identify", plan="pro")])
    letter = DeadLetter.objects.get(project_id=acme.id)
    letter.edited = json.dumps(said).encode()
    letter.save()
    assert replay(ids=[letter.pk], by="t", bus=engine.bus()).passed
    process_all()
    assert stored_traits(acme.id) == {("ada", "plan"): "pro", ("ada", "city"): "Kiel"}
    assert stored_aliases(acme.id) == {"a1": "ada"}


def test_many_processors_that_join_the_same_ids_agree(acme: Tenant, globex: Tenant) -> None:
    chance = random.Random(3)
    ids = [f"u{n}" for n in range(12)]
    for tenant in (acme, globex):
        said = [event(b, type="alias", previousId=a) for a in ids for b in ids if a < b]
        chance.shuffle(said)
        append(tenant.id, said, size=3)
    processors = [threading.Thread(target=process_all) for _ in range(3)]
    for thread in processors:
        thread.start()
    for thread in processors:
        thread.join(timeout=120)
    for tenant in (acme, globex):
        assert_flat(tenant.id)
        assert len(stored_aliases(tenant.id)) == 11
        assert len(set(stored_aliases(tenant.id).values())) == 1


def test_a_person_has_so_many_ids_and_no_more(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_IDS", 3)
    before = aliases_left_out._value.get()
    store_all(acme.id, [identify("kiosk", f"a{n}") for n in range(9)])
    store_all(acme.id, [event("other", type="alias", previousId="kiosk")])
    assert len(stored_aliases(acme.id)) == 2
    assert aliases_left_out._value.get() - before == 8
    assert rows("SELECT count(*) FROM event WHERE project_id = %s", acme.id) == [(10,)]


def as_of(tenant: Tenant) -> datetime:
    answer = tenant.get("/api/metrics", metric="visitors", range=RANGE).json()
    assert answer["source"].startswith("rollup_metric_user")
    return datetime.fromisoformat(answer["asOf"])


def test_who_is_still_counted_as_two_is_no_news_yet(acme: Tenant) -> None:
    """Until a task has moved him in the rollups, `asOf` is not later than the event that joined his ids."""
    made = define(acme.id, "visitors", measure="users", match="page_view")
    store_all(acme.id, [event("a1"), event("ada")])
    tend_all()
    append(acme.id, [identify("ada", "a1")])
    with processor() as (consumer, pipeline):
        pipeline.run(consumer.claim(10))
    ((noted,),) = rows("SELECT noted_at FROM metric_note")
    assert noted == rows("SELECT received_at FROM event WHERE type = 'identify'")[0][0]
    assert (total(acme, "visitors"), as_of(acme)) == (2, noted)
    process_all()
    assert total(acme, "visitors") == 1
    assert as_of(acme) > noted
    assert_exact(made)
