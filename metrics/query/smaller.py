"""Proposes what to ask in place of a question that was too large."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from metrics.query.planner import RAW, plan
from metrics.query.spec import Question
from metrics.query.steps import STEPS

#: What remains of a range is worded in the largest unit of which it holds at least one.
_UNITS = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1)))
#: The time of an answer grows with its range, and how much too long it would have taken nobody knows.
_SHARE = 4


def shorter(span: timedelta) -> str:
    """Return a quarter of `span` as `range=` takes it, at least a minute: `7d`, `12h`."""
    part = span / _SHARE
    name, unit = next(((name, unit) for name, unit in _UNITS if part >= unit), _UNITS[-1])
    return f"{max(1, part // unit)}{name}"


def advice(question: Question) -> str:
    """Say with which step a rollup would answer, or how to get one that does; "" where nothing would help."""
    if question.definition or question.segment or plan(question).source != RAW:
        return ""
    coarser = (step for step in STEPS.values() if step.typical > question.step.typical)
    for step in coarser:
        if plan(replace(question, step=step)).source != RAW:
            return f"With step={step.name} it would be read from a rollup."
    return "As a defined metric (POST /api/definitions) it would be kept as a rollup."
