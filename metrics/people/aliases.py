"""Who stands for whom: pure functions over what events say. First wins, and nobody ends up as an alias of himself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

#: As the gateway has it for user ids.
_LONGEST = 255
#: What programs send that do not know who somebody is. Joining these would make one person of all their users.
_NOBODY = frozenset(
    (
        *("anonymous", "guest", "unknown", "undefined", "null", "none", "nil", "nan", "true", "false"),
        *("0", "-1", "[object object]", "id", "distinct_id", "distinctid", "email", "not_authenticated"),
        "00000000-0000-0000-0000-000000000000",
    )
)


@dataclass(frozen=True, slots=True)
class Said:
    """An event at `ts` says that `alias` stands for `user_id`."""

    alias: str
    user_id: str
    ts: datetime


def worth_knowing(said: Iterable[Said]) -> list[Said]:
    """Return what names two ids of one person, as the gateway would spell them, in order."""
    trimmed = (replace(one, alias=one.alias.strip()) for one in said)
    return [
        one
        for one in trimmed
        if one.alias != one.user_id
        and 0 < len(one.alias) <= _LONGEST
        and not {one.alias.lower(), one.user_id.lower()} & _NOBODY
    ]


@dataclass(frozen=True, slots=True)
class Joins:
    """What is new: aliases with the person that each ends up as; `left_out` counts those of people with too many."""

    new: Sequence[Said]
    left_out: int


def joined(
    known: Mapping[str, str], said: Iterable[Said], *, ids: Mapping[str, int] | None = None, most: int
) -> Joins:
    """Return what is new in `said`, given whom ids stand for already, and how many `ids` those have who have several.

    A person has at most `most`. An alias stands for one user for ever: who names it first has it. What would close a
    circle says nothing new.
    """
    roots, counts = dict(known), dict(ids or {})
    new, left_out = [], 0
    for one in said:
        root = _root(roots, one.user_id)
        if one.alias in roots or root == one.alias:
            continue
        together = counts.get(root, 1) + counts.get(one.alias, 1)
        if together > most:
            left_out += 1
            continue
        roots[one.alias], counts[root] = root, together
        new.append(one)
    return Joins([replace(one, user_id=_root(roots, one.alias)) for one in new], left_out)


def _root(roots: dict[str, str], user_id: str) -> str:
    """Return who `user_id` is, and shorten the way there: else a long chain of aliases would take for ever."""
    while user_id in roots:
        above = roots[user_id]
        roots[user_id] = roots.get(above, above)
        user_id = above
    return user_id
