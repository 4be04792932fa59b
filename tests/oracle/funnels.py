"""Funnels: a greedy walk from every event with which a person may enter, where the product sorts once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from config.lib import sqlfile
from tests.oracle.duck import Asked, Conditions, Duck

SQL = sqlfile.load(__file__, "funnels.sql")
PATH = "/api/funnels"
EXTRA: dict[str, list[str]] = {}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
#: By step: persons, and the median, ninth decile and average of their seconds.
Steps = dict[int, tuple[float, ...]]


def check(duck: Duck, asked: Asked, body: Mapping[str, Any]) -> None:
    """Compare an answer of the product's with DuckDB's."""
    count = _walk(duck, asked)
    whole = {step: tuple(figures) for step, *figures in duck.rows(SQL["whole"])}
    _compare(body["steps"], whole, count)
    if asked.one("breakdown"):
        _check_groups(duck, asked, body, count)


def _walk(duck: Duck, asked: Asked) -> int:
    """Find out who got where; return how many steps there are."""
    words, (start, end) = Conditions(), asked.span
    steps = [words.match(_without_name(step)) for step in _steps(asked)]
    breakdown = asked.one("breakdown")
    value = f"field_of(e.type, e.person, e.props, {words.bind(breakdown)})" if breakdown else "NULL::VARCHAR"
    conditions = f"{words.filters(asked.many('filter'))} AND {words.segment(asked.one('segment'))}"
    text = SQL["matched"].format(steps=f"[{', '.join(steps)}]", value=value, conditions=conditions)
    duck.rows(text, **words.params)
    duck.rows(SQL["first"], start=start, end=end)
    for step in range(2, len(steps) + 1):
        duck.rows(SQL["next"], step=step)
    window = asked.one("window", "14d")
    duck.rows(SQL["reached"].format(), window=int(window[:-1]) * _UNITS[window[-1]] * 1_000_000)
    return len(steps)


def _steps(asked: Asked) -> list[Any]:
    return list(json.loads(asked.one("steps"))) if asked.one("steps") else asked.many("step")


def _without_name(step: Any) -> Any:
    return {name: value for name, value in step.items() if name != "name"} if isinstance(step, dict) else step


def _check_groups(duck: Duck, asked: Asked, body: Mapping[str, Any], count: int) -> None:
    limit = int(asked.one("limit", "10"))
    groups: dict[int, tuple[str | None, Steps]] = {}
    text = SQL["groups"].format(places=SQL["places"])
    for value, step, *figures, place in duck.rows(text, limit=limit):
        groups.setdefault(place, (value, {}))[1][step] = tuple(figures)
    assert len(body["groups"]) == len(groups)
    for found, place in zip(body["groups"], sorted(groups), strict=True):
        value, steps = groups[place]
        assert found["rest"] is (place > limit)
        assert found["group"] == {asked.one("breakdown"): "other" if place > limit else value}
        _compare(found["steps"], steps, count)


def _compare(found: Sequence[Mapping[str, Any]], wanted: Steps, count: int) -> None:
    assert len(found) == count
    for number, step in enumerate(found, 1):
        persons, *seconds = wanted.get(number, (0,))
        assert step["persons"] == persons
        assert step["dropOff"] == (wanted.get(number - 1, (persons,))[0] - persons if number > 1 else 0)
        if number == 1 or not persons:
            assert step["secondsFromFirst"] is None
        else:
            took = step["secondsFromFirst"]
            assert [took["median"], took["p90"], took["average"]] == pytest.approx(
                seconds, rel=1e-9, abs=1e-9
            )
