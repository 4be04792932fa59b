"""Worlds that are asked many questions: each is stored once for its module."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import pytest
import pytest_django

if TYPE_CHECKING:
    from tests.oracle.world import World

SEED = 20250330


@pytest.fixture(scope="module")
def generated(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[World]:
    """A generated history, beside a neighbour's."""
    from tests.oracle import segments
    from tests.oracle.duck import Duck
    from tests.oracle.grounds import GENERATED
    from tests.oracle.histories import history, parts
    from tests.oracle.world import World, store
    from tests.support.pipeline import store_all
    from tests.support.tenants import Tenant

    sent = history(SEED)
    with _database(django_db_blocker), Duck(GENERATED) as duck:
        acme, globex = Tenant.make("acme"), Tenant.make("globex")
        store_all(globex.id, [one.wire() for one in history(SEED + 1, events=200)])
        store(
            acme,
            GENERATED,
            [partial(store_all, acme.id, [one.wire() for one in part]) for part in parts(sent, 4)],
        )
        duck.send(sent)
        duck.settle()
        segments.keep_all(duck)
        yield World(acme, duck)


@pytest.fixture(scope="module")
def logged(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[World]:
    """The real log, imported; it is no part of the repository."""
    from tests.oracle import log, segments
    from tests.oracle.duck import Duck
    from tests.oracle.grounds import LOG
    from tests.oracle.world import World, store
    from tests.support.tenants import Tenant

    if not log.PATH.is_file():
        pytest.skip(f"the log is not part of the repository: no {log.PATH.name} (SLUICE_DATA)")
    with _database(django_db_blocker), Duck(LOG) as duck:
        acme = Tenant.make("acme")
        store(acme, LOG, [partial(log.import_into, acme.id)])
        log.send(duck, log.PATH)
        duck.settle()
        segments.keep_all(duck)
        yield World(acme, duck)


class _database:
    """The test's database for a module; left empty."""

    def __init__(self, blocker: pytest_django.DjangoDbBlocker) -> None:
        self._blocker = blocker

    def __enter__(self) -> None:
        self._blocker.unblock()

    def __exit__(self, *_: object) -> None:
        from tests.support.emptying import empty_tables
        from tests.support.pipeline import let_go

        let_go()
        empty_tables()
        self._blocker.restore()
