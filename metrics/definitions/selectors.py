"""Reads which metrics are defined."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

import psycopg

from config.lib import sqlfile
from metrics.definitions.spec import Definition
from metrics.errors import BadQuestion
from metrics.language.matching import EventMatch, read_match

logger = logging.getLogger(__name__)
SQL = sqlfile.load(__file__, "selectors.sql")
Cursor = psycopg.Cursor[Any]


def definitions_of(cursor: Cursor, project_id: int) -> tuple[Definition, ...]:
    """Return a project's defined metrics, by name."""
    return _read(cursor.execute(SQL["of_project"], {"project_id": project_id}))


def definitions_of_all(cursor: Cursor, project_ids: Iterable[int]) -> tuple[Definition, ...]:
    """Return the defined metrics of several projects, by id."""
    return _read(cursor.execute(SQL["of_projects"], {"project_ids": list(project_ids)}))


def definitions_covering(cursor: Cursor, end: datetime) -> tuple[Definition, ...]:
    """Return every project's defined metrics whose rollups answer for some of what lies before `end`."""
    return _read(cursor.execute(SQL["covering"], {"end": end}))


def definition_with(cursor: Cursor, id: int) -> Definition | None:
    """Return a defined metric, None where it is gone."""
    return next(iter(_read(cursor.execute(SQL["with_id"], {"id": id}))), None)


def _read(cursor: Cursor) -> tuple[Definition, ...]:
    found = (_definition(*row) for row in cursor.fetchall())
    return tuple(one for one in found if one is not None)


def _definition(
    id: int,
    project_id: int,
    name: str,
    match: str,
    measure: str,
    prop: str | None,
    dimensions: str,
    covered_from: datetime | None,
    quantile: float | None,
) -> Definition | None:
    """Return a row as what it means; None where it means nothing, for then nobody may rely on it."""
    if (parsed := _parsed(id, match)) is None:
        return None
    names = tuple(json.loads(dimensions))
    return Definition(id, project_id, name, parsed, measure, prop, names, covered_from, quantile)


@lru_cache(maxsize=10_000)
def _parsed(id: int, match: str) -> EventMatch | None:
    """Parse once a definition: processors ask for each claim. One that was spoilt by hand must not stop them."""
    try:
        return read_match(json.loads(match), field="match")
    except BadQuestion as error:
        logger.error("the defined metric %s cannot be read and is not kept: %s", id, error)
        return None
