"""The paths page: what people do after an event, or before it, within a session."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from metrics.dashboards import figures
from metrics.dashboards.choices import Choice, name_of, one_of, own
from metrics.dashboards.diagram import Diagram, diagram_of
from metrics.dashboards.insights import insight_params
from metrics.dashboards.view import View
from metrics.insights.paths import PathAnswer, ask_paths

#: The page's own parameters.
OWN = ("event", "direction", "node", "steps", "top")
_DIRECTIONS = {"after": "after it", "before": "before it"}
_STEPS = {str(number): str(number) for number in range(1, 7)}
_TOPS = {"3": "3", "6": "6", "10": "10", "20": "20"}
_MISSING = "not set"


@dataclass(frozen=True)
class PathForm:
    """The question: the anchor, which side of it, what a node is, how far and how many. `example` begins with one."""

    event: Choice
    direction: Choice
    node: Choice
    steps: Choice
    top: Choice
    example: str
    example_type: str

    @property
    def fields(self) -> tuple[Choice, ...]:
        """Return them in the order of the page."""
        return (self.event, self.direction, self.node, self.steps, self.top)

    @property
    def is_whole(self) -> bool:
        """Tell whether it can be asked."""
        return bool(self.event.value)


@dataclass(frozen=True)
class LinkRow:
    """One link of the diagram, for its table."""

    step: int
    source: str
    target: str
    sessions: str


@dataclass(frozen=True)
class PathBoard:
    """The answer: a diagram, and its links as a table."""

    anchors: str
    diagram: Diagram
    links: tuple[LinkRow, ...]
    is_empty: bool


def anchor(view: View) -> str:
    """Return the event type that the paths begin or end with; empty without one."""
    return own(view, "event")


def path_form(view: View, *, types: Sequence[str], properties: Sequence[str]) -> PathForm:
    """Return the question that the URL asks, with the names that its lists offer."""
    example = next(iter(types), "")
    return PathForm(
        event=name_of(view, "event", "Event", types, "Choose an event"),
        direction=one_of(view, "direction", "What happens", _DIRECTIONS, "after"),
        node=name_of(view, "node", "Shown by", properties, "event type"),
        steps=one_of(view, "steps", "Steps", _STEPS, "3"),
        top=one_of(view, "top", "Top of each step", _TOPS, "6"),
        example=view.query(event=example) if example else "",
        example_type=example,
    )


def build_paths(*, project_id: int, view: View, form: PathForm) -> PathBoard:
    """Ask for the paths. Raises what the engine raises."""
    side = "to" if form.direction.value == "before" else "from"
    node = f"props.{form.node.value}" if form.node.value else "type"
    # The engine takes what begins like JSON for JSON.
    anchored = {side: json.dumps(form.event.value), "node": node}
    params = insight_params(view, steps=form.steps.value, top=form.top.value, **anchored)
    return paths_of(ask_paths(project_id=project_id, params=params))


def paths_of(answer: PathAnswer) -> PathBoard:
    """Return the paths as the page shows them."""
    return PathBoard(
        anchors=figures.full(answer.anchors),
        diagram=diagram_of(answer.steps, answer.links, backwards=answer.question.backwards),
        links=tuple(
            LinkRow(link.step, _name(link.source), _name(link.target), figures.full(link.count))
            for link in answer.links
        ),
        is_empty=not answer.anchors,
    )


def _name(node: str | None) -> str:
    return _MISSING if node is None else node
