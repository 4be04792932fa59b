"""The events that the campaign sends, and what each must look like in store.

Properties are written as Postgres writes jsonb, keys by length and then by bytes, so that the hash of what was sent
can be compared with the hash that SQL takes of what is stored.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from dataclasses import dataclass
from random import Random
from typing import Any

_TYPES = ("view", "search", "add_to_cart", "order")
_WORDS = ("plain", "späť", "日本", 'quo"te', "back\\slash", "tab\tnew\nline", "émoji 🎈", "a'b;--", "\\N", "")
_USERS = 400
_SECOND, _HOUR, _DAY = 1000, 3_600_000, 86_400_000
#: The oldest that is sent: the gateway's clock may be an hour ahead while clocks jump.
_OLDEST = 29 * _DAY


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `ts` in milliseconds since 1970, `props` as text."""

    id: uuid.UUID
    type: str
    user: str
    ts: int
    props: str

    def wire(self) -> str:
        """Return it as the gateway takes it."""
        return (
            f'{{"eventId":"{self.id}","type":"{self.type}","userId":"{self.user}","ts":{self.ts},'
            f'"props":{self.props}}}'
        )

    def hash(self) -> str:
        """Return the hash of what must be stored; `reconcile` in checks.sql takes the same."""
        content = f"{self.type}|{self.user}|{self.ts}|{self.props}"
        return hashlib.md5(content.encode(), usedforsecurity=False).hexdigest()

    def line(self, project: int, *, ts: str = "", props: str = "") -> bytes:
        """Return it as the COPY line that the bus carries; `ts` and `props` replace what makes it well-formed."""
        moment = ts or f"{_iso(self.ts)}"
        text = (props or self.props).replace("\\", "\\\\")
        now = _iso(int(time.time() * 1000))
        return f"{project}\t{self.id}\t{moment}\t{now}\t{self.type}\t{self.user}\t\\N\t{text}\t0\n".encode()


def body(events: list[Event]) -> bytes:
    """Return a request's body: one event alone, or a batch."""
    inside = ",".join(event.wire() for event in events)
    return (inside if len(events) == 1 else f"[{inside}]").encode()


def make(rng: Random, *, age: int | None = None) -> Event:
    """Make an event: nearly all of now, some hours late, a few weeks late; or `age` milliseconds old."""
    ago = _age(rng) if age is None else age
    return Event(
        uuid.UUID(int=rng.getrandbits(128), version=4),
        rng.choice(_TYPES),
        f"u{int(_USERS * rng.random() ** 2)}",
        int(time.time() * 1000) - ago,
        _props(rng),
    )


def make_late(rng: Random) -> Event:
    """Make an event of any age up to the oldest that is taken."""
    return make(rng, age=rng.randrange(_OLDEST))


def _age(rng: Random) -> int:
    chance = rng.random()
    if chance < 0.90:
        return rng.randrange(30 * _SECOND)
    return rng.randrange(5 * _HOUR) if chance < 0.98 else rng.randrange(_OLDEST)


def _props(rng: Random) -> str:
    props: dict[str, Any] = {"path": f"/p/{rng.randrange(50)}", "word": rng.choice(_WORDS)}
    if rng.random() < 0.4:
        props["value"] = rng.randrange(100_000)
    if rng.random() < 0.1:
        props["list"] = [1, None, True, {"deep": {"er": rng.choice(_WORDS)}}]
    ordered = dict(sorted(props.items(), key=lambda pair: (len(pair[0].encode()), pair[0].encode())))
    return json.dumps(ordered, ensure_ascii=False)


def _iso(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:03d}+00:00"
