"""What `_controls.html` and `_chips.html` need: the controls over a page's question."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from metrics.dashboards.presets import RANGES, STEPS
from metrics.dashboards.view import View
from metrics.segments.selectors import list_segments

#: Segments that the control offers: the first by name.
_MOST_SEGMENTS = 200


@dataclass(frozen=True)
class Controls:
    """The controls of a page at the address `url`, whose answer goes into the element `#target`.

    `segments` is asked only by a template that shows the control. What a page has no use for it switches off.
    """

    view: View
    url: str
    segments: Callable[[], list[str]]
    target: str
    ranges: Mapping[str, str]
    steps: Mapping[str, str]
    has_compare: bool
    has_segment: bool
    #: The page has fields of this form for its own parameters, so they need not be kept for it.
    has_fields: bool = False


def controls_of(
    view: View,
    *,
    project_id: int,
    url: str,
    target: str = "board",
    has_step: bool = True,
    has_compare: bool = True,
    has_segment: bool = True,
    has_fields: bool = False,
) -> Controls:
    """Return the controls for the project's page at `url`."""

    def segments() -> list[str]:
        names = [one.name for one in list_segments(project_id=project_id, limit=_MOST_SEGMENTS).items]
        return names if not view.segment or view.segment in names else [view.segment, *names]

    steps = STEPS if has_step else {}
    return Controls(view, url, segments, target, RANGES, steps, has_compare, has_segment, has_fields)
