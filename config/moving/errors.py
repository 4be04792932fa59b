"""What can stop a move, as one line that says what to do."""

from __future__ import annotations

import psycopg

GO_ON = "run the same command again: it goes on where it was"
#: By SQLSTATE, or the class it begins with: what the server's own words leave open.
_HINTS = {
    "42501": "the role has to own the database, or to have all rights in its schema",
    "53100": "the disk is full; free space, then " + GO_ON,
    "57014": GO_ON,
    "08": GO_ON,
    "53": GO_ON,
    "57": GO_ON,
    "58": GO_ON,
}


class MoveError(Exception):
    """The move cannot begin, or cannot go on; the message is one line that says why and what to do."""


def explain(where: str, error: Exception) -> MoveError:
    """Return the error for what psycopg, or Django around it, raised while working at `where`."""
    cause = _cause(error)
    state = cause.sqlstate or "08"
    hint = _HINTS.get(state) or _HINTS.get(state[:2])
    return MoveError(f"{where}: {first_line(cause)}" + (f" ({hint})" if hint else ""))


def unreachable(place: str, error: psycopg.Error) -> MoveError:
    """Return the error for a connection that could not be made; the server's code is not known then."""
    line = first_line(error)
    hint = "; make it first: CREATE DATABASE" if "database" in line and "does not exist" in line else ""
    return MoveError(f"the {place} cannot be reached: {line}{hint}")


def _cause(error: BaseException) -> psycopg.Error:
    """Return psycopg's error below Django's."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, psycopg.Error):
            return inner
        inner = inner.__cause__ or inner.__context__
    return psycopg.Error(str(error))


def first_line(error: BaseException) -> str:
    """Return the line of an error's message that says why; libpq puts what it tried in front of it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = (line for line in lines if "failed" in line or "FATAL" in line)
    return next(telling, lines[0] if lines else type(error).__name__)
