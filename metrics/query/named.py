"""Finds a defined metric by its name."""

from __future__ import annotations

from typing import Any, cast

import psycopg
from django.db import connections

from config.lib.postgres import reading
from metrics.definitions.selectors import definitions_of
from metrics.definitions.spec import Definition


def definition_named(*, project_id: int, name: str) -> Definition | None:
    """Return a project's defined metric, or None."""
    # One statement needs no transaction.
    with connections[reading()].cursor() as wrapper:
        cursor = cast("psycopg.Cursor[Any]", wrapper.cursor)
        return next((one for one in definitions_of(cursor, project_id) if one.name == name), None)
