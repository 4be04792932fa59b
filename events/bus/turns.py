"""Whose turn it is: projects take turns by events, so that a project with much waiting delays no other one for long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class Turns:
    """Start-time fair queueing (Goyal, Vin and Cheng, 1996) with one weight for all.

    A batch's turn is the number of events that its project has had before it, counted from when the project began
    to wait. The smallest turn is next. A project that had a large batch is `ahead` of the others until they have
    had as much; one that did not wait gains nothing by it.
    """

    def __init__(self) -> None:
        self._ahead: dict[int, int] = {}

    @property
    def ahead(self) -> Mapping[int, int]:
        """Return by how many events each project is ahead of the next turn; absent is 0."""
        return self._ahead

    def taken(self, batches: Sequence[tuple[int, int]]) -> None:
        """Note what was claimed: (project, events) of each batch, each project's oldest first."""
        now, done = 0, dict(self._ahead)
        for project_id, events in batches:
            turn = done.get(project_id, 0)
            now = max(now, turn)
            done[project_id] = turn + events
        self._ahead = {project_id: end - now for project_id, end in done.items() if end > now}
