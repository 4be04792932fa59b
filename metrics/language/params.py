"""Reads single query parameters. Every refusal says what would be right."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from metrics.errors import BadQuestion

Params = Mapping[str, Sequence[str]]


def one(params: Params, name: str) -> str | None:
    """Return the parameter `name`, or None; a BadQuestion where it is given twice."""
    values = params.get(name, ())
    if len(values) > 1:
        raise BadQuestion(f"`{name}` may be given only once.", field=name)
    return values[0] if values else None


def parse_limit(text: str | None, *, default: int, most: int, name: str = "limit") -> int:
    """Return a number between 1 and `most`."""
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,7}", text) or not 1 <= int(text) <= most:
        raise BadQuestion(f"`{name}` must be a number from 1 to {most}.", field=name)
    return int(text)


def check_texts(params: Params) -> None:
    """Raise BadQuestion where a parameter holds what is not text: NUL, or bytes that were not UTF-8."""
    for name, values in params.items():
        for value in (name, *values):
            if "\x00" in value or "\ufffd" in value:
                raise BadQuestion("A parameter holds characters that are not text.")


def check_known(params: Params, names: Collection[str]) -> None:
    """Raise BadQuestion where a parameter is none of `names`: one that is overlooked gives a wrong number."""
    for name in params:
        if name not in names:
            raise BadQuestion(
                f"There is no parameter of this name; known are {', '.join(names)}.", field=name
            )


def check_alone(params: Params, name: str) -> None:
    """Raise BadQuestion where the one thing that `name` names has other conditions, which would not be looked at."""
    for other in params.keys() - {name, "project"}:
        raise BadQuestion(f"`{name}` names one: leave `{other}` out.", field=other)
