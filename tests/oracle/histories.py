"""Histories where it is easy to be wrong: repeats, late events, ties, changed clocks, hot users, empty days."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

#: The days around changes of clocks: New York and Berlin forwards, Berlin and New York backwards.
STARTS = [datetime(2025, month, day, tzinfo=UTC) for month, day in ((3, 8), (3, 28), (10, 24), (10, 31))]
DAYS = 5
TYPES = ["view", "view", "view", "cart", "order", "signup", "b\tq"]
_NUMBERS = [7, 7.0, -3, 10.5, 0.1, 2**53 + 1, 0, 250, 99.99]
_NO_NUMBERS = ["7", "NaN", True, None, [7]]


@dataclass(frozen=True)
class Sent:
    """An event as a client sends it."""

    id: str
    ts: datetime
    type: str
    user: str | None
    anonymous: str | None = None
    props: dict[str, Any] = field(default_factory=dict)

    def wire(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        ids = {"userId": self.user, "anonymousId": self.anonymous}
        return {
            "eventId": self.id,
            "ts": self.ts.isoformat(),
            "type": self.type,
            "props": self.props,
        } | {name: value for name, value in ids.items() if value is not None}


class _Author:
    """Writes a history from a seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def history(self, events: int) -> list[Sent]:
        """Return events in the order of sending, repeats among them."""
        chance = self._chance
        plain = [self._event() for _ in range(events)]
        hot = [self._event(user="hot", near=STARTS[1]) for _ in range(events // 8)]
        ties = [self._tie(one) for one in plain[: events // 10]]
        told = [self._told() for _ in range(events // 25)]
        fresh = [*plain, *hot, *ties, *told]
        chance.shuffle(fresh)
        return self._with_repeats(fresh)

    def _with_repeats(self, fresh: list[Sent]) -> list[Sent]:
        """Send some again, a few with other content: the first one counts."""
        sent = list(fresh)
        for one in self._chance.sample(fresh, len(fresh) // 10):
            again = one if self._chance.random() < 0.7 else replace(one, type="conflict", props={"v": 1})
            sent.insert(self._chance.randrange(sent.index(one) + 1, len(sent) + 1), again)
        return sent

    def _event(self, user: str | None = None, near: datetime | None = None) -> Sent:
        chance = self._chance
        who = user or f"u{chance.randrange(30)}"
        nameless = user is None and chance.random() < 0.2
        return Sent(
            id=self._id(),
            ts=self._moment(near),
            type=chance.choice(TYPES),
            user=None if nameless else who,
            anonymous=f"a{chance.randrange(12)}" if nameless else None,
            props=self._props(),
        )

    def _tie(self, one: Sent) -> Sent:
        """Return another event of the same user at the same moment."""
        return replace(self._event(), ts=one.ts, user=one.user, anonymous=one.anonymous)

    def _told(self) -> Sent:
        """Return an event that says who somebody is. An anonymous id is always the same user's."""
        number = self._chance.randrange(8)
        traits = {"plan": self._chance.choice(["free", "pro", None]), "age": self._chance.randrange(18, 70)}
        return Sent(self._id(), self._moment(), "identify", f"u{number}", f"a{number}", {"traits": traits})

    def _id(self) -> str:
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))

    def _moment(self, near: datetime | None = None) -> datetime:
        """Return a moment: many on the edges of minutes, hours and days, none on one day in five."""
        chance = self._chance
        day = (near or chance.choice(STARTS)) + timedelta(days=chance.choice([0, 1, 2, 4]))
        grain = chance.choice([86_400, 3600, 900, 60, 1])
        second = chance.randrange(86_400 // grain) * grain
        return day + timedelta(
            seconds=second, microseconds=chance.choice([0, 0, chance.randrange(1_000_000)])
        )

    def _props(self) -> dict[str, Any]:
        chance = self._chance
        values: dict[str, Any] = {
            "country": chance.choice(["DE", "FR", "US", "", "other", None]),
            "v": chance.choice(_NUMBERS if chance.random() < 0.8 else _NO_NUMBERS),
            "flag": chance.choice([True, False]),
            "path": chance.choice(["/", "/a", "/b", "/checkout"]),
            "a.b": chance.choice(["x", "y"]),
        }
        kept = {name: value for name, value in values.items() if chance.random() < 0.7}
        return kept | ({"value": kept["v"]} if "v" in kept else {})


def history(seed: int, events: int = 1500) -> list[Sent]:
    """Return a history in the order of sending."""
    return _Author(seed).history(events)


def parts(sent: Sequence[Sent], count: int) -> list[Sequence[Sent]]:
    """Cut a history into parts that are stored one after another."""
    size = -(-len(sent) // count)
    return [sent[start : start + size] for start in range(0, len(sent), size)]


def as_key(value: Any) -> str:
    """Return any JSON value as something that can be compared and sorted."""
    return json.dumps(value, sort_keys=True)
