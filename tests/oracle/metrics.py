"""Questions about metrics: every measure, step, zone, filter and grouping, and metrics that a project defined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from config.lib import sqlfile
from tests.oracle.duck import Asked, Conditions, Duck, read_us
from tests.oracle.grounds import Defined

SQL = sqlfile.load(__file__, "metrics.sql")
PATH = "/api/metrics"
#: By the words of questions.
_MEASURES = {
    "count": "count",
    "sessions": "count",
    "users": "users",
    "sum": "sum",
    "avg": "avg",
    "min": "min",
    "max": "max",
}
#: Seen in the answer: what it was read from decides which groups there are.
EXTRA = {"explain": ["1"]}
_LIMIT = 100


Group = tuple[str | None, ...]
#: By group: the total, and the values of all buckets by their starts.
Answer = dict[Group, tuple[Any, dict[int, Any]]]


def expected(duck: Duck, asked: Asked, body: Mapping[str, Any]) -> Answer:
    """Ask DuckDB. `body` tells whether a defined metric's rollups were read: they know groups with numbers only."""
    kept = any(part["relation"].startswith("rollup_metric") for part in body["plan"])
    measure = _choose(duck, asked)
    start, end = asked.span
    buckets = duck.buckets(start, end, body["step"], asked.tz)
    text = _measure(measure)
    condition = "n IS NOT NULL" if kept and ":" in measure else "true"
    empty = 0 if measure.partition(":")[0] in ("count", "users", "sessions", "sum") else None
    found: Answer = {
        tuple(group): (total, dict.fromkeys((bucket for bucket, _ in buckets), empty))
        for group, total in duck.rows(SQL["totals"].format(measure=text, kept=condition))
    }
    if not asked.many("groupBy"):
        found.setdefault((), (empty, dict.fromkeys((bucket for bucket, _ in buckets), empty)))
    starts, ends = zip(*buckets, strict=True)
    points = SQL["points"].format(measure=text, kept=condition)
    for group, bucket, value in duck.rows(points, starts=list(starts), ends=list(ends)):
        found[tuple(group)][1][bucket] = value
    return found


def _choose(duck: Duck, asked: Asked) -> str:
    """Set aside the events that are asked about; return what is measured."""
    metric, types, filters = asked.one("metric"), asked.many("type"), asked.many("filter")
    words = Conditions()
    conditions = [words.types(types), words.filters(filters)]
    if one := duck.ground.defined.get(metric):
        metric = one.metric
        conditions += [words.types(one.types), words.filters(one.filters)]
    start, end = asked.span
    block, segment = "chosen", words.segment(asked.one("segment"))
    if metric == "sessions":
        block, segment = "chosen_sessions", words.segment(asked.one("segment"), "s.person")
    else:
        conditions.append(segment)
    groups = [f"field_of(e.type, e.person, e.props, {words.bind(name)})" for name in asked.many("groupBy")]
    text = SQL[block].format(
        groups=f"[{', '.join(groups)}]::VARCHAR[]", conditions=" AND ".join(conditions), segment=segment
    )
    prop = metric.partition("props.")[2]
    duck.rows(text, start=start, end=end, prop=prop, **words.params)
    return str(metric)


def _measure(metric: str) -> str:
    kind = metric.partition(":")[0]
    if kind[1:].isdigit():
        return SQL["percentile"].format(share=int(kind[1:]) / 100)
    return SQL[_MEASURES[kind]]


def check(duck: Duck, asked: Asked, body: Mapping[str, Any]) -> None:
    """Compare an answer of the product's with DuckDB's, and that of the period before."""
    _check(duck, asked, body)
    assert ("previous" in body) is (asked.one("compare") is not None)
    if before := body.get("previous"):
        span = _before(duck, asked)
        assert [read_us(before["range"][name]) for name in ("from", "to")] == list(span)
        _check(duck, asked.over(*span), body | before)


def _before(duck: Duck, asked: Asked) -> tuple[int, int]:
    """Return the period before: as many days where days are whole, else as long."""
    start, end = asked.span
    days = duck.buckets(start, end, "1d", asked.tz)
    if (days[0][0], days[-1][1]) != (start, end):
        return start - (end - start), start
    first = start
    for _ in days:
        ((first, _),) = duck.buckets(first - 1, first, "1d", asked.tz)
    return first, start


def _check(duck: Duck, asked: Asked, body: Mapping[str, Any]) -> None:
    wanted = expected(duck, asked, body)
    names, accuracy = asked.many("groupBy"), body["accuracy"] or {}
    found = {
        tuple(series["group"][name] for name in names): series
        for series in body["series"]
        if "rest" not in series
    }
    assert set(found) <= set(wanted)
    for group, series in found.items():
        _compare(series, wanted[group], accuracy)
    left = [values for group, values in wanted.items() if group not in found]
    assert len(found) == min(len(wanted), int(asked.one("limit", _LIMIT)))
    _check_order([series["total"] for series in found.values()], [total for total, _ in left], accuracy)
    rest = [series for series in body["series"] if "rest" in series]
    is_summed = asked.one("metric").partition(":")[0] in ("count", "sum") or _is_summed(duck, asked)
    assert len(rest) == (1 if left and is_summed else 0)
    for series in rest:
        assert set(series["group"].values()) == {"other"}
        sums = {start: sum(points[start] for _, points in left) for start in left[0][1]}
        _compare(series, (sum(total for total, _ in left), sums), accuracy)


def _is_summed(duck: Duck, asked: Asked) -> bool:
    one = duck.ground.defined.get(asked.one("metric"))
    return one is not None and one.metric.partition(":")[0] in ("count", "sum")


def _check_order(shown: list[Any], left: list[Any], accuracy: Mapping[str, Any]) -> None:
    """Check that the largest are shown, the largest first and null last; by estimates the order may be another."""
    ranks = [(one is None, -(one or 0)) for one in shown]
    assert ranks == sorted(ranks)
    if not accuracy and left:
        most = max((_number(one) for one in left if one is not None), default=None)
        assert most is None or (not ranks[-1][0] and -ranks[-1][1] >= most - 1e-9 * abs(most))


def _number(value: Any) -> float:
    return float(value["value"] if isinstance(value, dict) else value)


def _compare(
    series: Mapping[str, Any], wanted: tuple[Any, dict[int, Any]], accuracy: Mapping[str, Any]
) -> None:
    total, points = wanted
    assert _same(series["total"], total, accuracy), (series["group"], series["total"], total)
    values = {read_us(start): value for start, value in series["points"]}
    assert list(values) == list(points)
    wrong = {
        start: (values[start], points[start])
        for start in points
        if not _same(values[start], points[start], accuracy)
    }
    assert not wrong, (series["group"], wrong)


def _same(value: Any, wanted: Any, accuracy: Mapping[str, Any]) -> bool:
    """Tell whether a value is right: to float64's precision, or as far as the answer says that it may be wrong."""
    if value is None or wanted is None:
        return value is wanted
    if isinstance(wanted, dict):
        off = accuracy.get("relativeError", 0) * wanted["around"]
        return bool(value == pytest.approx(wanted["value"], rel=1e-9, abs=off * (1 + 1e-9)))
    return bool(value == pytest.approx(float(wanted), rel=1e-9 + 5 * accuracy.get("standardError", 0)))


def definition(name: str, one: Defined) -> dict[str, Any]:
    """Return a defined metric as the API makes it."""
    measure, _, prop = one.metric.partition(":")
    match = {"type": list(one.types), "filters": list(one.filters)}
    named = {"property": prop} if prop else {}
    return {"name": name, "measure": measure, "match": match, "dimensions": list(one.dimensions)} | named
