"""JSON logs: one object a line, with the id of the request that caused it."""

from __future__ import annotations

import logging
import math
import time
from contextvars import ContextVar

from pythonjsonlogger.json import JsonFormatter

#: The id of the request being answered; empty outside of one.
request_id: ContextVar[str] = ContextVar("request_id", default="")


#: Loggers that say the same again and again while a server is away; Celery's own, and what an away server raises.
_REPEATING = frozenset(
    {
        "psycopg.pool",
        "sluice.request",
        "sluice.health",
        "sluice.exporter",
        "sluice.cache",
        "events.bus.broker",
    }
)
_TASKS = "celery.app.trace"
_AWAY = frozenset({"OperationalError", "InterfaceError", "BusUnavailable"})
_CALM_SECONDS = 60.0


class RequestIdFilter(logging.Filter):
    """Adds `request_id` to every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record."""
        record.request_id = request_id.get()
        return True


class CalmFilter(logging.Filter):
    """Lets what an outage repeats pass once a minute, in one line.

    While a server is away each request, each task and each thread of the pool would say so, and the traceback of none
    tells more than the first line.
    """

    def __init__(self) -> None:
        super().__init__()
        self._passed: dict[tuple[object, ...], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop a record of these loggers that says what another one said within a minute."""
        if record.name == _TASKS and (error := _outage(record)):
            _shorten(record, error)
        elif record.name not in _REPEATING or record.exc_info or record.levelno > logging.WARNING:
            return True
        now, kind = time.monotonic(), (record.name, record.msg)
        if now - self._passed.get(kind, -math.inf) < _CALM_SECONDS:
            return False
        self._passed[kind] = now
        return True


def _outage(record: logging.LogRecord) -> BaseException | None:
    """Return the error of a task that was refused by the database or the bus; its kind tells, without an import."""
    error = record.exc_info[1] if record.exc_info else None
    return error if error and any(kind.__name__ in _AWAY for kind in type(error).__mro__) else None


def _shorten(record: logging.LogRecord, error: BaseException) -> None:
    """Make one line of what Celery says twice in two dozen."""
    task = record.args.get("name", "") if isinstance(record.args, dict) else ""
    first = next(iter(str(error).strip().splitlines()), "")
    record.msg, record.args = f"the task {task} was refused: %s: %s", (type(error).__name__, first)
    record.exc_info = record.exc_text = None
    record.__dict__.pop("data", None)
    record.levelno, record.levelname = logging.WARNING, "WARNING"


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
