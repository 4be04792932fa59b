"""Tells in plain Python who meets a segment's rules, sharing nothing with the product but the filters' model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.support.metrics_model import Seen, _meets

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(days=7)}


@dataclass(frozen=True)
class Told:
    """What one event said about a user."""

    user: str
    name: str
    value: Any
    ts: datetime
    event_id: UUID


@dataclass(frozen=True)
class World:
    """All that is known of a project: events, which ids stand for which, traits, as of `now`."""

    events: Sequence[Seen]
    now: datetime
    aliases: Mapping[str, str] = field(default_factory=dict)
    told: Sequence[Told] = ()

    def person(self, user: str) -> str:
        """Return whom an id stands for."""
        return self.aliases.get(user, user)

    def everybody(self) -> set[str]:
        """Return everybody who was seen."""
        return {self.person(one.user) for one in self.events}

    def traits(self) -> dict[str, dict[str, Any]]:
        """Return by person what was said last."""
        known: dict[str, dict[str, Any]] = {}
        for one in sorted(self.told, key=lambda told: (told.ts, told.event_id)):
            known.setdefault(self.person(one.user), {})[one.name] = one.value
        return known

    def members(self, rule: Mapping[str, Any]) -> set[str]:
        """Return who meets a rule."""
        if "all" in rule:
            return set.intersection(*(self.members(one) for one in rule["all"]))
        if "any" in rule:
            return set.union(*(self.members(one) for one in rule["any"]))
        if "not" in rule:
            return self.everybody() - self.members(rule["not"])
        if "trait" in rule:
            return self._trait(rule["trait"])
        counts = Counter(self.person(one.user) for one in self._matching(rule))
        least, most = rule.get("atLeast", 1), rule.get("atMost", 10**9)
        return {person for person in self.everybody() if least <= counts[person] <= most}

    def _trait(self, condition: str) -> set[str]:
        traits = self.traits()
        blank = Seen("", self.now, "", {})
        return {
            person
            for person in self.everybody()
            if _meets(replace(blank, props=traits.get(person, {})), f"props.{condition}")
        }

    def _matching(self, rule: Mapping[str, Any]) -> Iterator[Seen]:
        match = rule["did"] if isinstance(rule["did"], Mapping) else {"type": rule["did"]}
        types = match.get("type", [])
        types = [types] if isinstance(types, str) else types
        start, end = self._span(rule)
        for one in self.events:
            known_as = replace(one, user=self.person(one.user))
            is_meant = start <= one.ts < end and (not types or one.type in types)
            if is_meant and all(_meets(known_as, self._named(text)) for text in match.get("filters", [])):
                yield one

    def _named(self, text: str) -> str:
        """Return a filter in which ids stand for whom they stand for."""
        name, op, *rest = text.split(":", 2)
        if name != "userId" or op not in ("eq", "ne", "in"):
            return text
        return f"{name}:{op}:{','.join(self.person(one) for one in rest[0].split(','))}"

    def _span(self, rule: Mapping[str, Any]) -> tuple[datetime, datetime]:
        if span := rule.get("within"):
            end = self.now.replace(second=0, microsecond=0) + timedelta(minutes=1)
            return end - int(span[:-1]) * _UNITS[span[-1]], end
        if span := rule.get("range"):
            start, end = (datetime.fromisoformat(part) for part in span.split("/"))
            return start, end
        return datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
