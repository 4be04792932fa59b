"""The one table of questions: what both are asked, as the parameters of the API."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.oracle import funnels, lifecycle, metrics, paths, retention, sessions
from tests.oracle.grounds import GENERATED

#: Ask the product at `PATH` with `EXTRA` parameters; `check` compares its answer with DuckDB's.
KINDS: dict[str, Any] = {
    "metrics": metrics,
    "sessions": sessions,
    "funnels": funnels,
    "retention": retention,
    "paths": paths,
    "lifecycle": lifecycle,
}
SPRING, ALL = "2025-03-07T00:00:00Z/2025-04-03T00:00:00Z", "2025-03-01T00:00:00Z/2025-11-10T00:00:00Z"
RAGGED = "2025-03-29T22:17:31.123456Z/2025-03-31T03:44:00.5Z"
BERLIN_DAYS = "2025-03-29T00:00:00+01:00/2025-04-01T00:00:00+02:00"
AUTUMN = "2025-10-24T00:00:00Z/2025-11-05T00:00:00Z"
ODD_ZONES = ["Atlantic/Azores", "America/Havana"]
AZORES_DAYS = "2025-10-26T00:00:00Z/2025-10-28T01:00:00Z"
EMPTY = "2025-06-01T00:00:00Z/2025-06-04T00:00:00Z"


@dataclass(frozen=True)
class Question:
    """One question: its kind, and the parameters of its address."""

    kind: str
    params: dict[str, list[str]]

    def __str__(self) -> str:
        """Return it as a test's name."""
        shown = "&".join(
            f"{name}={','.join(values)}" for name, values in self.params.items() if name != "range"
        )
        return f"{self.kind}?{shown}".encode("ascii", "replace").decode()[:100]


def ask(kind: str, **params: Any) -> Question:
    """Return a question; a list among the values is repeated, an underscore ends names that Python has."""
    given = {
        name.rstrip("_"): value if isinstance(value, list) else [value] for name, value in params.items()
    }
    return Question(kind, {name: [str(value) for value in values] for name, values in given.items()})


def _step(type: str | list[str], *filters: str) -> dict[str, Any]:
    return {"type": type, "filters": list(filters)}


MEASURES = ["count", "users", "sessions"] + [
    f"{kind}:props.{name}" for kind in ("sum", "avg", "min", "max", "p50", "p95") for name in ("v", "value")
]
NARROW = ["props.country:ne:DE", "props.v:gte:-3"]
WANTS_TWO = json.dumps(["view", _step(["cart", "order"], "props.v:gt:5")])
WANTS_FOUR = json.dumps(
    [{}, _step("cart"), _step([], "props.flag:eq:true"), {"type": "order", "name": "Buys"}]
)

METRICS = [
    *(ask("metrics", metric=one, range=SPRING, step="1d") for one in MEASURES),
    *(ask("metrics", metric=one, range=BERLIN_DAYS, step="1h", tz="Europe/Berlin") for one in MEASURES),
    *(
        ask("metrics", metric=one, range=RAGGED, step="15m", tz="Asia/Kolkata", filter=NARROW)
        for one in MEASURES
    ),
    *(
        ask("metrics", metric=one, range=ALL, step="1mo", tz="America/New_York", segment="buyers")
        for one in MEASURES
    ),
    *(
        ask(
            "metrics",
            metric=one,
            range=AUTUMN,
            step="1w",
            tz="Europe/Berlin",
            groupBy=["type", "props.country"],
        )
        for one in MEASURES
        if one != "sessions"
    ),
    *(ask("metrics", metric=one, range=AUTUMN, step="1d", tz="Europe/Berlin") for one in GENERATED.defined),
    *(ask("metrics", metric=one, range=SPRING, step="1h") for one in GENERATED.defined),
    *(
        ask("metrics", metric=one, range=RAGGED, step="1m", filter="props.flag:exists")
        for one in GENERATED.defined
    ),
    *(ask("metrics", metric=one, range=AZORES_DAYS, step="1d", tz="Atlantic/Azores") for one in MEASURES),
    ask("metrics", metric="count", range=EMPTY, step="5m"),
    ask("metrics", metric="avg:props.v", range=EMPTY, step="1d"),
    ask("metrics", metric="count", range=SPRING, step="1d", groupBy="props.a.b", type=["view", "order"]),
    *(
        ask(
            "metrics",
            metric=one,
            range=AUTUMN,
            step="1w",
            groupBy="props.country",
            limit=2,
            compare="previous",
        )
        for one in MEASURES
        if one != "sessions"
    ),
    *(
        ask("metrics", metric="count", range=AZORES_DAYS, step="1d", tz=tz, compare="previous")
        for tz in ODD_ZONES
    ),
    ask("metrics", metric="orders", range=SPRING, step="1d", groupBy="props.country"),
    ask("metrics", metric="turnover", range=ALL, step="1mo", groupBy=["type", "props.country"]),
    ask("metrics", metric="median", range=ALL, step="1w", groupBy="props.country"),
    ask("metrics", metric="sessions", range=ALL, step="1d", type="order", tz="Europe/Berlin"),
    ask(
        "metrics",
        metric="users",
        range=ALL,
        step="1d",
        type="order",
        segment="not-german",
        tz="Europe/Berlin",
    ),
]
SESSIONS = [
    ask("sessions", range=SPRING),
    ask("sessions", range=AUTUMN, userId="u1"),
    ask("sessions", range=RAGGED),
    ask("sessions", range=EMPTY),
    ask("sessions", range="2025-03-29/2025-03-31", tz="Europe/Berlin", userId="hot"),
]
FUNNELS = [
    ask("funnels", step=["view", "cart", "order"], range=SPRING, window="1d"),
    ask(
        "funnels",
        step=["view", "cart", "order"],
        range=SPRING,
        window="1d",
        breakdown="props.country",
        limit=2,
    ),
    ask("funnels", step=["view", "view", "view"], range=AUTUMN, window="1h"),
    ask("funnels", step=["signup", "order"], range=ALL, window="90d", breakdown="type"),
    ask("funnels", steps=WANTS_TWO, range=RAGGED, window="30m", filter="props.country:exists"),
    ask("funnels", steps=WANTS_FOUR, range=ALL, window="2w", breakdown="props.flag", segment="spring"),
    ask("funnels", step=["cart", "order"], range="2025-03-30/2025-03-31", tz="Europe/Berlin", window="1m"),
    ask("funnels", step=["view", "order"], range=EMPTY),
]
RETENTION = [
    *(
        ask("retention", range=ALL, period=period, cohort=cohort, tz=tz)
        for period in ("day", "week", "month")
        for cohort in ("first_in_range", "first_ever", "recurring")
        for tz in ("UTC", "Europe/Berlin")
    ),
    ask("retention", range=SPRING, period="day", first="signup", return_="order", cohort="first_ever"),
    ask(
        "retention",
        range=AUTUMN,
        period="day",
        first="signup",
        return_="order",
        cohort="recurring",
        tz="Asia/Kolkata",
    ),
    ask(
        "retention",
        range=AUTUMN,
        period="week",
        first=json.dumps(_step(["view", "cart"], "props.v:gt:5")),
        return_="view",
    ),
    ask(
        "retention",
        range=AUTUMN,
        period="day",
        filter="props.country:eq:DE",
        segment="some",
        tz="America/New_York",
    ),
    ask("retention", range=EMPTY, period="day"),
]
PATHS = [
    ask("paths", from_="view", range=SPRING),
    ask("paths", to="order", range=ALL, steps=6, top=2),
    ask("paths", from_="view", range=ALL, node="props.path", collapse="0", steps=4, top=3),
    ask("paths", to="view", range=ALL, node="props.country", top=2),
    ask("paths", from_=json.dumps(_step([], "props.flag:eq:true")), range=AUTUMN, filter="type:ne:view"),
    ask("paths", from_="cart", range=RAGGED, segment="not-german", node="props.country", collapse="0"),
    ask("paths", from_="never", range=ALL),
]
LIFECYCLE = [
    *(
        ask("lifecycle", range=one, period=period, tz=tz)
        for one in (SPRING, ALL)
        for period in ("day", "week", "month")
        for tz in ("UTC", "Europe/Berlin", "Asia/Kolkata")
    ),
    ask("lifecycle", range=AUTUMN, period="day", type=["order", "cart"]),
    ask("lifecycle", range=AUTUMN, period="day", filter="props.v:gt:0", tz="Europe/Berlin", segment="some"),
    ask("lifecycle", range=EMPTY, period="day"),
]
TABLE = [*METRICS, *SESSIONS, *FUNNELS, *RETENTION, *PATHS, *LIFECYCLE]
