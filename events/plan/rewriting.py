"""Says a schema in words that mean the same and are quick to refuse with, and to apply.

Of an `anyOf` or `oneOf` that nothing fits the validator lists what is wrong with each alternative, with copies of the
value: 23 s for a hundred alternatives and an event of 32 KiB. Behind an `if` it only tells whether they fit. A
fraction of a number that is large beyond all precision takes long to work out, and says nothing.
"""

from __future__ import annotations

from typing import Any

from events.plan.words import with_schemas

_ALTERNATIVES = ("anyOf", "oneOf")
#: float64 has no decimal places from 2^53 on.
_PRECISE = 1e16


def quick(schema: Any) -> Any:
    """Return a schema that allows the same, but that `multipleOf` is not asked of numbers beyond 1e16."""
    if not isinstance(schema, dict):
        return schema
    copy = with_schemas(schema, quick)
    moved = [
        _tested({word: copy.pop(word)}, word) for word in _ALTERNATIVES if isinstance(copy.get(word), list)
    ]
    if isinstance(copy.get("multipleOf"), int | float):
        multiple = {"multipleOf": copy.pop("multipleOf")}
        moved.append({"if": {"minimum": -_PRECISE, "maximum": _PRECISE}, "then": multiple})
    if moved and isinstance(copy.get("allOf", []), list):
        copy["allOf"] = [*copy.get("allOf", ()), *moved]
    return copy


def alternatives_of(unfit: Any) -> str | None:
    """Return the word whose alternatives did not fit, where that is what a `not` of ours says; else None."""
    return unfit.get("$comment") if isinstance(unfit, dict) and unfit.keys() == {"$comment"} else None


def _tested(condition: dict[str, Any], word: str) -> dict[str, Any]:
    return {"if": condition, "else": {"not": {"$comment": word}}}
