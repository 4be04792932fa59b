"""The engines that the contract tests run against, and how each is reached.

The embedded server always; TimescaleDB, once with the Community and once with the Apache licence, where the
environment names a server's programs (TEST_TIMESCALE_BIN) or a running server (TEST_TIMESCALE_URL).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from config.embedded_binaries import Binaries
from config.lib.engine import AUTO, Level
from tests.contract.places import Place
from tests.contract.servers import OfTheSession, Private, Running

BIN, URL = os.environ.get("TEST_TIMESCALE_BIN", ""), os.environ.get("TEST_TIMESCALE_URL", "")
_LICENCES = {Level.COMMUNITY: "timescale", Level.APACHE: "apache"}


@dataclass(frozen=True)
class Reach:
    """How to get to an engine. `level` is what must be found there, None where anything is right.

    `private` makes a server of its own, which a test may kill; None where there are no programs for one.
    """

    level: Level | None
    place: Callable[[], Place]
    private: Callable[[], Private] | None = None


def _private(level: Level, binaries: str) -> Reach:
    def make() -> Private:
        return Private(Binaries(binaries), _LICENCES.get(level, "timescale"))

    def make_durable() -> Private:
        return Private(Binaries(binaries), _LICENCES.get(level, "timescale"), overrides={})

    return Reach(level, lambda: Place(make()), make_durable)


def _session() -> tuple[str, Reach]:
    """Return the engine that all tests of this session run on, with a name."""
    if os.environ.get("TEST_DATABASE_URL"):
        return "TEST_DATABASE_URL", Reach(None, lambda: Place(OfTheSession()))
    level = _embedded_level()
    own = _private(level, settings.POSTGRES_BIN)
    return level, Reach(level, lambda: Place(OfTheSession(), settings.ENGINE), own.private)


def _embedded_level() -> Level:
    """Return what the embedded server of this session offers."""
    binaries = Binaries(settings.POSTGRES_BIN)
    if settings.ENGINE != AUTO:
        return Level(settings.ENGINE)
    if not binaries.has_timescaledb:
        return Level.POSTGRES
    return Level.COMMUNITY if binaries.licence(settings.TIMESCALEDB_LICENSE) == "timescale" else Level.APACHE


def _timescale() -> dict[str, Reach]:
    """Return TimescaleDB as the environment names it. A running server has one licence: the other is acted."""
    found = {str(level): _private(level, BIN) for level in _LICENCES if BIN}
    if URL:
        found["timescaledb-at-url"] = Reach(None, lambda: Place(Running(URL)))
        found["timescaledb-apache-at-url"] = Reach(Level.APACHE, lambda: Place(Running(URL), Level.APACHE))
    return found


ENGINES: dict[str, Reach] = {
    # The embedded server of the wheel is always there, whatever the session runs on.
    Level.POSTGRES.value: _private(Level.POSTGRES, ""),
    **_timescale(),
    **dict([_session()]),
}
#: What is left out, with the reason.
MISSING: dict[str, str] = {
    level: f"no {level}: neither TEST_TIMESCALE_BIN nor TEST_TIMESCALE_URL names a server with TimescaleDB"
    for level in _LICENCES
    if level not in ENGINES and not URL
}
