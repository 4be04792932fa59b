"""Tells rules that read raw events from those that rollups, traits and lists answer."""

from __future__ import annotations

from metrics.language.matching import EventMatch
from metrics.segments.compile import positive
from metrics.segments.rules import All, AnyOf, Did, Not, Rule


def reads_events(rule: Rule) -> bool:
    """Tell whether a rule is one that raw events answer, in whatever group."""
    match positive(rule):
        case Did(match=match, at_least=at_least, at_most=at_most):
            return match != EventMatch() or at_least > 1 or at_most is not None
        case Not(inner):
            return reads_events(inner)
        case All(rules) | AnyOf(rules):
            return any(reads_events(one) for one in rules)
    return False
