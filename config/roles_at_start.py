"""Tries the roles' URLs once at the start: later a wrong password would look like a database that is away."""

from __future__ import annotations

import logging

import psycopg
from django.db import connections

from config.lib import sqlfile
from config.lib.postgres import connect
from config.lib.reachable import reason

logger = logging.getLogger("sluice.roles")
SQL = sqlfile.load(__file__, "roles_at_start.sql")
_URLS = {"gateway": "GATEWAY_DATABASE_URL", "read": "READ_DATABASE_URL"}
_SECONDS = 5.0


def refusal() -> str:
    """Return one line that says which URL is refused, and why; "" where none is. A server that is away refuses none."""
    found = (_refusal(alias, name) for alias, name in _URLS.items() if alias in connections.settings)
    return next((line for line in found if line), "")


def _refusal(alias: str, name: str) -> str:
    try:
        with connect(name="start", alias=alias, autocommit=True, deadline=_SECONDS) as link:
            link.execute(SQL[alias])
    except psycopg.errors.InsufficientPrivilege as error:
        user = connections.settings[alias]["USER"]
        return f"{name}: {user} lacks a grant ({reason(error)}): run `manage.py roles --apply`"
    except psycopg.OperationalError as error:
        if "FATAL" in str(error):
            return f"{name} is refused: {reason(error)}"
        logger.warning("%s cannot be tried: %s", name, reason(error))
    return ""
