"""What people must be after events came in any order: plain Python, to compare with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from tests.support.pipeline import rows


def expected_traits(events: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Any]:
    """Return {(user id, trait): value}: of each, what was said last by (ts, event id)."""
    last: dict[tuple[str, str], tuple[datetime, str, Any]] = {}
    for one in events:
        if one["type"] not in ("identify", "$identify"):
            continue
        props = one["props"]
        said = props.get("traits", props.get("$set", props))
        for name, value in said.items():
            told = (datetime.fromisoformat(one["ts"]), one["eventId"], value)
            key = (one["userId"], name)
            if key not in last or told[:2] > last[key][:2]:
                last[key] = told
    return {key: value for key, (_, _, value) in last.items()}


def accepted(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the (alias, user) pairs that count: the first of each alias, unless both are one person's already."""
    taken: list[tuple[str, str]] = []
    for alias, user in pairs:
        known = any({alias, user} <= group for group in classes(taken))
        if not known and alias not in {one for one, _ in taken}:
            taken.append((alias, user))
    return taken


def classes(pairs: Iterable[tuple[str, str]]) -> set[frozenset[str]]:
    """Return the groups that pairs join their ids into."""
    group: dict[str, set[str]] = {}
    for left, right in pairs:
        union = group.get(left, {left}) | group.get(right, {right})
        for one in union:
            group[one] = union
    return {frozenset(union) for union in group.values()}


def stored_aliases(project_id: int) -> dict[str, str]:
    """Return whom each alias of a project stands for."""
    return dict(rows("SELECT alias, user_id FROM user_alias WHERE project_id = %s", project_id))


def stored_traits(project_id: int) -> dict[tuple[str, str], Any]:
    """Return {(user id, trait): value} as stored."""
    query = "SELECT user_id, name, value::text FROM user_trait WHERE project_id = %s"
    return {(user, name): json.loads(value) for user, name, value in rows(query, project_id)}


def assert_flat(project_id: int) -> None:
    """Assert that nobody is an alias of an alias, nor of himself."""
    aliases = stored_aliases(project_id)
    assert not aliases.keys() & set(aliases.values())
