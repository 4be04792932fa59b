"""Our own connections: a server that neither answers nor hangs up is given up at the deadline."""

from __future__ import annotations

import time

import psycopg
import pytest

from config.lib.postgres import connect


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
