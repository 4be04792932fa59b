"""How Django's connections are pooled. The settings hold this, so it imports neither psycopg nor Django.

psycopg_pool waits for a connection to be made in the background, and tries that again and again, ever more seldom.
Here a request must be refused within a second while the database is away, and served as soon as it is back.
"""

from __future__ import annotations

from typing import Any

#: Seconds that a request waits for a connection, and does while no connection can be made.
WAIT_SECONDS = 0.5
_AWAY_SECONDS = 0.1
#: Seconds after which the pool gives up connecting; the next request makes it try again.
_RETRY_SECONDS = 0.5
#: A page or a command of Django's does nothing for so long between two statements of a transaction.
PAUSE_MS = 60_000


class _Connection:
    """Stands for `PooledConnection`, which costs 25 MB to import where only the settings are read."""

    @staticmethod
    def connect(*args: Any, **kwargs: Any) -> Any:
        """Make a connection for the pool."""
        from config.lib.bounded import PooledConnection

        return PooledConnection.connect(*args, **kwargs)


def options(size: int) -> dict[str, Any]:
    """Return the options of a pool of at most `size` connections."""
    return {
        "min_size": 0,
        "max_size": size,
        "timeout": WAIT_SECONDS,
        "reconnect_timeout": _RETRY_SECONDS,
        "reconnect_failed": _expect_little,
        "connection_class": _Connection,
    }


def end_when_alone(pause_ms: int) -> str:
    """Return what tells the server to end a session whose client is gone without a word, as after a cut network.

    The client drops its socket and nothing more reaches the server: a transaction would keep its locks for hours.
    One that pauses for `pause_ms` between two statements is ended, whoever is there.
    """
    return (
        f"-c idle_in_transaction_session_timeout={pause_ms} "
        "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
    )


def _expect_little(pool: Any) -> None:
    """Let requests wait for a moment only, until a connection lives again (`PooledConnection.execute`)."""
    pool.timeout = _AWAY_SECONDS
