"""What a page is asked for, read from its URL and given back to links, controls and the query engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict

from config.lib.clock import now
from metrics.dashboards.chips import Chip, chips_of
from metrics.dashboards.presets import CUSTOM, DEFAULT_RANGE, DEFAULT_STEP, DEFAULT_ZONE, RANGES, STEPS
from metrics.errors import BadQuestion
from metrics.language.filters import Filter, parse_filter
from metrics.language.ranges import parse_range, parse_zone

#: Filters and types that a URL may hold; more are left out.
MOST_FILTERS = 20
#: The longest value that a link may filter by: the engine takes no longer one.
_LONGEST_VALUE = 1000
_FIRST_DAY, _LAST_DAY = date(1970, 1, 2), date(2199, 12, 30)
_BAD_DAYS = (
    "Give two days, the first not after the last, at most ten years apart. This is the last week instead."
)


@dataclass(frozen=True)
class View:
    """The question state of a page: everything that its URL says, checked.

    `first` and `last` are the days of a custom range in the zone `tz`, both included. `filters` are texts as the API
    takes them. `kept` are the page's own parameters, which every link of the page keeps.
    """

    first: date
    last: date
    range: str = DEFAULT_RANGE
    step: str = DEFAULT_STEP
    tz: str = DEFAULT_ZONE
    compare: bool = False
    segment: str = ""
    types: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    kept: tuple[tuple[str, str], ...] = ()
    #: What a URL of the page means that says nothing of a range.
    default_range: str = DEFAULT_RANGE
    #: What is wrong with the URL, in words for the person who typed it.
    problem: str = ""

    @property
    def asked(self) -> str:
        """Return the span as the API takes it in `range=`: days of one's choice as midnights of the zone."""
        if self.range != CUSTOM:
            return self.range
        return f"{self.first.isoformat()}T00:00:00/{(self.last + timedelta(days=1)).isoformat()}T00:00:00"

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """Return the span as moments in UTC, start included, end not, as the engine reads it."""
        return parse_range(self.asked, parse_zone(self.tz), now())

    @property
    def chips(self) -> tuple[Chip, ...]:
        """Return what narrows the question, each with the query string that takes it out."""
        return chips_of(self)

    def params(self, **more: str | Sequence[str] | None) -> dict[str, list[str]]:
        """Return the parameters for the engine, with `more` of them; None takes one out.

        Example: `view.params(metric="count", groupBy=["type"], step=None)`.
        """
        asked: dict[str, str | Sequence[str] | None] = {
            "range": self.asked,
            "step": self.step,
            "tz": self.tz,
            "compare": "previous" if self.compare else None,
            "segment": self.segment or None,
            "type": self.types or None,
            "filter": self.filters or None,
            **more,
        }
        return {
            name: [value] if isinstance(value, str) else list(value)
            for name, value in asked.items()
            if value is not None
        }

    def query(self, **changes: Any) -> str:
        """Return the query string that leads here with `changes`: of these fields, or of the page's own parameters.

        What is as it would be anyway is left out. Example: `view.query(range="24h", metric="users")`.
        """
        own = {name: str(value) for name, value in changes.items() if name not in _FIELDS}
        return urlencode(replace(self, **{k: v for k, v in changes.items() if k in _FIELDS}).pairs(own))

    def pairs(self, own: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
        """Return the fields of the query string, `own` in place of the page's parameters of these names."""
        kept = {**dict(self.kept), **(own or {})}
        days = self.range == CUSTOM
        once = [
            ("range", self.range, self.default_range),
            ("from", self.first.isoformat() if days else "", ""),
            ("to", self.last.isoformat() if days else "", ""),
            ("step", self.step, DEFAULT_STEP),
            ("tz", self.tz, DEFAULT_ZONE),
            ("compare", "previous" if self.compare else "", ""),
            ("segment", self.segment, ""),
        ]
        return [
            *((name, value) for name, value in kept.items() if value),
            *((name, value) for name, value, default in once if value != default),
            *(("type", value) for value in self.types),
            *(("filter", value) for value in self.filters),
        ]

    def with_filter(self, field: str, value: str | None) -> str:
        """Return the query string that shows only where `field` is `value` (None: where it is missing).

        `field` is `type`, `userId` or `props.NAME`. What another link said of the field is replaced. Empty where no
        filter can say that.
        """
        if field == "type" and value:
            return self.query(types=(value,))
        text = f"{field}:exists:false" if value is None else f"{field}:eq:{value}"
        if not _is_filter(text):
            return ""
        others = tuple(one for one in self.filters if not _is_about(one, field))
        return self.query(filters=(*others, text)[-MOST_FILTERS:])

    def without_filter(self, text: str) -> str:
        """Return the query string without the filter `text`."""
        return self.query(filters=tuple(one for one in self.filters if one != text))

    def without_type(self, type: str) -> str:
        """Return the query string that no longer asks for events of `type`."""
        return self.query(types=tuple(one for one in self.types if one != type))


_FIELDS = frozenset(View.__dataclass_fields__)


def read_view(params: QueryDict, *, keep: Sequence[str] = (), default_range: str = DEFAULT_RANGE) -> View:
    """Return what a page's query string asks for; `keep` names the page's own parameters. Never raises.

    `default_range` is what the page shows where the URL says nothing.

    What cannot be read falls back to what would be there without it, and `problem` says so.
    """
    today = now().date()
    problems: list[str] = []
    week = View(
        range=_one_of(params.get("range"), RANGES, default_range),
        default_range=default_range,
        step=_one_of(params.get("step"), STEPS, DEFAULT_STEP),
        tz=_zone(params.get("tz") or DEFAULT_ZONE, problems),
        compare=params.get("compare") == "previous",
        segment=_text(params.get("segment")),
        types=tuple(dict.fromkeys(filter(None, map(_text, params.getlist("type")))))[:MOST_FILTERS],
        filters=_filters(params.getlist("filter"), problems),
        kept=tuple((name, _text(params.get(name))) for name in keep if _text(params.get(name))),
        first=today - timedelta(days=6),
        last=today,
    )
    view = _custom(params, week, problems) if week.range == CUSTOM else week
    return replace(view, problem=" ".join(problems))


def week_up_to(view: View, moment: datetime) -> str:
    """Return the query string of the seven days that end with the day of `moment`, and what narrows `view`."""
    last = moment.astimezone(UTC).date()
    return view.query(range=CUSTOM, first=last - timedelta(days=6), last=last)


def _custom(params: QueryDict, week: View, problems: list[str]) -> View:
    """Return `week` with the days that the URL gives."""
    try:
        first = date.fromisoformat(params.get("from") or week.first.isoformat())
        last = date.fromisoformat(params.get("to") or week.last.isoformat())
        if not _FIRST_DAY <= first <= last <= _LAST_DAY:
            raise ValueError
        chosen = replace(week, first=first, last=last)
        _ = chosen.bounds
    except (ValueError, BadQuestion):
        problems.append(_BAD_DAYS)
        return replace(week, range=DEFAULT_RANGE)
    return chosen


def _one_of(text: str | None, known: Mapping[str, str], default: str) -> str:
    return text if text is not None and text in known else default


def _zone(name: str, problems: list[str]) -> str:
    try:
        return parse_zone(name).key
    except BadQuestion:
        problems.append("There is no time zone of this name, so times are UTC. Zones are like Europe/Berlin.")
        return DEFAULT_ZONE


def _filters(texts: Sequence[str], problems: list[str]) -> tuple[str, ...]:
    good = tuple(dict.fromkeys(text for text in texts if _is_filter(text)))
    if len(good) < len(set(texts)) or len(good) > MOST_FILTERS:
        problems.append("A filter of this address cannot be read and is left out.")
    return good[:MOST_FILTERS]


def _is_filter(text: str) -> bool:
    try:
        return bool(_text(text)) and bool(parse_filter(text))
    except BadQuestion:
        return False


def _is_about(text: str, field: str) -> bool:
    """Tell whether a filter is one that a click made, about the same field."""
    found: Filter = parse_filter(text)
    return found.field == field and (found.op == "eq" or (found.op, found.values) == ("exists", ("false",)))


def _text(text: str | None) -> str:
    """Return `text`, or nothing where it holds what is no text or is too long."""
    if not text or "\x00" in text or "\ufffd" in text or len(text) > 2 * _LONGEST_VALUE:
        return ""
    return text
