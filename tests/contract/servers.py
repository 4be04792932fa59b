"""The servers that the contract tests run on: some are started for them, others run already."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

from django.db import connections

from config.embedded import database_url, django_database
from config.embedded_binaries import Binaries
from tests.support.database import TestServer
from tests.support.instance import new_data_dir

#: Django's words for an address.
_ADDRESS = ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")


class Server(Protocol):
    """A server on which databases can be made; what is made on one that `stays` has to be removed."""

    stays: bool

    def address(self) -> dict[str, Any]:
        """Return an entry of DATABASES for a database that is there already; a server of ours is started for it."""

    def stop(self) -> None:
        """Stop it, if it is ours."""


class Private:
    """A server of our own, started when it is first needed."""

    stays = False

    def __init__(self, binaries: Binaries, licence: str, overrides: dict[str, str] | None = None) -> None:
        self._binaries, self._licence, self._overrides = binaries, licence, overrides
        self._running: TestServer | None = None
        self._data_dir: Path | None = None

    def address(self) -> dict[str, Any]:
        """Return the database that every cluster has."""
        if self._running is None:
            self._data_dir = new_data_dir()
            self._running = TestServer(
                self._data_dir, self._overrides, binaries=self._binaries, licence=self._licence
            )
            self._running.start()
        assert self._data_dir
        return _entry(database_url(self._data_dir, "postgres"))

    def crash(self) -> None:
        """Kill -9 it and start it again."""
        assert self._running
        self._running.kill()
        self._running.start()

    def stop(self) -> None:
        """Stop it and remove its data."""
        if self._running:
            self._running.stop(remove=True)


class Running:
    """A server that somebody else keeps running."""

    stays = True

    def __init__(self, url: str) -> None:
        self._url = url

    def address(self) -> dict[str, Any]:
        """Return the database that the URL names."""
        return _entry(self._url)

    def stop(self) -> None:
        """Leave it running."""


class OfTheSession:
    """The server that all tests of this session run on."""

    stays = True

    def address(self) -> dict[str, Any]:
        """Return the tests' own database. A pool, which Django keeps by alias, would lead to it from everywhere."""
        entry: dict[str, Any] = connections.settings["default"]
        options = {name: value for name, value in entry["OPTIONS"].items() if name != "pool"}
        return entry | {"OPTIONS": options}

    def stop(self) -> None:
        """Leave it running."""


def _entry(url: str) -> dict[str, Any]:
    ours = django_database(url)
    return connections.settings["default"] | {name: ours[name] for name in _ADDRESS}


def worker() -> str:
    """Return the name of this process among xdist's."""
    return os.environ.get("PYTEST_XDIST_WORKER", "alone")
