"""The tracking plan as the pages show it: types that came or are planned, and what broke the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.urls import reverse

from config.lib import clock
from events.models import PlannedType
from events.plan.selectors import Violations, violations_by_type
from metrics.catalogue.selectors import ObservedProperty, ObservedType, Types, list_types
from metrics.dashboards import figures

#: Types listed at most, and hours in which violations are counted.
MOST_TYPES, HOURS = 200, 7 * 24


@dataclass(frozen=True)
class TypeLine:
    """A type: `mode` is empty where it has no plan, the times are None where no event of it came."""

    type: str
    url: str
    events: str
    first_seen: datetime | None
    last_seen: datetime | None
    mode: str
    warned: int
    quarantined: int


@dataclass(frozen=True)
class PropertyLine:
    """A property of a type; `kinds` are (kind, share) pairs, most first."""

    name: str
    kinds: tuple[tuple[str, str], ...]
    events: str
    share: str
    first_seen: datetime
    last_seen: datetime
    estimated: bool


def recent_hours() -> tuple[datetime, datetime]:
    """Return the whole hours of the last seven days, the one in progress included."""
    hour = clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return hour - timedelta(hours=HOURS), hour


def type_url(slug: str, type: str) -> str:
    """Return the address of a type's page: a type is any text, which a path is not."""
    return f"{reverse('plan-of-type', args=[slug])}?{urlencode({'type': type})}"


def type_lines(*, project_id: int, slug: str) -> tuple[list[TypeLine], Types]:
    """Return the types that came most often, then those that are planned only, then those that only broke the plan."""
    found = list_types(project_id=project_id, limit=MOST_TYPES)
    observed = {one.type: one for one in found.types}
    planned = dict(PlannedType.objects.filter(project_id=project_id).values_list("type", "mode"))
    start, end = recent_hours()
    broke = {str(one.of): one for one in violations_by_type(project_id=project_id, start=start, end=end)}
    names = dict.fromkeys([*observed, *sorted(planned), *broke])
    return [_type_line(slug, name, observed, planned, broke) for name in names], found


def _type_line(
    slug: str,
    name: str,
    observed: Mapping[str, ObservedType],
    planned: Mapping[str, str],
    broke: Mapping[str, Violations],
) -> TypeLine:
    seen, violations = observed.get(name), broke.get(name)
    return TypeLine(
        type=name,
        url=type_url(slug, name) if name else "",
        events=figures.short(seen.events) if seen else "",
        first_seen=seen.first_seen if seen else None,
        last_seen=seen.last_seen if seen else None,
        mode=planned.get(name, ""),
        warned=violations.warned if violations else 0,
        quarantined=violations.quarantined if violations else 0,
    )


def property_lines(observed: Iterable[ObservedProperty], events: int) -> list[PropertyLine]:
    """Return properties as lines; `events` is how many events the counts are of."""
    return [
        PropertyLine(
            name=one.name,
            kinds=tuple((kind, _share(count, one.events)) for kind, count in _most_first(one.kinds)),
            events=figures.short(one.events),
            share=_share(one.events, events),
            first_seen=one.first_seen,
            last_seen=one.last_seen,
            estimated=one.estimated,
        )
        for one in observed
    ]


def _most_first(kinds: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(kinds.items(), key=lambda pair: (-pair[1], pair[0]))


def _share(part: int, whole: int) -> str:
    """Return a share; 100 % is all, and what is a little is not nothing."""
    if part >= whole:
        return "100 %"
    percent = 100 * part / whole
    return f"{percent:.0f} %" if 1 <= percent < 99 else "under 1 %" if percent < 1 else "99 %"
