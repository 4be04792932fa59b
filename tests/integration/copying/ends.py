"""The two ends of a copy, and what is asked of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import psycopg
from django.db import connections
from psycopg import sql

from config import engine
from config.lib.engine import Level, recorded
from config.moving.command import copy_to
from config.moving.report import Outcome
from config.moving.tables import COPIED
from events.store.base import Store
from metrics.rollups.base import Rollups
from metrics.rollups.definitions import EVENTS, USERS, VALUES, Rollup
from metrics.rollups.restore import merged
from tests.support import pipeline as driver

RELATIONS = (*EVENTS, *USERS, *VALUES)


@dataclass
class Target:
    """Another database on the tests' server."""

    url: str
    link: psycopg.Connection[tuple[Any, ...]]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.link.execute(query).fetchall()

    @property
    def rollups(self) -> Rollups:
        return engine.ROLLUPS[self._level]()

    @property
    def store(self) -> Store:
        return engine.STORES[self._level]()

    @property
    def _level(self) -> Level:
        level = recorded(self.link.cursor())
        assert level
        return level


def source_name() -> str:
    """Return the name of the source."""
    return str(connections["default"].settings_dict["NAME"])


def url_of(name: str) -> str:
    """Return the URL of a database of the tests' server."""
    known = connections["default"].settings_dict
    login = f"{known['USER']}:{known['PASSWORD']}" if known["PASSWORD"] else known["USER"]
    return f"postgres://{login}@/{name}?host={quote(known['HOST'], safe='')}&port={known['PORT'] or 5432}"


def run(target: Target) -> Outcome:
    """Copy with nobody connected to the source but this test."""
    driver.let_go()
    return copy_to(target.url, running=False)


def texts(link: Any, table: str) -> list[str]:
    query = sql.SQL("SELECT t::text FROM {} t ORDER BY 1").format(sql.Identifier(table))
    return [text for (text,) in link.execute(query).fetchall()]


def known(link: Any, rollup: Rollup) -> list[tuple[Any, ...]]:
    return sorted(link.execute(merged(rollup, "-infinity", "infinity")).fetchall())


def assert_equal(here: psycopg.Connection[Any], target: Target) -> None:
    """Every copied table has the same rows, every rollup says the same."""
    for table in COPIED:
        assert texts(here, table) == texts(target.link, table), table
    for rollup in RELATIONS:
        assert known(here, rollup) == known(target.link, rollup), rollup.relation
