"""One running Sluice for the tests of a worker that do not break it; each works in projects of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.instance import RunningSluice


@pytest.fixture(scope="session")
def sluice() -> Iterator[RunningSluice]:
    """Give a running Sluice."""
    with RunningSluice(env={"PROCESSORS": "2"}) as running:
        yield running
