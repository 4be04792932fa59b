"""A broker as the bus of a test: one that all tests share, and one that is going to be hurt.

This file may be read before Django is set up, so what needs models is imported when it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import pytest_django.fixtures

if TYPE_CHECKING:
    from events.bus.broker import BrokerBus
    from tests.support.rabbitmq import RabbitMQ


@pytest.fixture
def bus(
    rabbitmq: str, pipeline: None, settings: pytest_django.fixtures.SettingsWrapper
) -> Iterator[BrokerBus]:
    from tests.support.brokered import the_bus_at

    yield from the_bus_at(rabbitmq, settings)


@pytest.fixture(scope="module")
def node() -> Iterator[RabbitMQ]:
    """A node that is going to be hurt; every test leaves it running.

    It knows its queues well: RabbitMQ 3.10 may forget one whose making it did not live through by a few seconds.
    """
    from tests.support.brokered import channel_at, topology
    from tests.support.rabbitmq import RabbitMQ, missing

    if reason := missing():
        pytest.skip(reason)
    node = RabbitMQ()
    try:
        node.start()
        with channel_at(node.url) as link:
            topology().declare(link)
        node.stop()
        node.start()
        yield node
    finally:
        node.stop(remove=True)


@pytest.fixture
def own_bus(
    node: RabbitMQ, pipeline: None, settings: pytest_django.fixtures.SettingsWrapper
) -> Iterator[BrokerBus]:
    from tests.support.brokered import channel_at, the_bus_at, topology

    with channel_at(node.url) as link:
        for queue in topology().queues:
            link.queue_purge(queue)
    yield from the_bus_at(node.url, settings)
