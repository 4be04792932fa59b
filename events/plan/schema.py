"""A JSON Schema made into a validator: no code is run, nothing is fetched, and no pattern can hang.

The patterns' engine is linear in the text: it has neither look-around nor back-references, and says so.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from events.plan import patterns
from events.plan.errors import BadPlan
from events.plan.rewriting import alternatives_of, quick

_LONGEST_MESSAGE = 300
_LONGEST_FIELD = 300
_UNFIT = {
    "anyOf": "It fits none of the schemas of `anyOf`.",
    "oneOf": "It does not fit one schema of `oneOf` alone.",
}


@dataclass(frozen=True, slots=True)
class Breach:
    """Where an event's properties break their schema, and how; both are cut to a few hundred characters."""

    field: str
    message: str


class Schema:
    """The schema of one type's `props`, compiled from JSON text. Raises BadPlan."""

    def __init__(self, text: str) -> None:
        try:
            self._validator = _compiled(json.dumps(quick(json.loads(text))))
        except ValueError:
            # What is wrong is said of the schema as it was written.
            _check(text)
            raise

    def allows(self, props: dict[str, Any]) -> bool:
        """Tell whether `props` keep the schema."""
        return bool(self._validator.is_valid(props))

    def breach(self, props: dict[str, Any]) -> Breach | None:
        """Return the first thing that is wrong with `props`, or None."""
        try:
            self._validator.validate(props)
        except jsonschema_rs.ValidationError as error:
            return Breach(_field(error)[:_LONGEST_FIELD], _shorten(_message(error)))
        return None


def _compiled(text: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        text, offline=True, validate_formats=True, pattern_options=patterns.options()
    )


def _check(text: str) -> None:
    """Raise BadPlan where this is no schema."""
    try:
        _compiled(text)
    except jsonschema_rs.ValidationError as error:
        raise BadPlan(_refusal(error), field=_path("schema", error.instance_path)) from None
    except ValueError as error:
        raise BadPlan(f"This is no schema: {error}"[:_LONGEST_MESSAGE], field="schema") from None


def _refusal(error: jsonschema_rs.ValidationError) -> str:
    if getattr(error.kind, "name", "") == "format" and "regex" in error.message:
        return _shorten(
            f"{error.message}: it is invalid, too large, or looks around, which is not supported."
        )
    return _shorten(error.message)


def _field(error: jsonschema_rs.ValidationError) -> str:
    """Return the path of the property at fault: the one that is missing or too many, not the object around it."""
    path = list(error.instance_path)
    match error.kind:
        case jsonschema_rs.ValidationErrorKind.Required(missing):
            path.append(missing)
        case jsonschema_rs.ValidationErrorKind.AdditionalProperties([first, *_]):
            path.append(first)
    return _path("props", path)


def _message(error: jsonschema_rs.ValidationError) -> str:
    match error.kind:
        case jsonschema_rs.ValidationErrorKind.Not(unfit) if word := alternatives_of(unfit):
            return _UNFIT.get(word, error.message)
    return error.message


def _path(root: str, parts: Sequence[str | int]) -> str:
    return ".".join([root, *map(str, parts)])


def _shorten(message: str) -> str:
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[: _LONGEST_MESSAGE - 1]}…"
