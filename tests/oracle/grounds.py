"""What can be asked of a history: its types, properties, spans, and the metrics and segments that its project has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.oracle.histories import STARTS

SPRING = "2025-03-28T00:00:00Z/2025-03-30T12:00:00Z"


@dataclass(frozen=True)
class Defined:
    """A metric that the project defined: `metric` is what it measures, in the words of `metric=`."""

    metric: str
    types: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ground:
    """The words of questions about a history; `moments` are where its ranges begin or end, by some days."""

    types: Sequence[str]
    filters: Sequence[str]
    groups: Sequence[str]
    numbers: Sequence[str]
    users: Sequence[str]
    moments: Sequence[datetime]
    defined: Mapping[str, Defined]
    segments: Mapping[str, Mapping[str, Any]]


GENERATED = Ground(
    types=("view", "cart", "order", "signup", "b\tq", "identify", "never"),
    filters=(
        *("props.country:eq:DE", "props.country:ne:DE", "props.country:in:DE,FR", "props.country:contains:E"),
        *("props.country:exists", "props.country:exists:false", "props.v:gt:10", "props.v:lte:10.5"),
        *("props.v:gte:-3", "props.v:lt:0", "props.v:eq:7", "props.v:ne:7.0", "props.v:exists"),
        *("props.flag:eq:true", "props.a.b:eq:x", "type:ne:order", "type:in:view,cart"),
        *("userId:in:u1,u2,hot", "userId:contains:1"),
    ),
    groups=("type", "props.country", "props.flag", "props.path", "props.a.b"),
    numbers=("v", "value"),
    users=("u1", "a1", "a11", "hot", "nobody"),
    moments=STARTS,
    defined={
        "orders": Defined("count", ("order",), dimensions=("props.country",)),
        "big": Defined("count", filters=("props.v:gt:5",), dimensions=("type", "props.flag")),
        "buyers": Defined("users", ("order", "cart"), dimensions=("type",)),
        "people": Defined("users"),
        "turnover": Defined("sum:props.v", dimensions=("props.country", "type")),
        "least": Defined("min:props.v", ("view",)),
        "mean": Defined("avg:props.value", ("order",)),
        "median": Defined("p50:props.v", dimensions=("props.country",)),
        "slowest": Defined("p95:props.v", ("order", "view"), ("props.flag:eq:true",)),
    },
    segments={
        "buyers": {"did": "order", "atLeast": 3},
        "not-german": {"not": {"did": {"type": "order", "filters": ["props.country:eq:DE"]}}},
        "spring": {"all": [{"did": "view", "range": SPRING}, {"not": {"did": "b\tq", "atLeast": 8}}]},
        "some": {
            "any": [
                {"did": {"type": ["cart", "signup"], "filters": ["props.v:gt:5"]}},
                {"trait": "age:lt:30"},
            ]
        },
        "seldom": {"did": "signup", "atLeast": 0, "atMost": 2},
        "pro": {"trait": "plan:eq:pro"},
        "unpaid": {"all": [{"trait": "plan:ne:pro"}, {"not": {"trait": "plan:exists"}}]},
        "deep": {
            "not": {
                "any": [
                    {"all": [{"did": "cart"}, {"trait": "age:gte:40"}]},
                    {"not": {"did": "view", "atMost": 40}},
                ]
            }
        },
        "seen": {"did": {}, "range": SPRING},
        "nobody": {"did": "never"},
    },
)
LOG = Ground(
    types=("page_view", "asset", "error", "never"),
    filters=(
        *("props.status:eq:200", "props.status:gte:400", "props.bytes:gt:50000", "props.method:ne:GET"),
        *(
            "props.path:contains:/blog/",
            "props.referrer:exists",
            "props.userAgent:contains:bot",
            "type:ne:asset",
        ),
        *("userId:contains:66.249",),
    ),
    groups=("type", "props.status", "props.method"),
    numbers=("bytes", "status"),
    users=("66.249.73.135", "46.105.14.53", "nobody"),
    moments=tuple(datetime(2015, 5, day, tzinfo=UTC) for day in (17, 18, 19, 20)),
    defined={
        "pages": Defined("count", ("page_view",), dimensions=("props.status", "props.method")),
        "readers": Defined("users", ("page_view",), ("props.userAgent:contains:Mozilla",)),
        "traffic": Defined("sum:props.bytes", dimensions=("type",)),
        "heavy": Defined("p95:props.bytes", ("page_view", "asset")),
    },
    segments={
        "readers": {"did": {"type": "page_view", "filters": ["props.path:contains:/blog/"]}, "atLeast": 2},
        "others": {"not": {"did": "error"}},
        "bots": {"did": {"filters": ["props.userAgent:contains:bot"]}, "range": "2015-05-18/2015-05-20"},
        "nobody": {"did": "never"},
    },
)
