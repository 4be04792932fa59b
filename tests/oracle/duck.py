"""A history in DuckDB, and how conditions on its events are asked there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

import duckdb

from config.lib import sqlfile
from tests.oracle.grounds import Ground
from tests.oracle.histories import Sent

LOAD = sqlfile.load(__file__, "load.sql")
LANGUAGE = sqlfile.load(__file__, "language.sql")
_TABLES = ("alias", "event", "session", "trait")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTES = {"1m": 1, "5m": 5, "15m": 15, "1h": 60}
UNITS = {"1d": "day", "1w": "week", "1mo": "month", "day": "day", "week": "week", "month": "month"}


class Duck:
    """A database in memory that holds one project's events as they were sent."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self._connection = duckdb.connect(config={"threads": 1})
        self._connection.execute(LOAD["tables"])
        self._connection.execute(LANGUAGE["macros"])

    def send(self, sent: Sequence[Sent]) -> None:
        """Take events as they were sent."""
        self.rows(LOAD["send"], **_columns(sent))

    def settle(self) -> None:
        """Make events, persons, sessions and traits of what was sent."""
        for name in _TABLES:
            self._connection.execute(LOAD[name])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def rows(self, text: str, **params: Any) -> list[tuple[Any, ...]]:
        """Return what a statement gives; it gets those of the parameters that it names."""
        named = set(re.findall(r"\$(\w+)", text))
        return self._connection.execute(
            text, {name: value for name, value in params.items() if name in named}
        ).fetchall()

    def buckets(self, start: int, end: int, step: str, tz: str) -> list[tuple[int, int]]:
        """Return (start, end) of every bucket that a range touches."""
        if step in _MINUTES:
            return self.rows(LANGUAGE["fixed"], start=start, end=end, tz=tz, minutes=_MINUTES[step])  # type: ignore[return-value]
        text = LANGUAGE["calendar"].format(unit=UNITS[step])
        return self.rows(text, start=start, end=end, tz=tz)  # type: ignore[return-value]


def _columns(sent: Sequence[Sent]) -> dict[str, list[Any]]:
    return {
        "place": list(range(len(sent))),
        "event_id": [one.id for one in sent],
        "ts": [us(one.ts) for one in sent],
        "type": [one.type for one in sent],
        "user_id": [one.user or one.anonymous for one in sent],
        "anonymous_id": [one.anonymous for one in sent],
        "props": [json.dumps(one.props) for one in sent],
    }


def us(moment: datetime) -> int:
    """Return a moment in microseconds since 1970."""
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * 1_000_000 + moment.microsecond


def read_us(text: str) -> int:
    """Return a moment that the product wrote."""
    return us(datetime.fromisoformat(text))


@dataclass
class Conditions:
    """Conditions on events `e` as SQL, with what is bound in them."""

    params: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: Any) -> str:
        """Return the name of a parameter that holds the value."""
        name = f"c{len(self.params)}"
        self.params[name] = value
        return f"${name}"

    def filters(self, texts: Sequence[str], of: str = "e") -> str:
        """Return the condition that all FIELD:OP:VALUE hold."""
        return " AND ".join([self._filter(text, of) for text in texts]) or "true"

    def types(self, types: Sequence[str]) -> str:
        """Return the condition that an event is of one of these types; of any where there are none."""
        return f"list_contains({self.bind(list(types))}, e.type)" if types else "true"

    def match(self, value: Any) -> str:
        """Return the condition of events as the API names them: a type, JSON text, or an object; None: any."""
        if isinstance(value, str) and value.startswith("{"):
            value = json.loads(value)
        if value is None or isinstance(value, str):
            value = {"type": value or []}
        types = value.get("type", [])
        listed = [types] if isinstance(types, str) else types
        return f"({self.types(listed)} AND {self.filters(value.get('filters', []))})"

    def segment(self, name: str | None, person: str = "e.person") -> str:
        """Return the condition that a person is in a segment."""
        if name is None:
            return "true"
        return f"{person} IN (SELECT person FROM member WHERE segment = {self.bind(name)})"

    def _filter(self, text: str, of: str) -> str:
        name, op, *rest = text.split(":", 2)
        value = rest[0] if rest else "true"
        choices = value.split(",") if op == "in" else [value or "true"] if op == "exists" else [value]
        bound = ", ".join(self.bind(one) for one in (name, op, choices))
        return f"meets({of}.type, {of}.person, {of}.props, {bound})"


@dataclass(frozen=True)
class Asked:
    """The parameters that most questions have, read as the documents say. Ranges are FROM/TO with offsets."""

    params: Mapping[str, Sequence[str]]

    def one(self, name: str, default: str | None = None) -> Any:
        """Return a parameter that stands once."""
        return self.params[name][0] if self.params.get(name) else default

    def many(self, name: str) -> list[str]:
        """Return a parameter that may be repeated."""
        return list(self.params.get(name, ()))

    @property
    def tz(self) -> str:
        """Return the zone."""
        return str(self.one("tz", "UTC"))

    @property
    def span(self) -> tuple[int, int]:
        """Return the range."""
        start, end = (self._moment(part) for part in self.one("range").split("/"))
        return us(start), us(end)

    def over(self, start: int, end: int) -> Asked:
        """Return the same question about another range."""
        moments = (_EPOCH + timedelta(microseconds=one) for one in (start, end))
        return Asked({**self.params, "range": ["/".join(one.isoformat() for one in moments)]})

    def _moment(self, text: str) -> datetime:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(self.tz))
