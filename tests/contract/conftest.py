"""One engine after the other for every test that asks for one.

This file is read before Django is set up, so what needs models is imported when it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import pytest_django

if TYPE_CHECKING:
    from tests.contract.driver import Engine
    from tests.contract.places import Place


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the test on every reachable engine; the tests of one share a worker, so that it is started once."""
    if "engine" not in metafunc.fixturenames:
        return
    from tests.contract.engines import ENGINES

    names = [pytest.param(name, marks=pytest.mark.xdist_group(f"engine {name}")) for name in ENGINES]
    metafunc.parametrize("engine", names, indirect=True)


@pytest.fixture(scope="session")
def places(
    django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker
) -> Iterator[dict[str, Place]]:
    """Every reachable engine's database; servers of our own run until the session ends."""
    from tests.contract.engines import ENGINES

    made = {name: reach.place() for name, reach in ENGINES.items()}
    yield made
    with django_db_blocker.unblock():
        for place in made.values():
            place.close()


@pytest.fixture
def engine(
    request: pytest.FixtureRequest,
    places: dict[str, Place],
    django_db_blocker: pytest_django.DjangoDbBlocker,
) -> Iterator[Engine]:
    """Give an engine with an empty database, and leave it empty."""
    from tests.contract.driver import at_work
    from tests.contract.engines import ENGINES

    with django_db_blocker.unblock(), at_work(places[request.param], ENGINES[request.param]) as engine:
        yield engine
