"""Normalises events and encodes them once, as the COPY text that the processor hands to Postgres unread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

import msgspec

from events.contracts import Batch, Lane, Reject, reject_id
from events.errors import Rejected
from events.gateway import ids, timestamps
from events.gateway.limits import Limits, limits
from events.gateway.props import encode_props
from events.gateway.sanitise import sanitise
from events.plan.rules import Plan
from events.reasons import Reason, Stage

#: What COPY text must have escaped. NUL cannot occur: it was replaced.
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
FLAG_SANITISED = 1
_NULL = "\\N"
#: Partitions are days: years before anybody counted events would only make empty ones.
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Encoder:
    """Encodes the events of one request of one project; collects what was accepted and what was rejected.

    `keys` counts the JSON keys seen (for the check against repeated keys), `errors` holds
    (index, Rejected), `event_ids` the ids of the accepted events in order, `warned` counts those of them that break
    the project's `plan` (None where it has none).
    """

    project_id: int
    lane: Lane
    now: datetime
    limits: Limits
    idempotency_key: str = ""
    odd: bool = False
    plan: Plan | None = None
    keys: int = 0
    warned: int = 0
    lines: list[str] = field(default_factory=list)
    event_ids: list[str] = field(default_factory=list)
    errors: list[tuple[int, Rejected]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    _received: str = ""
    _earliest: datetime = _FIRST
    _latest: datetime = _FIRST

    def __post_init__(self) -> None:
        self._received = self.now.isoformat()
        self._latest = self.now + self.limits.max_ahead
        if self.lane is Lane.LIVE:
            self._earliest = self.now - self.limits.max_age

    def encode(self, events: Iterable[Any], sent_at: Any = None) -> None:
        """Encode every event; those that break a rule are kept as rejects beside their neighbours."""
        for index, event in enumerate(events):
            try:
                self._encode_one(index, event, sent_at)
            except Rejected as error:
                self._reject(index, event, sent_at, error)

    def batch(self) -> Batch:
        """Return what was encoded so far as one batch."""
        return Batch(
            project_id=self.project_id,
            lane=self.lane,
            events=len(self.lines),
            rows="".join(self.lines).encode(),
            rejects=tuple(self.rejects),
        )

    def _encode_one(self, index: int, event: Any, sent_at: Any) -> None:
        if not isinstance(event, dict):
            raise Rejected(Reason.WRONG_TYPE, "", "An event must be an object.")
        flags = 0
        if self.odd:
            event, flags = _storable(event)
        kind = _text(event.get("type"), "type", self.limits.type_length)
        user, anonymous = self._identity(event)
        moment = self._moment(event, sent_at)
        props = encode_props(event.get("props"), self.limits)
        event_id = self._id(event, index)
        if self.plan is not None:
            flags |= self._judged(self.plan, kind, event)
        self.keys += len(event) + props.count(b'":')
        self.lines.append(
            f"{self.project_id}\t{event_id}\t{moment}\t{self._received}\t{_copy(kind)}\t{_copy(user)}\t"
            f"{_copy(anonymous) if anonymous is not None else _NULL}\t{_copy_json(props)}\t{flags}\n"
        )
        self.event_ids.append(event_id)

    def _judged(self, plan: Plan, kind: str, event: dict[str, Any]) -> int:
        """Return the flag that the plan gives the event, if any. Raises Rejected where the plan enforces."""
        flag = plan.judge(kind, event.get("props"))
        self.warned += flag != 0
        return flag

    def _identity(self, event: dict[str, Any]) -> tuple[str, str | None]:
        """Return (user id, anonymous id): an anonymous user is known by the anonymous id."""
        user, anonymous = event.get("userId"), event.get("anonymousId")
        if anonymous is not None:
            anonymous = _text(_as_text(anonymous), "anonymousId", self.limits.user_length)
        if user is None and anonymous is not None:
            return anonymous, anonymous
        return _text(_as_text(user), "userId", self.limits.user_length), anonymous

    def _moment(self, event: dict[str, Any], sent_at: Any) -> str:
        value = event.get("ts")
        if value is None:
            value = event.get("timestamp")
            if value is None:
                return self._received
        moment = timestamps.parse(value, "ts")
        sent_at = event.get("sentAt", sent_at)
        if sent_at is not None:
            moment = timestamps.corrected(moment, sent_at, self.now)
        if not self._earliest <= moment <= self._latest:
            raise self._outside(moment)
        return moment.isoformat()

    def _outside(self, moment: datetime) -> Rejected:
        if moment > self._latest:
            minutes = self.limits.max_ahead.total_seconds() / 60
            message = f"`ts` is more than {minutes:g} minutes ahead."
        elif self.lane is Lane.LIVE:
            message = f"`ts` is more than {self.limits.max_age.days} days ago."
        else:
            message = f"`ts` lies before {_FIRST.year}."
        return Rejected(Reason.OUTSIDE_WINDOW, "ts", message)

    def _id(self, event: dict[str, Any], index: int) -> str:
        given = event.get("eventId")
        if given is not None:
            return ids.event_id(given, max_length=self.limits.id_length)
        # A retry is sent at another time: that does not make it another event.
        return self._nameless_id(_raw(_as_made(event)), index)

    def _nameless_id(self, content: bytes, index: int) -> str:
        if self.idempotency_key:
            return ids.repeatable_id(self.idempotency_key, index, content)
        return ids.new_id()

    def _reject(self, index: int, event: Any, sent_at: Any, error: Rejected) -> None:
        raw = _raw(event)
        self.keys += raw.count(b'":')
        self.errors.append((index, error))
        # An event knows its id; what is no event at all is told from its like by where it came from.
        ident = UUID(self._nameless_id(raw, index))
        if isinstance(event, dict):
            complete = self._complete(event, index, sent_at)
            raw, ident = _raw(complete), reject_id(_raw(_as_made(complete)))
        self.rejects.append(Reject(Stage.GATEWAY, error.reason, error.message, raw, error.field, ident))

    def _complete(self, event: dict[str, Any], index: int, sent_at: Any) -> dict[str, Any]:
        """Return a rejected event with what its request said of it, so that a replay has the same id and time."""
        complete = dict(event)
        if complete.get("eventId") is None:
            complete["eventId"] = self._id(event, index)
        if sent_at is not None:
            complete.setdefault("sentAt", sent_at)
        return complete


def encode_batches(
    project_id: int, lane: Lane, events: Iterable[dict[str, Any]], now: datetime, size: int = 500
) -> Iterator[Batch]:
    """Encode any number of events as batches of at most `size`, as the gateway would; rejects ride along."""
    remaining = iter(events)
    while chunk := list(islice(remaining, size)):
        encoder = Encoder(project_id, lane, now, limits(), odd=True)
        encoder.encode(chunk)
        yield encoder.batch()


def _as_made(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event without the time at which it was sent: a retry has another."""
    return {name: event[name] for name in event if name != "sentAt"}


def _as_text(value: Any) -> Any:
    """Return a whole number as text: many systems number their users."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _text(value: Any, name: str, longest: int) -> str:
    if value is None:
        raise Rejected(Reason.REQUIRED, name, f"`{name}` is required.")
    if not isinstance(value, str):
        raise Rejected(Reason.WRONG_TYPE, name, f"`{name}` must be a text.")
    value = value.strip()
    if not value:
        raise Rejected(Reason.EMPTY, name, f"`{name}` must not be empty.")
    if len(value) > longest:
        raise Rejected(Reason.TOO_LONG, name, f"`{name}` has more than {longest} characters.")
    return value


def _copy(text: str) -> str:
    """Return `text` escaped for a COPY text column."""
    return text if text.isprintable() and "\\" not in text else text.translate(_ESCAPES)


def _copy_json(encoded: bytes) -> str:
    """Return encoded JSON escaped for COPY: it holds no control character, only backslashes matter."""
    return encoded.replace(b"\\", b"\\\\").decode()


def _storable(event: dict[str, Any]) -> tuple[dict[str, Any], int]:
    try:
        clean = sanitise(event)
    except RecursionError:
        raise Rejected(Reason.TOO_DEEP, "props", "The event is nested too deeply.") from None
    return clean, 0 if clean == event else FLAG_SANITISED


def _raw(event: Any) -> bytes:
    """Return a rejected event as JSON for the dead letter; what cannot be encoded was sanitised first."""
    try:
        return msgspec.json.encode(event)
    except UnicodeEncodeError:
        return msgspec.json.encode(sanitise(event))
    except RecursionError:
        return b'"(nested too deeply to keep)"'
