"""Reads a COPY line back into the event it came from, for its dead letter."""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_PLAIN = {"n": "\n", "r": "\r", "t": "\t"}
_COLUMNS = 9


def event_of(line: bytes) -> bytes:
    """Return the event of a COPY line as JSON; a line that is not one of ours comes back as it is."""
    fields = line.rstrip(b"\n").decode("utf-8", "replace").split("\t")
    if len(fields) != _COLUMNS:
        return line
    _, event_id, ts, _, kind, user_id, anonymous_id, props, _ = map(_unescape, fields)
    try:
        event = {"eventId": event_id, "ts": ts, "type": kind, "userId": user_id, "props": json.loads(props)}
    except ValueError:
        return line
    if fields[6] != "\\N":
        event["anonymousId"] = anonymous_id
    return json.dumps(event, ensure_ascii=False).encode("utf-8", "replace")


def without_times(line: bytes) -> bytes:
    """Return what tells a COPY line from others. A client's retry changes when it was received, and often its time."""
    fields = line.split(b"\t")
    return line if len(fields) != _COLUMNS else b"\t".join((*fields[:2], *fields[4:]))


def plain_line(project_id: int) -> bytes:
    """Return the COPY line of an event of now with nothing in it that anybody could refuse."""
    now = datetime.now(UTC).isoformat()
    return f"{project_id}\t{uuid.uuid4()}\t{now}\t{now}\tplain\tplain\t\\N\t{{}}\t0\n".encode()


def _unescape(field: str) -> str:
    return _ESCAPE.sub(lambda match: _PLAIN.get(match[1], match[1]), field)
