"""Reads Apache and nginx access logs: the common and the combined format."""

from __future__ import annotations

import re
import uuid
from datetime import datetime
from typing import Any

_LINE = re.compile(
    rb"(?P<host>\S+) \S+ (?P<user>.+?) \[(?P<time>[^\]]+)\] "
    rb'"(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<bytes>\d+|-)'
    rb'(?: "(?P<referrer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)"?)?.*',
    re.DOTALL,
)
_ASSETS = (".png", ".jpg", ".jpeg", ".gif", ".ico", ".css", ".js", ".svg", ".woff", ".ttf", ".eot")
#: The namespace of event ids made of a file and a line number.
_NAMESPACE = uuid.UUID("8f4f1ad6-0f0f-5a2e-9f40-3c1d0c9a6f5e")


def event_of(line: bytes, *, file_sha256: str, number: int) -> dict[str, Any] | None:
    """Return line `number` (from 1) of the file as an event, or None where it is no line of an access log."""
    match = _LINE.fullmatch(line)
    if not match:
        return None
    try:
        ts = datetime.strptime(match["time"].decode(), "%d/%b/%Y:%H:%M:%S %z")
    except (ValueError, UnicodeDecodeError):
        return None
    method, path = _request(match["request"])
    status = int(match["status"])
    return {
        "eventId": str(uuid.uuid5(_NAMESPACE, f"{file_sha256}:{number}")),
        "ts": ts.isoformat(),
        "userId": _text(match["host"]),
        "type": _type(path, status),
        "props": {
            "method": method,
            "path": path,
            "status": status,
            "bytes": 0 if match["bytes"] == b"-" else int(match["bytes"]),
            "referrer": _optional(match["referrer"]),
            "userAgent": _optional(match["agent"]),
        },
    }


def _type(path: str, status: int) -> str:
    if status >= 400:
        return "error"
    return "asset" if path.partition("?")[0].lower().endswith(_ASSETS) else "page_view"


def _request(raw: bytes) -> tuple[str, str]:
    """Return method and path; a request line that is not one is kept whole as the path."""
    parts = _text(raw).split(" ")
    return (
        (parts[0], " ".join(parts[1:-1]) if len(parts) > 2 else parts[1])
        if len(parts) > 1
        else ("", parts[0])
    )


def _optional(raw: bytes | None) -> str | None:
    return None if raw is None or raw == b"-" else _text(raw)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").replace("\x00", "\ufffd")
