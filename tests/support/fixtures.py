"""Fixtures for tests that run the pipeline in their own process.

`tests/conftest.py` imports them before Django is set up, so what needs models is imported when it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import pytest_django

if TYPE_CHECKING:
    from tests.support.tenants import Tenant


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_modify_db_settings: None,
    django_db_blocker: pytest_django.DjangoDbBlocker,
) -> Iterator[None]:
    """Set up the database whenever it is asked for: pytest-django's own looks for its own fixtures in the tests."""
    from django.test.utils import setup_databases, teardown_databases

    from tests.support.database import leave_policies_to_tests

    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, aliases={"default"})
        leave_policies_to_tests()
    yield
    with django_db_blocker.unblock():
        teardown_databases(made, verbosity=0)


@pytest.fixture
def pipeline(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[None]:
    """Give an empty pipeline whose transactions commit, and leave it empty.

    Deleting a few rows takes a tenth of the time of the flush that `transactional_db` does.
    """
    from events.gateway.auth import keys
    from events.gateway.lookups import lookups
    from tests.support.emptying import empty_tables
    from tests.support.pipeline import let_go

    with django_db_blocker.unblock():
        keys.clear()
        # Another test may have left it resting after an error.
        lookups.close()
        yield
        let_go()
        empty_tables()


@pytest.fixture
def acme(pipeline: None) -> Tenant:
    """One tenant."""
    from tests.support.tenants import Tenant

    return Tenant.make("acme")


@pytest.fixture
def globex(pipeline: None) -> Tenant:
    """Another tenant, which must never see anything of the first."""
    from tests.support.tenants import Tenant

    return Tenant.make("globex")
