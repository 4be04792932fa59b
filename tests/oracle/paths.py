"""Paths: what follows an event or precedes it, session by session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from config.lib import sqlfile
from tests.oracle.duck import Asked, Conditions, Duck

SQL = sqlfile.load(__file__, "paths.sql")
PATH = "/api/paths"
EXTRA: dict[str, list[str]] = {}


def check(duck: Duck, asked: Asked, body: Mapping[str, Any]) -> None:
    """Compare an answer of the product's with DuckDB's."""
    nodes, ended, links = Counter[Any](), Counter[Any](), Counter[Any]()
    steps, backwards = int(asked.one("steps", "3")), asked.one("to") is not None
    for step, is_rest, node, is_end, next_is_rest, further, sessions in _flow(duck, asked, steps):
        here, there = _shown(is_rest, node), _shown(next_is_rest, further)
        nodes[step, here] += sessions
        ended[step, here] += sessions if is_end else 0
        if not is_end and step < steps:
            links[(step + 1, *((there, here) if backwards else (here, there)))] += sessions
    assert body["anchors"] == sum(count for (step, _), count in nodes.items() if step == 0)
    assert len(body["steps"]) == steps + 1
    found = {
        (step, one["node"]): (one["count"], one["ended"])
        for step, all_ in enumerate(body["steps"])
        for one in all_
    }
    assert found == {place: (count, ended[place]) for place, count in nodes.items()}
    assert {(one["step"], one["from"], one["to"]): one["count"] for one in body["links"]} == dict(links)
    assert body["ended"] == [
        sum(count for (at, _), count in ended.items() if at == step) for step in range(steps + 1)
    ]


def _flow(duck: Duck, asked: Asked, steps: int) -> list[tuple[Any, ...]]:
    words, (start, end) = Conditions(), asked.span
    anchor = asked.one("from") or asked.one("to")
    text = SQL["ways"].format(
        anchors=words.match(anchor),
        counts=words.filters(asked.many("filter")),
        segment=words.segment(asked.one("segment")),
        direction="DESC" if asked.one("to") else "ASC",
    )
    duck.rows(text, start=start, end=end, node=asked.one("node", "type"), **words.params)
    duck.rows(SQL["steps"].format())
    duck.rows(SQL["walked"], collapse=asked.one("collapse", "1") != "0")
    duck.rows(SQL["kept"], steps=steps, top=int(asked.one("top", "10")))
    return duck.rows(SQL["flow"], steps=steps)


def _shown(is_rest: bool, node: str | None) -> str | None:
    return "other" if is_rest else node
