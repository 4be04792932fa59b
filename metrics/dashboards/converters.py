"""Days and operations in paths."""

from __future__ import annotations

from datetime import date

from events.models import Operation


class DayConverter:
    """Takes a day as YYYY-MM-DD; other texts are no such path."""

    regex = r"\d{4}-\d{2}-\d{2}"

    def to_python(self, value: str) -> date:
        """Return the day; ValueError where the calendar has none."""
        return date.fromisoformat(value)

    def to_url(self, value: date) -> str:
        """Return the day for the path."""
        return value.isoformat()


class OperationConverter:
    """Takes the name of something that can be done to stored days."""

    regex = "|".join(Operation.Action.values)

    def to_python(self, value: str) -> Operation.Action:
        """Return the operation."""
        return Operation.Action(value)

    def to_url(self, value: Operation.Action) -> str:
        """Return its name."""
        return value.value
