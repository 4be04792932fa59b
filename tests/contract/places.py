"""A database of an engine, and Django's default connection pointed at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection, connections
from django.test.utils import override_settings
from psycopg import sql

from config import engine
from config.lib.engine import AUTO
from events.gateway.auth import keys
from tests.contract.servers import Server, worker
from tests.support.database import leave_policies_to_tests


class Place:
    """A freshly migrated database on `server`, made when it is first needed; `wish` is the setting ENGINE."""

    def __init__(self, server: Server, wish: str = AUTO) -> None:
        self.server = server
        self._wish = wish
        self._name = f"contract_{wish.replace('-', '_')}_{worker()}"
        self._made = False

    @contextmanager
    def as_default(self) -> Iterator[None]:
        """Let Django's default connection, and all that ask it for an address, mean this database."""
        self._make()
        with _default(self.server.address() | {"NAME": self._name}):
            yield

    def close(self) -> None:
        """Remove what was made."""
        if self._made and self.server.stays:
            self._execute("DROP DATABASE {} WITH (FORCE)")
        self.server.stop()

    def _make(self) -> None:
        if self._made:
            return
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        self._execute("CREATE DATABASE {}")
        self._made = True
        with _default(self.server.address() | {"NAME": self._name}), override_settings(ENGINE=self._wish):
            call_command("migrate", verbosity=0)
            leave_policies_to_tests()

    def _execute(self, statement: str) -> None:
        with _default(self.server.address()), connection.cursor() as cursor:
            cursor.execute(sql.SQL(statement).format(sql.Identifier(self._name)))


@contextmanager
def _default(entry: dict[str, Any]) -> Iterator[None]:
    """Swap the connection; what is known of one database is wrong about another."""
    kept, address = connections["default"], connections.settings["default"]
    connections.settings["default"] = entry
    connections["default"] = connections.create_connection("default")
    _forget()
    try:
        yield
    finally:
        connections["default"].close()
        connections.settings["default"], connections["default"] = address, kept
        _forget()


def _forget() -> None:
    engine.forget()
    keys.clear()
    ContentType.objects.clear_cache()
