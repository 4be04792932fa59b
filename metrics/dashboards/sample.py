"""A small shop that does not exist: two weeks of generated events, always the same for the same days."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

DAYS = 14
USERS = 300
#: Visits of an average day, and the weights of each weekday (from Monday) and each hour (UTC).
VISITS_A_DAY = 240
WEEKDAYS = (0.95, 0.9, 0.95, 1.0, 1.1, 1.25, 1.15)
HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 11, 12, 13, 12, 11, 11, 12, 14, 17, 20, 21, 17, 10, 5)
COUNTRIES = ("DE", "DE", "DE", "AT", "CH", "FR", "NL", "PL", "US", "GB")
DEVICES = ("phone", "phone", "phone", "desktop", "desktop", "tablet")
SOURCES = ("direct", "direct", "search", "search", "newsletter", "social", "ads")
PRODUCTS = (
    ("Teapot, stoneware", 39.0),
    ("Tea towel, linen", 12.5),
    ("Mug, speckled", 14.9),
    ("Honey, 500 g", 8.2),
    ("Bread knife", 27.0),
    ("Apron, waxed", 49.0),
    ("Candle, beeswax", 9.9),
    ("Chopping board, oak", 34.0),
    ("Jar, 1 l", 6.5),
    ("Coffee mill", 89.0),
)
PAGES = ("/", "/", "/new", "/kitchen", "/table", "/gifts", "/about")
SEARCHES = ("teapot", "mug", "gift", "knife", "linen", "honey", "board", "candle")


def shop_events(anchor: date) -> Iterator[dict[str, Any]]:
    """Yield the events of `anchor` and the `DAYS` days before it, day by day, as clients send them.

    The ids depend on the day only, so that loading twice stores once.
    """
    for back in range(DAYS, -1, -1):
        yield from _day(anchor - timedelta(days=back))


def _day(day: date) -> Iterator[dict[str, Any]]:
    random = Random(f"shop {day.isoformat()}")
    midnight = datetime.combine(day, time.min, UTC)
    season = 1 + 0.12 * math.sin(day.toordinal() / 5)
    visits = round(VISITS_A_DAY * WEEKDAYS[day.weekday()] * season * random.uniform(0.93, 1.07))
    number = 0
    for _ in range(visits):
        hour = random.choices(range(24), HOURS)[0]
        for event in _visit(random, midnight + timedelta(hours=hour, seconds=random.uniform(0, 3600))):
            number += 1
            yield {"eventId": f"sample-shop/{day.isoformat()}/{number}", **event}


def _visit(random: Random, moment: datetime) -> Iterator[dict[str, Any]]:
    """Yield one visit: some wander, some search, some put things into the cart, a few buy."""
    shopper = int(USERS * random.random() ** 1.3)
    traits = _traits(shopper)
    for kind, props in _steps(random):
        yield {
            "type": kind,
            "userId": f"shopper-{shopper + 1:03d}",
            "ts": moment.isoformat(timespec="milliseconds"),
            "props": {**traits, **props},
        }
        moment += timedelta(seconds=3 + random.expovariate(1 / 40))


def _traits(shopper: int) -> dict[str, str]:
    """Return what stays the same for a shopper."""
    random = Random(f"shopper {shopper}")
    return {"country": random.choice(COUNTRIES), "device": random.choice(DEVICES)}


def _steps(random: Random) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the (type, properties) of one visit in order."""
    yield "page_view", {"path": random.choice(PAGES), "source": random.choice(SOURCES)}
    for _ in range(_below(random, 3)):
        yield "page_view", {"path": random.choice(PAGES)}
    if random.random() < 0.3:
        yield "search", {"query": random.choice(SEARCHES), "results": random.randint(0, 24)}
    seen = [random.choice(PRODUCTS) for _ in range(_below(random, 4))]
    for name, price in seen:
        yield "product_view", {"product": name, "price": price}
    yield from _shopping(random, [product for product in seen if random.random() < 0.28])


def _shopping(random: Random, cart: list[tuple[str, float]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what a cart leads to."""
    for name, price in cart:
        yield "add_to_cart", {"product": name, "price": price, "quantity": random.choice((1, 1, 1, 2))}
    amount = round(sum(price for _, price in cart), 2)
    if cart and random.random() < 0.55:
        yield "checkout", {"items": len(cart), "amount": amount}
        if random.random() < 0.72:
            yield "purchase", {"items": len(cart), "amount": amount, "currency": "EUR"}


def _below(random: Random, average: float) -> int:
    """Return a count around `average`, never far above it."""
    return min(int(random.expovariate(1 / average) + 0.5), 12)
