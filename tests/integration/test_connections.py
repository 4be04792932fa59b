"""Our own connections: a server that neither answers nor hangs up is given up at the deadline."""

from __future__ import annotations

import time
from functools import partial

import psycopg
import pytest
from django.db import connection as django_connection

from config.lib.postgres import connect
from events.bus.base import BusUnavailable
from events.bus.postgres import InboxBus
from events.contracts import Batch, Lane
from tests.support.pipeline import rows
from tests.support.waiting import wait_until

LINE = Batch(1, Lane.LIVE, 1, b"line\n")


@pytest.mark.usefixtures("pipeline")
def test_a_silent_server_is_given_up_at_the_deadline() -> None:
    connection = connect(name="silent", autocommit=True, deadline=0.2)
    # Without its own timeout the server says nothing for a minute, as a frozen one would.
    connection.execute("SET statement_timeout = 0")
    started = time.monotonic()
    with pytest.raises(psycopg.OperationalError, match="did not answer in time"):
        connection.execute("SELECT pg_sleep(60)")
    assert time.monotonic() - started < 20
    assert connection.closed


def appended(bus: InboxBus) -> bool:
    try:
        bus.append(LINE)
    except BusUnavailable:
        return False
    return True


@pytest.mark.usefixtures("pipeline")
def test_a_session_whose_client_is_gone_lets_go_of_the_counter_row() -> None:
    """A network that was cut between two statements leaves the server's side behind, in a transaction."""
    open_gateway = partial(connect, name="gateway", deadline=0.6)
    bus = InboxBus(partial(open_gateway, autocommit=True), max_events=1000, max_bytes=1 << 20, deadline=0.6)
    bus.append(LINE)
    ghost = open_gateway()
    bus._insert(ghost.cursor(), LINE)
    started = time.monotonic()
    wait_until(lambda: appended(bus), seconds=10, what="an append beside the ghost")
    assert time.monotonic() - started < 5
    assert rows("SELECT sum(appended_events)::int FROM bus_counter") == [(2,)]
    ghost.close()


@pytest.mark.usefixtures("pipeline")
def test_the_server_ends_sessions_of_ours_and_of_django_s_whose_client_is_gone() -> None:
    wanted = "SELECT current_setting('idle_in_transaction_session_timeout')"
    with connect(name="timeouts", deadline=7, autocommit=True) as own, django_connection.cursor() as django:
        assert own.execute(wanted).fetchone() == ("7s",)
        django.execute(wanted)
        assert django.fetchone() == ("1min",)
        # On a Unix socket the server says 0 of whatever it was told.
        given = own.info.get_parameters()["options"]
    assert "tcp_keepalives_idle=10" in given
