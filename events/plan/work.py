"""What a schema's own words cost the validator for one value, in steps of about 10 ns, as measured (ADR 35).

An event of 32 KiB has up to 16,000 values, so a step that is taken for each of them costs 0.15 ms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from events.plan import patterns
from events.plan.words import as_map

#: Numbers are compared as exactly as they are written, which is slow: 1e300 as a number of 301 digits.
_NUMBER, _ODD_NUMBER, _MULTIPLE, _LIMIT, _LARGE_LIMIT = 80, 300, 160, 40, 60
#: For `anyOf` and `oneOf`, which stand behind an `if`.
_TESTED = 3
#: Of a pattern: to begin with, and for each place while the text goes by.
_PATTERN, _PLACE = 3, 4
#: What else goes through all of a text or array.
_THROUGH = {"uniqueItems": 30, "format": 4, "minLength": 1, "maxLength": 1}
_LIMITS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_BY_NAME = ("dependentRequired", "dependentSchemas", "dependencies")
_LARGE = 1 << 53


def of_value(schema: Mapping[str, Any]) -> int:
    """Return the steps of a schema's own words, however long the value is; those of schemas within are left out."""
    limits = sum(_LARGE_LIMIT if _is_large(schema[word]) else _LIMIT for word in _LIMITS if word in schema)
    names = sum(len(as_map(schema.get(word))) for word in _BY_NAME)
    literals = _choices(schema.get("enum")) + (_literal(schema["const"]) if "const" in schema else 0)
    tested = _TESTED * (("anyOf" in schema) + ("oneOf" in schema))
    return max(1, len(schema)) + limits + names + literals + tested + _MULTIPLE * ("multipleOf" in schema)


def of_content(schema: Mapping[str, Any]) -> int:
    """Return the steps of the words that go through all of a value, for each 2 bytes of it. Raises BadPlan."""
    through = sum(steps for word, steps in _THROUGH.items() if word in schema)
    return through + sum(_PATTERN + _PLACE * patterns.places(one) for one in patterns_in(schema))


def patterns_in(schema: Mapping[str, Any]) -> list[str]:
    """Return the patterns of a schema's own."""
    found = [schema.get("pattern"), *as_map(schema.get("patternProperties"))]
    return [one for one in found if isinstance(one, str)]


def _choices(values: Any) -> int:
    """Return the steps of an `enum`: what is only texts is looked up at once."""
    if not isinstance(values, list):
        return 0
    return 1 if all(isinstance(one, str) for one in values) else sum(map(_literal, values))


def _literal(value: Any) -> int:
    if isinstance(value, dict | list):
        return 1 + sum(map(_literal, value.values() if isinstance(value, dict) else value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 1
    return _ODD_NUMBER if _is_large(value) or 0 < abs(value) < 1 / _LARGE else _NUMBER


def _is_large(limit: Any) -> bool:
    return isinstance(limit, int | float) and abs(limit) > _LARGE
