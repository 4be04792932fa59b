"""What a segment is: its rules, checked, each a value of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from metrics.language.filters import Filter
from metrics.language.matching import EventMatch


@dataclass(frozen=True, slots=True)
class Did:
    """Who did such events at least and at most so often, within a time.

    `within` is like 30d and ends now; `range` is what GET /api/metrics takes, in UTC; neither: ever. `at_least` 0
    means those who never did, too.
    """

    match: EventMatch
    at_least: int = 1
    at_most: int | None = None
    within: str | None = None
    range: str | None = None

    def wire(self) -> dict[str, Any]:
        """Return it as the API takes it."""
        optional = {"atMost": self.at_most, "within": self.within, "range": self.range}
        given = {name: value for name, value in optional.items() if value is not None}
        return {"did": self.match.wire(), "atLeast": self.at_least, **given}


@dataclass(frozen=True, slots=True)
class Trait:
    """Whose trait meets a condition: `condition` is one on a property that has the trait's name."""

    condition: Filter

    def wire(self) -> dict[str, Any]:
        """Return it as the API takes it."""
        return {"trait": str(self.condition).removeprefix("props.")}


@dataclass(frozen=True, slots=True)
class Listed:
    """Who is on the list of a static segment."""

    segment_id: int


@dataclass(frozen=True, slots=True)
class Not:
    """Who was seen in the project and does not meet the rule."""

    rule: Rule

    def wire(self) -> dict[str, Any]:
        """Return it as the API takes it."""
        return {"not": wire(self.rule)}


@dataclass(frozen=True, slots=True)
class All:
    """Who meets all of the rules."""

    rules: tuple[Rule, ...]

    def wire(self) -> dict[str, Any]:
        """Return it as the API takes it."""
        return {"all": [wire(one) for one in self.rules]}


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Who meets one of the rules."""

    rules: tuple[Rule, ...]

    def wire(self) -> dict[str, Any]:
        """Return it as the API takes it."""
        return {"any": [wire(one) for one in self.rules]}


Rule = Did | Trait | Listed | Not | All | AnyOf


def wire(rule: Rule) -> dict[str, Any] | None:
    """Return a rule as the API takes it, in one spelling; None for a list, which has no rules."""
    return None if isinstance(rule, Listed) else rule.wire()


@dataclass(frozen=True, slots=True)
class Segment:
    """A saved segment; `rules` is a checked rule."""

    id: int
    name: str
    rules: Rule
