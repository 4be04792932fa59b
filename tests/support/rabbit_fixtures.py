"""The RabbitMQ of a test session, where one can be started."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def rabbitmq_node() -> Iterator[str]:
    """Run a node for all tests of this process and give its address. Tests of one xdist group share it."""
    from tests.support.rabbitmq import RabbitMQ, missing

    if reason := missing():
        pytest.skip(reason)
    node = RabbitMQ()
    try:
        node.start()
        yield node.url
    finally:
        node.stop(remove=True)


@pytest.fixture
def rabbitmq(rabbitmq_node: str) -> Iterator[str]:
    """Give the address of a node without queues of Sluice's."""
    from tests.support.rabbitmq import forget_queues

    forget_queues(rabbitmq_node)
    yield rabbitmq_node
    forget_queues(rabbitmq_node)
