"""Reads a question about paths. Every refusal says what would be right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from metrics.errors import BadQuestion
from metrics.language.filters import is_property
from metrics.language.matching import EventMatch, parse_match
from metrics.language.params import Params, check_known, check_texts, one, parse_limit
from metrics.query.scope import Scope, parse_scope

NAMES = ("from", "to", "node", "steps", "top", "collapse", "range", "tz", "filter", "segment")
_STEPS, _MOST_STEPS = 3, 6
_TOP, _MOST_TOP = 10, 50
_DEFAULT_RANGE = "7d"


@dataclass(frozen=True, slots=True)
class PathQuestion:
    """What follows (or with `backwards`: precedes) an event of `match` within its session.

    `node` is the field whose values are shown: `type` or `props.NAME`. The scope's filters say which events are steps;
    the anchor need not be one of them.
    """

    scope: Scope
    match: EventMatch
    backwards: bool
    node: str
    steps: int
    top: int
    collapse: bool


def parse_paths(*, project_id: int, params: Params, now: datetime) -> PathQuestion:
    """Return the question that `params` ask. Raises BadQuestion."""
    check_texts(params)
    check_known(params, NAMES)
    match, backwards = _anchor(one(params, "from"), one(params, "to"))
    return PathQuestion(
        scope=parse_scope(project_id=project_id, params=params, now=now, default_range=_DEFAULT_RANGE),
        match=match,
        backwards=backwards,
        node=_node(one(params, "node") or "type"),
        steps=parse_limit(one(params, "steps"), default=_STEPS, most=_MOST_STEPS, name="steps"),
        top=parse_limit(one(params, "top"), default=_TOP, most=_MOST_TOP, name="top"),
        collapse=_flag(one(params, "collapse")),
    )


def _anchor(after: str | None, before: str | None) -> tuple[EventMatch, bool]:
    if (after is None) == (before is None):
        raise BadQuestion("Give `from` (what follows it) or `to` (what precedes it), not both.", field="from")
    if after is not None:
        return parse_match(after, field="from"), False
    return parse_match(before or "", field="to"), True


def _node(field: str) -> str:
    if field != "type" and not is_property(field):
        raise BadQuestion("`node` must be type or props.NAME.", field="node")
    return field


def _flag(text: str | None) -> bool:
    if text not in (None, "0", "1"):
        raise BadQuestion("`collapse` must be 0 or 1.", field="collapse")
    return text != "0"
