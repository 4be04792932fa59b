"""Tells which defined metric answers a question, and what of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from metrics.definitions.spec import DIMENSION_LENGTH, GRAINS, PERCENTILE, TABLES, Definition
from metrics.language.filters import Filter
from metrics.language.numbers import number_of
from metrics.query.spec import Question
from metrics.rollups.definitions import Rollup

_SPANS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
#: What keeps each kind of definition, coarsest first.
_ROLLUPS = {
    kind: tuple(
        Rollup(f"{table}_{grain.suffix}", _SPANS[grain.unit], grain.unit, kind) for grain in reversed(GRAINS)
    )
    for kind, table in TABLES.items()
}
#: Rows of numbers have their sum and their extremes, and bins any quantile.
_SAME = dict.fromkeys(("sum", "avg", "min", "max"), "numbers") | {PERCENTILE: "quantile"}


@dataclass(frozen=True, slots=True)
class Use:
    """A definition that answers a question, given that its rows meet these filters on its dimensions."""

    definition: Definition
    filters: tuple[Filter, ...] = ()

    @property
    def rollups(self) -> Sequence[Rollup]:
        """Return the relations that keep it, coarsest first."""
        return _ROLLUPS[self.definition.kind]


def use_of(definition: Definition, question: Question) -> Use | None:
    """Return how `definition` answers `question`, or None where it does not.

    It does where it measures the same of the same events, or of more events of which its dimensions tell those meant.
    """
    if question.segment or not _measures(definition, question):
        return None
    if not set(question.group_by) <= set(definition.dimensions):
        return None
    types, filters = _type_rest(definition, question), _filter_rest(definition, question)
    if types is None or filters is None:
        return None
    rest = (*types, *filters)
    return Use(definition, rest) if all(_on_dimension(one, definition) for one in rest) else None


def _measures(definition: Definition, question: Question) -> bool:
    """Tell whether its rows hold what is asked."""
    kept, asked = definition.measure, question.measure
    return definition.prop == asked.prop and _SAME.get(kept, kept) == _SAME.get(asked.kind, asked.kind)


def _type_rest(definition: Definition, question: Question) -> tuple[Filter, ...] | None:
    """Return what leaves the question's types of the definition's; None where it lacks some of them."""
    asked, kept = set(question.types), set(definition.match.types)
    if asked == kept:
        return ()
    if not asked or (kept and not asked <= kept):
        return None
    return (Filter("type", "in", question.types),)


def _filter_rest(definition: Definition, question: Question) -> tuple[Filter, ...] | None:
    """Return the filters beyond the definition's; None where it has one that the question has not."""
    kept = {_canonical(one) for one in definition.match.filters}
    if not kept <= {_canonical(one) for one in question.filters}:
        return None
    return tuple(one for one in question.filters if _canonical(one) not in kept)


def _canonical(one: Filter) -> Filter:
    """Return one spelling of a filter that can be said in several."""
    return Filter(one.field, "in", tuple(sorted(set(one.values)))) if one.op in ("eq", "in") else one


def _on_dimension(one: Filter, definition: Definition) -> bool:
    """Tell whether rows say if they meet a filter. They know texts: what compares as a number too they cannot tell."""
    if one.op not in ("eq", "in") or one.field not in definition.dimensions:
        return False
    return one.field == "type" or not any(
        _is_cut(value) or number_of(value) is not None for value in one.values
    )


def _is_cut(value: str) -> bool:
    return len(value) > DIMENSION_LENGTH
