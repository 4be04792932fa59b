"""JSON logs: one object a line, with the id of the request that caused it."""

from __future__ import annotations

import logging
from contextvars import ContextVar

from pythonjsonlogger.json import JsonFormatter

#: The id of the request being answered; empty outside of one.
request_id: ContextVar[str] = ContextVar("request_id", default="")


class RequestIdFilter(logging.Filter):
    """Adds `request_id` to every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record."""
        record.request_id = request_id.get()
        return True


def formatter() -> JsonFormatter:
    """Return the formatter of every handler: ts (UTC, ISO 8601), level, logger, message, request_id, extras."""
    return JsonFormatter(
        "{levelname}{name}{message}{request_id}",
        style="{",
        rename_fields={"levelname": "level", "name": "logger"},
        timestamp="ts",
        # Django attaches the request object to its records: it is not JSON and may hold secrets.
        reserved_attrs=[*_RESERVED, "request"],
    )


_RESERVED = [*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"]
