"""A server that is killed -9 and started again: nothing that was accepted is lost, and nothing is counted twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import pytest_django
from django.db import connection

from config.lib import clock
from tests.contract.driver import at_work
from tests.contract.engines import ENGINES, Reach
from tests.contract.moments import DAY, at
from tests.contract.places import Place
from tests.contract.servers import Private
from tests.support.assertions import (
    assert_balanced,
    assert_no_rollup_beyond_raw,
    assert_rollups_equal_raw,
    assert_sessions_equal_raw,
)
from tests.support.pipeline import (
    append,
    event,
    let_go,
    new_project,
    process_all,
    processor,
    rebuild_sessions,
    rows,
    store_all,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("restart")]
Crash = Callable[[], None]


@pytest.fixture(scope="module", params=[name for name, reach in ENGINES.items() if reach.private])
def own(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker
) -> Iterator[tuple[Private, Place, Reach]]:
    """Give a server of these tests' own, as durable as in production, and a database on it."""
    reach = ENGINES[request.param]
    assert reach.private
    server = reach.private()
    yield server, Place(server), reach
    server.stop()


@pytest.fixture
def crash(
    own: tuple[Private, Place, Reach], django_db_blocker: pytest_django.DjangoDbBlocker
) -> Iterator[Crash]:
    """Point everything at that database; return how to crash its server."""
    server, place, reach = own

    def crash() -> None:
        server.crash()
        connection.close()
        let_go()

    with django_db_blocker.unblock(), at_work(place, reach):
        yield crash


def test_a_crash_loses_nothing_and_repeats_nothing(crash: Crash) -> None:
    project, now = new_project(), clock.now()
    stored = [event(f"u{n % 3}", at(1, n), id=f"stored-{n}") for n in range(20)]
    stored += [event("u1", now - timedelta(minutes=n), id=f"fresh-{n}") for n in range(20)]
    waiting = [event("u2", at(2, n, day=1), id=f"waiting-{n}") for n in range(5)]
    store_all(project, stored)
    append(project, waiting)
    crash()
    process_all()
    store_all(project, stored + waiting)
    assert rows("SELECT count(*) FROM event WHERE project_id = %s", project) == [(45,)]
    assert_whole(project)


def test_a_crash_amid_a_claim_undoes_it_and_the_next_processor_does_it_again(crash: Crash) -> None:
    project = new_project()
    append(project, [event("u1", at(1, n)) for n in range(10)])
    with processor() as (consumer, _):
        assert consumer.claim(1000)
        crash()
    with processor() as (consumer, pipeline):
        consumer.recover()
        process_all((consumer, pipeline))
    rebuild_sessions()
    assert rows("SELECT count(*) FROM event WHERE project_id = %s", project) == [(10,)]
    assert_whole(project)


def test_late_events_that_were_only_noted_are_counted_after_the_crash(crash: Crash) -> None:
    project = new_project()
    append(project, [event("u1", at(1, n)) for n in range(10)])
    with processor() as (consumer, pipeline):
        pipeline.run(consumer.claim(1000))
    crash()
    rebuild_sessions()
    assert_whole(project)
    assert rows("SELECT sum(count)::int FROM rollup_events_1d WHERE project_id = %s", project) == [(10,)]


def assert_whole(project: int) -> None:
    assert_balanced()
    assert_rollups_equal_raw(DAY)
    assert_no_rollup_beyond_raw(project)
    assert_sessions_equal_raw(project)
