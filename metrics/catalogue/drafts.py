"""Drafts a JSON Schema that fits what was observed: a place to start a tracking plan from."""

from __future__ import annotations

from typing import Any

from metrics.catalogue.selectors import ObservedProperty, Properties

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def draft_schema(properties: Properties) -> dict[str, Any]:
    """Return a schema of `props`: what all events had is required, and other properties may come.

    Where only some events were looked at, nothing is required: what all of these had, another may not have had.
    """
    looked_at_all = not properties.estimated
    required = [one.name for one in properties.observed if looked_at_all and one.events == properties.events]
    schema: dict[str, Any] = {
        "$schema": _DIALECT,
        "type": "object",
        "properties": {one.name: {"type": _type(one)} for one in properties.observed},
    }
    return schema | ({"required": required} if required else {})


def _type(one: ObservedProperty) -> str | list[str]:
    # A whole number is a number too: naming both would say nothing more.
    kinds = sorted(set(one.kinds) - ({"integer"} if "number" in one.kinds else set()))
    return kinds[0] if len(kinds) == 1 else kinds
