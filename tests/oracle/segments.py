"""Segments: their sizes, who is in them, and `segment=` in all other questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.lib import sqlfile
from tests.oracle.duck import Conditions, Duck, read_us

SQL = sqlfile.load(__file__, "segments.sql")
_NEVER, _EVER = -(2**62), 2**62


def keep_all(duck: Duck) -> None:
    """Let DuckDB know who is in each segment."""
    for name, rules in duck.ground.segments.items():
        words = Conditions()
        text = SQL["keep"].format(name=words.bind(name), rules=_query(rules, words))
        duck.rows(text, **words.params)


def people(duck: Duck, name: str) -> list[str]:
    """Return who is in a segment."""
    return [person for (person,) in duck.rows(SQL["list"], name=name)]


def _query(rule: Mapping[str, Any], words: Conditions) -> str:
    if "all" in rule:
        return " INTERSECT ".join(f"({_query(one, words)})" for one in rule["all"])
    if "any" in rule:
        return " UNION ".join(f"({_query(one, words)})" for one in rule["any"])
    if "not" in rule:
        return f"({SQL['everybody']}) EXCEPT ({_query(rule['not'], words)})"
    return _trait(rule["trait"], words) if "trait" in rule else _did(rule, words)


def _did(rule: Mapping[str, Any], words: Conditions) -> str:
    start, end = map(read_us, rule["range"].split("/")) if "range" in rule else (_NEVER, _EVER)
    return SQL["did"].format(
        matches=words.match(rule["did"]),
        start=words.bind(start),
        end=words.bind(end),
        least=words.bind(rule.get("atLeast", 1)),
        most=words.bind(rule.get("atMost", _EVER)),
    )


def _trait(text: str, words: Conditions) -> str:
    name, op, *rest = text.split(":", 2)
    choices = rest[0].split(",") if op == "in" else [rest[0] if rest else "true"]
    bound = ", ".join(words.bind(one) for one in (f"props.{name}", op, choices))
    return SQL["trait"].format(
        name=words.bind(name), condition=f"meets('', '', coalesce(t.props, '{{}}'), {bound})"
    )
