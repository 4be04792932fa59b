"""The tests' database behind a proxy that breaks it on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections

from chaos.proxy import FaultProxy

ALIAS = "proxied"
_settings: dict[str, Any] = {}


@contextmanager
def proxied_database() -> Iterator[FaultProxy]:
    """Give a proxy in front of the database; `connect(alias=ALIAS)` goes through it."""
    own = connections["default"].settings_dict
    host, port = own["HOST"] or "127.0.0.1", own["PORT"] or "5432"
    target = f"{host}/.s.PGSQL.{port}" if host.startswith("/") else f"{host}:{port}"
    with FaultProxy(target) as proxy:
        # Changed in place: a thread keeps what it was given first.
        _settings.update(own, HOST=proxy.host, PORT=str(proxy.port))
        connections.settings[ALIAS] = _settings
        try:
            yield proxy
        finally:
            del connections.settings[ALIAS]
