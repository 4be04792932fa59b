"""Questions asked of a real streaming standby: their answers, how old they say they are, and what a lost one costs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
import pytest_django
from django.contrib.auth.models import User
from django.core.cache import caches
from django.db import connection, connections
from django.test import Client

from config.embedded import django_database
from config.embedded_binaries import Binaries
from tests.contract.places import Place
from tests.contract.servers import Private
from tests.support.emptying import empty_tables
from tests.support.pipeline import let_go, process_all, rebuild_sessions, rows
from tests.support.replica import FEEDS, Standby
from tests.support.tenants import Tenant

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("replica")]
#: What is asked in each way that a program can ask.
QUESTIONS = (
    "/api/metrics?metric=count&range=24h&groupBy=type",
    "/api/metrics?metric=users&range=24h&groupBy=props.x",
    "/api/metrics?metric=users&range=7d&step=1d&compare=previous&explain=1",
    "/api/metrics?metric=sessions&range=24h",
    "/api/metrics?metric=p95:props.value&range=24h",
    "/api/events?range=24h",
    "/api/sessions?range=24h",
    "/api/dlq",
    '/api/funnels?steps=["page_view","order"]&range=24h',
    "/api/retention",
    "/api/paths?from=page_view&range=24h",
    "/api/lifecycle",
)
PAGES = ("", "?range=7d&metric=users", "sessions", "users/u1", "pipeline", "setup")


@pytest.fixture(scope="module")
def place(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[Place]:
    """A primary of its own that feeds standbys."""
    made = Place(Private(Binaries(), "timescale", FEEDS))
    yield made
    with django_db_blocker.unblock():
        made.close()


@pytest.fixture(scope="module")
def copied(place: Place, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[Standby]:
    """Its standby."""
    with django_db_blocker.unblock(), place.as_default():
        standby = Standby(str(connection.settings_dict["HOST"]), Binaries())
        standby.start()
    yield standby
    standby.stop(remove=True)


@pytest.fixture
def standby(
    place: Place, copied: Standby, django_db_blocker: pytest_django.DjangoDbBlocker
) -> Iterator[Standby]:
    """The standby, asked by this process: what READ_DATABASE_URL does."""
    with django_db_blocker.unblock(), place.as_default():
        entry = django_database(copied.url(str(connection.settings_dict["NAME"])))
        connections.settings["read"] = connections.settings["default"] | entry
        try:
            yield copied
        finally:
            connections["read"].close()
            del connections["read"], connections.settings["read"]
            let_go()
            empty_tables()


@pytest.fixture
def acme(standby: Standby) -> Tenant:
    """A tenant with a few events and sessions, and another tenant's beside them; the standby knows all of it."""
    globex, acme = Tenant.make("globex"), Tenant.make("acme")
    globex.send([{"type": "foreign", "userId": "g", "props": {"value": 7}}] * 3)
    sent = [
        {"type": kind, "userId": "u1", "props": {"x": "a", "value": 5}} for kind in ("page_view", "order")
    ]
    assert acme.send([*sent, {"type": "page_view"}]).status_code == 202
    process_all()
    rebuild_sessions()
    catch_up(standby)
    return acme


def catch_up(standby: Standby) -> None:
    """Let the standby replay everything, and forget kept answers."""
    with connection.cursor() as cursor:
        standby.follow(cursor.cursor)
    caches["answers"].clear()


def count(tenant: Tenant) -> tuple[int, datetime]:
    """Return how many events there are, and up to when that is said to be right."""
    caches["answers"].clear()
    answer = tenant.get("/api/metrics", metric="count", range="24h").json()
    return answer["series"][0]["total"], datetime.fromisoformat(answer["asOf"])


def primary_clock() -> datetime:
    ((moment,),) = rows("SELECT clock_timestamp()")
    return moment


def asked(tenant: Tenant, path: str) -> Any:
    """Return an answer without what another moment changes."""
    answer = tenant.get(path)
    assert answer.status_code == 200, (path, answer.content)
    return {name: value for name, value in answer.json().items() if name not in ("asOf", "cached")}


def operator() -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("root"))
    return client


@contextmanager
def lost(standby: Standby) -> Iterator[None]:
    """Let the standby be gone."""
    standby.stop()
    try:
        yield
    finally:
        standby.start()
        # Between two requests a pool would notice.
        connections["read"].close()


def test_the_standby_takes_no_writes(acme: Tenant) -> None:
    with connections["read"].cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        assert cursor.fetchone() == (True,)


def test_every_question_is_answered_by_the_standby(acme: Tenant, standby: Standby) -> None:
    before = {path: asked(acme, path) for path in QUESTIONS}
    with standby.paused():
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM event; DELETE FROM session; DELETE FROM dead_letter")
            cursor.execute("DELETE FROM rollup_events_1m_slot; DELETE FROM rollup_users_1h")
        caches["answers"].clear()
        assert {path: asked(acme, path) for path in QUESTIONS} == before


def test_every_page_is_shown(acme: Tenant) -> None:
    client = operator()
    for page in PAGES:
        assert client.get(f"/p/{acme.slug}/{page}").status_code == 200, page
    assert client.get("/metrics").status_code == 200


def test_an_answer_is_as_old_as_the_last_commit_that_was_replayed(acme: Tenant, standby: Standby) -> None:
    events, as_of = count(acme)
    assert events == 2
    with standby.paused():
        accepted = primary_clock()
        assert acme.send({"type": "order", "userId": "u2"}).status_code == 202
        process_all()
        first, second = count(acme), count(acme)
        assert first[0] == second[0] == 2
        assert as_of <= first[1] == second[1] <= accepted
    catch_up(standby)
    events, as_of = count(acme)
    assert events == 3
    assert as_of > accepted


def test_what_waits_in_the_bus_is_not_in_the_answer_and_said_so(acme: Tenant, standby: Standby) -> None:
    waiting_since = primary_clock()
    assert acme.send({"type": "order", "userId": "u2"}).status_code == 202
    accepted = primary_clock()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE project SET name = 'a later commit'")
    catch_up(standby)
    events, as_of = count(acme)
    assert events == 2
    assert waiting_since <= as_of <= accepted


def test_a_standby_that_has_replayed_nothing_promises_nothing(acme: Tenant, standby: Standby) -> None:
    standby.stop()
    standby.start()
    with connections["read"].cursor() as cursor:
        cursor.execute("SELECT pg_last_xact_replay_timestamp() IS NULL")
        untold = cursor.fetchone() == (True,)
    _, as_of = count(acme)
    assert (as_of.year == 1970) == untold


def test_kept_answers_are_those_of_the_standby_s_moment(acme: Tenant, standby: Standby) -> None:
    """An erasure that it has not heard of yet is in no answer of it; once it has, no older answer is given."""
    from django.core.management import call_command

    path = "/api/metrics?metric=count&range=today"
    assert acme.get(path).json()["series"][0]["total"] == 2
    with standby.paused():
        call_command("erase_user", acme.slug, "u1", "--yes", verbosity=0)
        assert acme.get(path).json()["series"][0]["total"] == 2
    with connection.cursor() as cursor:
        standby.follow(cursor.cursor)
    answer = acme.get(path).json()
    assert (answer["series"][0]["total"], answer["cached"]) == (0, False)


def test_a_lost_standby_costs_answers_and_no_events(acme: Tenant, standby: Standby) -> None:
    client = operator()
    assert count(acme)[0] == 2
    with lost(standby):
        for path in QUESTIONS:
            answer = acme.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), path
        assert client.get(f"/p/{acme.slug}/").status_code == 503
        assert acme.send({"type": "order", "userId": "u2"}).status_code == 202
        process_all()
    catch_up(standby)
    assert count(acme)[0] == 3


def test_health_tells_how_far_it_is_behind(acme: Tenant, standby: Standby) -> None:
    def line() -> str:
        return str(Client().get("/health/ready").json()["checks"]["replica"])

    assert line() == "ok: 0 s behind"
    with lost(standby):
        assert line() == "unreachable"
