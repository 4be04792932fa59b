"""What the rollups of a defined metric must hold, computed from the raw events in plain Python."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter, defaultdict
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any

from metrics.definitions.parse import read_definition
from metrics.definitions.services import create
from metrics.models import MetricDefinition
from tests.support.pipeline import rows

GAMMA = 1.01 / 0.99
_CUT = {"1m": {"second": 0}, "1h": {"minute": 0, "second": 0}, "1d": {"hour": 0, "minute": 0, "second": 0}}
Group = tuple[datetime, str | None, str | None]


def define(project: int, name: str = "mine", **body: Any) -> MetricDefinition:
    """Make a definition as the API would."""
    return create(project_id=project, wanted=read_definition({"name": name, **body}), by="test")


def assert_exact(definition: MetricDefinition) -> None:
    """Compare all three widths with a computation over every stored event of the project."""
    for grain in _CUT:
        assert kept(definition, grain) == expected(definition, grain), grain


def kept(definition: MetricDefinition, grain: str) -> dict[Group, Any]:
    """Return what the rollups hold: figures, bins, or how many users, by group."""
    if definition.measure == "users":
        query = f"SELECT bucket, dim1, dim2, count(DISTINCT hash) FROM rollup_metric_user_{grain}"
        found = rows(f"{query} WHERE definition_id = %s GROUP BY 1, 2, 3", definition.pk)
        return {tuple(group): users for *group, users in found}  # type: ignore[misc]
    if definition.measure == "percentile":
        query = f"SELECT bucket, dim1, dim2, bin, sum(n) FROM rollup_metric_bin_{grain}"
        bins: dict[Group, dict[int, int]] = defaultdict(dict)
        for *group, number, n in rows(f"{query} WHERE definition_id = %s GROUP BY 1, 2, 3, 4", definition.pk):
            bins[tuple(group)][number] = int(n)  # type: ignore[index]
        return dict(bins)
    query = f"SELECT bucket, dim1, dim2, sum(n), sum(sum), min(min), max(max) FROM rollup_metric_{grain}"
    found = rows(f"{query} WHERE definition_id = %s GROUP BY 1, 2, 3", definition.pk)
    return {tuple(group): (int(n), total, low, high) for *group, n, total, low, high in found}  # type: ignore[misc]


def expected(definition: MetricDefinition, grain: str) -> dict[Group, Any]:
    """Return what they should hold."""
    people = dict(rows("SELECT alias, user_id FROM user_alias WHERE project_id = %s", definition.project_id))
    groups: dict[Group, list[Any]] = defaultdict(list)
    # A property's text is what Postgres makes of it: of an object, its JSON.
    names = [name.removeprefix("props.") for name in definition.dimensions]
    query = (
        "SELECT ts, type, user_id, props::text, ARRAY(SELECT props ->> name FROM unnest(%s::text[]) AS name)"
    )
    events = rows(f"{query} FROM event WHERE project_id = %s", names, definition.project_id)
    for ts, kind, user, text, dims in events:
        props = json.loads(text, parse_float=Decimal, parse_int=Decimal)
        if not _matches(definition.match, kind, props):
            continue
        value = people.get(user, user) if definition.measure == "users" else _number(definition.prop, props)
        if definition.prop is not None and value is None:
            continue
        bucket = ts.replace(microsecond=0, **_CUT[grain])
        groups[(bucket, *_dims(definition.dimensions, kind, dims))].append(value)  # type: ignore[index]
    return {group: _figures(definition, values) for group, values in groups.items()}


def _matches(match: dict[str, Any], kind: str, props: dict[str, Any]) -> bool:
    """Understand types and filters of the form props.NAME:eq:TEXT only."""
    for one in match["filters"]:
        field, op, value = one.split(":", 2)
        assert op == "eq"
        if props.get(field.removeprefix("props.")) != value:
            return False
    return not match["type"] or kind in match["type"]


def _number(name: str | None, props: dict[str, Any]) -> Decimal | None:
    value = props.get(name) if name else None
    return value if isinstance(value, Decimal) else None


def _dims(names: list[str], kind: str, texts: list[str | None]) -> list[str | None]:
    values = [kind if name == "type" else text for name, text in zip(names, texts, strict=True)]
    return [*map(_cut, values), *[None] * (2 - len(names))]


def _cut(value: str | None) -> str | None:
    if value is None or len(value) <= 200:
        return value
    return value[:200] + hashlib.md5(value.encode(), usedforsecurity=False).hexdigest()


def _figures(definition: MetricDefinition, values: list[Any]) -> Any:
    if definition.measure == "users":
        return len(set(values))
    if definition.measure == "percentile":
        return dict(Counter(map(bin_of, values)))
    if definition.prop is None:
        return (len(values), None, None, None)
    # From 1e308 to 1e-324 no digit may be lost.
    with localcontext(prec=2000):
        return (len(values), sum(values), min(values), max(values))


def bin_of(value: Decimal) -> int:
    """Return the bin of a DDSketch that a number lies in."""
    if value == 0:
        return 0
    size = 50_000 + math.ceil(math.log(abs(float(value))) / math.log(GAMMA))
    return size if value > 0 else -size
