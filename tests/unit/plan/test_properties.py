"""Drawn schemas: what conforms is accepted, what violates is refused or marked, as a model of our own says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from config.lib import clock
from events.contracts import Lane
from events.gateway.encode import Encoder
from events.gateway.limits import limits
from events.plan import bounds
from events.plan.modes import FLAG_PLAN, Mode, Unlisted
from events.plan.rules import Plan, Planned
from events.reasons import Reason

_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=5),
    "integer": st.integers(-(2**70), 2**70) | st.integers(-5, 5).map(float),
    "number": st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "null": st.none(),
    "array": st.lists(st.integers(), max_size=2),
    "object": st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
}
_NAMES = st.sampled_from(["a", "b", "c.d", "", "$ref", "größe", "\n"])


@dataclass(frozen=True)
class Wanted:
    """A schema as the model has it: the kind of each property, which are required, whether others may be there."""

    kinds: dict[str, str]
    required: frozenset[str]
    others: bool

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {name: {"type": kind} for name, kind in self.kinds.items()},
            "required": sorted(self.required),
            "additionalProperties": self.others,
        }

    def allows(self, props: dict[str, Any]) -> bool:
        strange = set(props) - set(self.kinds)
        return (
            self.required <= set(props)
            and (self.others or not strange)
            and all(is_a(props[name], kind) for name, kind in self.kinds.items() if name in props)
        )


def is_a(value: Any, kind: str) -> bool:
    """Tell whether a JSON value is of a kind: 1.0 is an integer, true is none."""
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, int | float):
        return kind == "number" or (kind == "integer" and float(value).is_integer())
    return kind == {str: "string", type(None): "null", list: "array", dict: "object"}[type(value)]


@st.composite
def wanted(draw: st.DrawFn) -> Wanted:
    kinds = draw(st.dictionaries(_NAMES, st.sampled_from(sorted(_VALUES)), max_size=4))
    required = draw(st.sets(st.sampled_from(sorted(kinds)))) if kinds else set()
    return Wanted(kinds, frozenset(required), draw(st.booleans()))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Wanted, dict[str, Any]]:
    """Draw a schema, and properties that mostly keep it."""
    one = draw(wanted())
    props = {
        name: draw(_VALUES[kind])
        for name, kind in one.kinds.items()
        if name in one.required or draw(st.booleans())
    }
    if draw(st.booleans()):
        props |= draw(st.dictionaries(_NAMES, st.one_of(*_VALUES.values()), max_size=2))
    return one, props


def encoded(plan: Plan, props: dict[str, Any]) -> Encoder:
    encoder = Encoder(7, Lane.LIVE, clock.now(), limits(), odd=True, plan=plan)
    encoder.encode([{"type": "order", "userId": "u1", "props": props}])
    return encoder


def plan_of(one: Wanted, mode: Mode) -> Plan:
    checked = bounds.check(one.schema())
    return Plan(1, Unlisted.ALLOW, {"order": Planned(mode, checked.text, checked.weight)})


@given(cases())
def test_enforced_what_conforms_is_accepted_and_what_violates_is_refused(case: tuple[Wanted, Any]) -> None:
    one, props = case
    encoder = encoded(plan_of(one, Mode.ENFORCE), props)
    assert (len(encoder.event_ids) == 1) is one.allows(props)
    if not one.allows(props):
        ((_, error),) = encoder.errors
        assert error.reason is Reason.PLAN_VIOLATION
        assert error.field.startswith("props")


@given(cases())
def test_warned_everything_is_accepted_and_what_violates_is_marked(case: tuple[Wanted, Any]) -> None:
    one, props = case
    encoder = encoded(plan_of(one, Mode.WARN), props)
    assert encoder.warned == (not one.allows(props))
    flags = int(encoder.lines[0].rstrip("\n").rpartition("\t")[2])
    # The other flags say other things: that a NUL was escaped, for one.
    assert flags & FLAG_PLAN == (0 if one.allows(props) else FLAG_PLAN)
