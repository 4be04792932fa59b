"""What a project's questions can be about, for lists to choose from: the names that arrive."""

from __future__ import annotations

from metrics.catalogue.selectors import find_type, list_types

#: Types and properties that a list offers.
_MOST = 200


def type_names(project_id: int) -> list[str]:
    """Return the types of a project's events, those that came most often first."""
    return [one.type for one in list_types(project_id=project_id, limit=_MOST).types]


def property_names(project_id: int, type: str) -> list[str]:
    """Return the properties of events of `type`; none where no such event ever came."""
    found = find_type(project_id=project_id, type=type) if type else None
    return [one.name for one in found[1].observed][:_MOST] if found else []
