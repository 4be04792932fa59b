"""Takes the views down before migrations and puts them up afterwards: no table is held as it is by who reads it.

Both happen within `migrate`. Where it fails in between, the next one puts them up, as `manage.py bi refresh` does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, cast

import psycopg
from django.db import connections, transaction

from config.bi import schemas
from config.bi.schemas import Cursor, Schema

logger = logging.getLogger("sluice.bi")
#: Somebody reads the views, or built something on them; or a migration went back to before the tables below them.
_EXPECTED = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DependentObjectsStillExist,
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
)


def take_down(using: str) -> None:
    """Remove all views; those that cannot be are left, and only keep a migration from changing what they show."""
    _for_each(using, lambda schema: bool(schema.views), schemas.take_down, "cannot be taken down")


def put_up(using: str, *, anyway: bool = False) -> list[str]:
    """Make the views that are not there or are another version's (`anyway`: all); return their schemas' names."""
    return _for_each(using, lambda schema: anyway or not schema.is_current, schemas.put_up, "cannot be made")


def _for_each(
    using: str, is_due: Callable[[Schema], bool], work: Callable[[Cursor, Schema], Any], failure: str
) -> list[str]:
    done = []
    with transaction.atomic(using), connections[using].cursor() as wrapper:
        cursor = cast("Cursor", wrapper.cursor)
        schemas.be_patient(cursor)
        for schema in filter(is_due, schemas.known(cursor)):
            try:
                with transaction.atomic(using):
                    work(cursor, schema)
                done.append(schema.name)
            except _EXPECTED as error:
                logger.warning("the views in %s %s: %s", schema.name, failure, str(error).splitlines()[0])
    return done
