"""Reads uploaded lists of user ids, as JSON or CSV. All of a list is right, or nothing of it is taken."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from metrics.errors import BadQuestion
from metrics.segments.texts import is_text

MOST_USERS = 100_000
#: How long a user id may be; the gateway refuses longer ones.
_MAX_LENGTH = 255
_MAX_FAULTS = 20
_HEADS = {"userid", "user_id"}
#: What the export puts a quote before, so that no spreadsheet takes it for a formula.
_QUOTED = re.compile(r"'+[=+\-@\t\r]")


def users_of_json(value: Any) -> list[str]:
    """Return the distinct ids of a decoded JSON array, or of an object's array `users`. Raises BadQuestion."""
    listed = value.get("users") if isinstance(value, dict) else value
    if not isinstance(listed, list):
        raise BadQuestion("`users` must be an array of user ids.", field="users")
    return _distinct(enumerate(listed), lambda number: f"users[{number}]")


def users_of_csv(body: bytes) -> list[str]:
    """Return the distinct ids in the first column of a CSV. Raises BadQuestion.

    A first line `userId` or `user_id` and empty lines are passed over, what the export quoted is unquoted.
    """
    return _distinct(_cells(body), lambda number: f"line {number}")


def _cells(body: bytes) -> Iterator[tuple[int, str]]:
    try:
        text = body.decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        for number, row in enumerate(reader):
            cell = row[0] if row else ""
            if cell.strip() and not (number == 0 and cell.strip().lower() in _HEADS):
                yield reader.line_num, cell[1:] if _QUOTED.match(cell) else cell
    except UnicodeDecodeError:
        raise BadQuestion("The body is not UTF-8.") from None
    except csv.Error as error:
        raise BadQuestion(
            f"Line {reader.line_num} is not CSV: {error}.", field=f"line {reader.line_num}"
        ) from None


def _distinct(values: Iterable[tuple[int, Any]], place: Callable[[int], str]) -> list[str]:
    users: dict[str, None] = {}
    faults = []
    for number, value in values:
        user = str(value) if type(value) is int else value
        if fault := _fault(user):
            faults.append({"field": place(number), "code": BadQuestion.code, "message": fault})
        else:
            users[user.strip()] = None
        if len(faults) == _MAX_FAULTS or len(users) > MOST_USERS:
            break
    if faults:
        raise BadQuestion(f"Nothing was listed: {faults[0]['field']}: {faults[0]['message']}", errors=faults)
    if len(users) > MOST_USERS:
        raise BadQuestion(f"A list takes at most {MOST_USERS} users.", field="users")
    return list(users)


def _fault(user: Any) -> str:
    if not is_text(user):
        return "A user id must be a text or a whole number."
    if not 1 <= len(user.strip()) <= _MAX_LENGTH:
        return f"A user id has 1 to {_MAX_LENGTH} characters."
    return ""
